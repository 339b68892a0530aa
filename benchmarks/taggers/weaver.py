# SPDX-License-Identifier: Apache-2.0
"""weaver-core's own ParticleNet with published weights: probabilities, and the neighbour lists behind them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import awkward as ak
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.shared.data import CLASSES, Absent

SLOTS, K, LAYERS = 128, 16, 3
#: (points [jet, channel, slot], k) -> indices [jet, slot, k]
Search = Callable[[torch.Tensor, int], torch.Tensor]


@dataclass(frozen=True)
class Inputs:
    """``points`` [jet, 2, slot], ``features`` [jet, 7, slot], zero beyond a jet's ``counts`` particles."""

    points: NDArray[Any]
    features: NDArray[Any]
    counts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.counts)

    def __getitem__(self, jets: Any) -> Inputs:
        return Inputs(self.points[jets], self.features[jets], self.counts[jets])


@dataclass(frozen=True)
class Result:
    """``probabilities`` [jet, class]; ``neighbours`` [jet, layer, slot, k], -1 where there is no particle."""

    probabilities: NDArray[Any]
    neighbours: NDArray[np.int32]


def prepare(jets: ak.Array, dtype: type[np.floating[Any]]) -> Inputs:
    """The kinematic inputs of the published JetClass tagger, computed in ``dtype``; particles by descending pT."""
    order = ak.argsort(-np.hypot(jets["part_px"], jets["part_py"]), axis=1, stable=True)
    particle = {
        name: ak.values_astype(jets["part_" + name][order], dtype) for name in ("px", "py", "energy", "deta", "dphi")
    }
    jet = {name: ak.values_astype(jets["jet_" + name], dtype) for name in ("pt", "energy")}
    pt = np.hypot(particle["px"], particle["py"])
    energy, deta, dphi = (particle[name] for name in ("energy", "deta", "dphi"))

    def standard(x: Any, centre: float, scale: float) -> Any:
        x = (x - dtype(centre)) * dtype(scale)
        return ak.where(x < -5, dtype(-5), ak.where(x > 5, dtype(5), x))

    features = [
        standard(np.log(pt), 1.7, 0.7), standard(np.log(energy), 2.0, 0.7),
        standard(np.log(pt / jet["pt"]), -4.7, 0.7), standard(np.log(energy / jet["energy"]), -4.7, 0.7),
        standard(np.hypot(deta, dphi), 0.2, 4.0), deta, dphi,
    ]  # fmt: skip
    counts = np.minimum(ak.to_numpy(ak.num(pt)), SLOTS)
    return Inputs(_padded([deta, dphi], dtype), _padded(features, dtype), counts)


def _padded(channels: list[ak.Array], dtype: Any) -> NDArray[Any]:
    padded = [ak.to_numpy(ak.fill_none(ak.pad_none(x, SLOTS, clip=True), dtype(0))) for x in channels]
    return np.stack(padded, axis=1).astype(dtype)


def coincident(inputs: Inputs) -> NDArray[np.bool_]:
    """Jets in which two particles have the same point, [jet]."""
    points = zip(inputs.points, inputs.counts, strict=True)
    return np.array([len(np.unique(p[:, :n], axis=1).T) < n for p, n in points], np.bool_)


def turned_round(inputs: Inputs) -> Inputs:
    """The same jets with their particles listed in the opposite order."""
    slots = np.arange(inputs.points.shape[-1])
    counts = inputs.counts[:, None]
    source = np.where(slots < counts, counts - 1 - slots, slots)[:, None]
    points, features = (np.take_along_axis(x, source, axis=-1) for x in (inputs.points, inputs.features))
    return Inputs(points, features, inputs.counts)


def load(weights: Path, dtype: torch.dtype) -> torch.nn.Module:
    """ParticleNet in the published sizes; raises ``Absent`` without weaver-core."""
    try:
        from weaver.nn.model.ParticleNet import ParticleNet
    except ImportError as error:
        raise Absent("weaver-core is not installed (pip install --no-deps weaver-core)") from error
    model: torch.nn.Module = ParticleNet(
        input_dims=7, num_classes=len(CLASSES), conv_params=[(K, (w, w, w)) for w in (64, 128, 256)],
        fc_params=[(256, 0.1)], use_fusion=False, use_fts_bn=True, use_counts=True, trim=False,
    )  # fmt: skip
    state = torch.load(weights, map_location="cpu", weights_only=True)
    model.load_state_dict({name.removeprefix("mod."): value for name, value in state.items()})
    return model.eval().to(dtype)


def exact_search(points: torch.Tensor, k: int) -> torch.Tensor:
    """hepq's definition: distances by differences, i itself never a neighbour, ties to the lower index."""
    distance = (points[:, :, :, None] - points[:, :, None, :]).square().sum(dim=1)
    distance.diagonal(dim1=1, dim2=2).fill_(torch.inf)
    return distance.sort(dim=-1, stable=True).indices[:, :, :k]


def run(
    model: torch.nn.Module,
    inputs: Inputs,
    *,
    search: Search | None = None,
    given: NDArray[np.int32] | None = None,
    batch: int = 8,
) -> Result:
    """Score jets. Neighbours come from ``search``, by default weaver-core's, or are ``given``: [jet, layer, slot, k].

    weaver-core's own takes the first k + 1 by distances expanded as x² - 2xy + y², and drops the first in the belief
    that it is the particle itself.

    Jets are batched by multiplicity and cut to the longest of a batch, which saves weaver-core most of its padding.
    A neighbour -1 stands for a padded slot, whose features are zero.
    """
    import weaver.nn.model.ParticleNet as module

    dtype = next(model.parameters()).dtype
    probabilities = np.empty((len(inputs), len(CLASSES)), inputs.features.dtype)
    neighbours = np.full((len(inputs), LAYERS, SLOTS, K), -1, np.int32)
    order = np.argsort(-inputs.counts, kind="stable")
    for start in range(0, len(order), batch):
        chosen = order[start : start + batch]
        part = inputs[chosen]
        # one slot more than neighbours; and a padded one, for the jets that lack some
        slots = min(max(int(part.counts.max()), K) + 1, SLOTS)
        valid = torch.arange(slots) < torch.from_numpy(part.counts)[:, None]
        points, features = (torch.from_numpy(x[..., :slots]).to(dtype) for x in (part.points, part.features))
        recorder = _Recorder(search or module.knn if given is None else _Given(given[chosen, :, :slots]))
        with torch.inference_mode(), patch.object(module, "knn", recorder):
            probabilities[chosen] = torch.softmax(model(points, features, valid[:, None]), dim=1).numpy()
            for layer, index in enumerate(recorder.layers):
                real = valid[:, :, None] & valid.gather(1, index.flatten(1)).view(index.shape)
                neighbours[chosen, layer, :slots] = torch.where(real, index, -1).numpy()
    return Result(probabilities, neighbours)


@dataclass
class _Recorder:
    search: Search
    layers: list[torch.Tensor] = field(default_factory=list)

    def __call__(self, points: torch.Tensor, k: int) -> torch.Tensor:
        self.layers.append(self.search(points, k))
        return self.layers[-1]


@dataclass
class _Given:
    """Hands out known neighbours [jet, layer, slot, k], one layer at each call."""

    neighbours: NDArray[np.int32]
    layer: int = 0

    def __call__(self, points: torch.Tensor, k: int) -> torch.Tensor:
        index = torch.from_numpy(self.neighbours[:, self.layer].astype(np.int64))
        self.layer += 1
        return torch.where(index < 0, points.shape[-1] - 1, index)
