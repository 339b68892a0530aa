# SPDX-License-Identifier: Apache-2.0
"""Gradient attributions of a compiled model's score, in torch: gradient times input, and integrated gradients.

Integrated gradients (Sundararajan, Taly, Yan, arXiv:1703.01365): (x - x') ∫₀¹ ∂F/∂x at x' + α (x - x') dα, which add up
to F(x) - F(x'). Derivatives are those by what the model proper takes: the inputs that its dataset makes of branches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hepq.compiler.driver.rebuilt import entry_names, model_inputs, rebuilt
from hepq.compiler.golden.vectors import inputs_of
from hepq.compiler.ir.node import Module, Node
from hepq.compiler.lower.torch.module import TorchModule, pad_events, to_torch
from hepq.compiler.passes.base import substitute
from hepq.compiler.schema.events import read_inputs
from hepq.core.errors import DataError
from hepq.runtime.artifact.artifact import Artifact
from hepq.runtime.events.batch import Batch
from hepq.runtime.report.attributions import Attributions, Progress
from hepq.runtime.report.scored import Score

#: events at once
CHUNK = 64
Baseline = Literal["zero", "mean"]


class Attributed:
    """A score as a function of the model's real inputs, cut off from what makes those of branches."""

    def __init__(self, artifact: Artifact, score: Score) -> None:
        built = rebuilt(artifact)
        module, weights = read_inputs(built.module), artifact.weights
        self.score, self.manifest, self.module = score, artifact.manifest, module
        self.inputs = model_inputs(built)
        self.names = {name: entry_names(built, name, node) for name, node in self.inputs.items()}
        given = {n: replace(n, op="input", operands=(), attrs=MappingProxyType({"name": name}))
                 for name, n in self.inputs.items()}  # fmt: skip
        before = Module(module.name, module.inputs, self.inputs)
        after = substitute(Module(module.name, module.inputs, {"score": module.outputs[score.output.name]}), given)
        self._before = self._net(before, weights)
        self._after = self._net(replace(after, inputs=tuple(given.values())), weights)
        self.moving = tuple(name for name, node in self.inputs.items() if node.type.elem == "real")
        if not self.moving:
            raise self.flat("no input of real numbers reaches it")

    def flat(self, why: str) -> DataError:
        help = "permutation importance needs no gradients: --by permutation"
        return DataError("HQ0832", f"{self.score.title} of {self.module.name} has no gradients", why, help)

    @staticmethod
    def _net(module: Module, weights: Mapping[str, NDArray[np.float32]]) -> TorchModule:
        found = to_torch(module, {path: np.asarray(weights[path]) for path in module.params})
        return found.double().eval().requires_grad_(False)

    def features(self, batch: Batch, events: NDArray[np.int64]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """What the model takes of some events, [events, *dims], zero at padding; and counts by ragged dim."""
        given = [inputs_of(self.module, self.manifest, batch, int(i)) for i in events]
        inputs, counts = pad_events(given, self.module, torch.float64)
        with torch.no_grad():
            return self._before(inputs, counts), counts

    def __call__(self, features: Mapping[str, Tensor], counts: Mapping[str, Tensor]) -> Tensor:
        """The score, [events]."""
        found: Tensor = self._after(features, counts)["score"]
        return self.score.sign * (found if self.score.entry is None else found[:, self.score.entry])

    def gradients(self, features: Mapping[str, Tensor], counts: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Of the score by each real input that it follows smoothly, of the input's shape.

        An input that only picks neighbours, say, has none. Raises DataError HQ0832 where no input has.
        """
        leaves = {name: features[name].detach().requires_grad_() for name in self.moving}
        total = self({**features, **leaves}, counts).sum()
        if not total.requires_grad:
            raise self.flat("none of its inputs of real numbers reaches it smoothly")
        found: Sequence[Tensor | None] = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
        return {name: gradient for name, gradient in zip(leaves, found, strict=True) if gradient is not None}


def gradients(
    artifact: Artifact, batch: Batch, score: Score, *, integrated: bool = False, baseline: Baseline = "mean",
    steps: int = 32, progress: Progress | None = None,
) -> Attributions:  # fmt: skip
    """The mean over events of Σ |attribution| over an event's particles, with its standard error.

    ``integrated``: along the straight way from ``baseline`` (zero, or the mean of each feature over all particles
    of these events) by ``steps`` points of Gauss and Legendre; else gradient times input. Inputs without gradients stay
    as they are on that way, and get 0. Events that are not scored are left out.
    Raises HepqError if the artifact's program cannot be built, DataError HQ0832 for a score without gradients.
    """
    net = Attributed(artifact, score)
    scored = np.flatnonzero(~batch.unscored)
    if not len(scored):
        raise DataError("HQ0809", "no events to attribute scores of", "none of them is scored")
    chunks = [scored[i : i + CHUNK] for i in range(0, len(scored), CHUNK)]
    origin = _means(net, batch, chunks) if integrated and baseline == "mean" else {}
    points, weights = np.polynomial.legendre.leggauss(steps)
    found, steep, residual = _Sums(net), False, 0.0
    for i, events in enumerate(chunks):
        x, counts = net.features(batch, events)
        slopes = net.gradients(x, counts)
        if integrated:
            start = {name: _filled(x[name], origin.get(name), net.inputs[name], counts) for name in slopes}
            slopes = {name: torch.zeros_like(x[name]) for name in slopes}
            for point, weight in zip((points + 1) / 2, weights / 2, strict=True):
                between = {name: s + point * (x[name] - s) for name, s in start.items()}
                for name, slope in net.gradients({**x, **between}, counts).items():
                    slopes[name] += weight * slope
            made = {name: (x[name] - start[name]) * slope for name, slope in slopes.items()}
            with torch.no_grad():
                rise = net(x, counts) - net({**x, **start}, counts)
            explained = sum((a.reshape(len(a), -1).sum(1) for a in made.values()), torch.zeros(()))
            residual = max(residual, float((explained - rise).abs().max()))
        else:
            made = {name: x[name] * slope for name, slope in slopes.items()}
        steep |= any(bool(slope.any()) for slope in slopes.values())
        found.add({name: made.get(name, torch.zeros_like(x[name])) for name in net.moving}, counts)
        if progress is not None:
            progress(i + 1, len(chunks))
    if not steep:
        raise net.flat("every derivative is 0 in every event: it counts, compares or rounds")
    values, errors = found.means()
    quantity = "mean |integrated gradient|" if integrated else "mean |gradient × input|"
    return Attributions(artifact.manifest.name, score.title, quantity, len(scored), found.names, values, errors,
                        residual=residual if integrated else None, by_rank=found.by_rank(),
                        report=batch.report)  # fmt: skip


def _means(net: Attributed, batch: Batch, chunks: list[NDArray[np.int64]]) -> dict[str, Tensor]:
    """Of each input over events, and over its ragged dims' entries: [*static dims]."""
    sums: dict[str, Tensor] = {}
    entries = dict.fromkeys(net.moving, 0.0)
    for events in chunks:
        x, counts = net.features(batch, events)
        for name in net.moving:
            ragged = [d for d in net.inputs[name].type.dims if d.ragged]
            over = [0, *(1 + i for i, d in enumerate(net.inputs[name].type.dims) if d.ragged)]
            sums[name] = sums.get(name, torch.zeros(())) + x[name].sum(over)
            many = torch.ones(len(events))
            for dim in ragged:
                many = many * counts[dim.name]
            entries[name] += float(many.sum())
    return {name: total / max(entries[name], 1.0) for name, total in sums.items()}


def _filled(like: Tensor, mean: Tensor | None, node: Node, counts: Mapping[str, Tensor]) -> Tensor:
    """The baseline in an input's shape, zero at padding as the input is."""
    if mean is None:
        return torch.zeros_like(like)
    dims = node.type.dims
    shape = [1, *(1 if d.ragged else n for d, n in zip(dims, like.shape[1:], strict=True))]
    out = mean.reshape(shape).expand_as(like).clone()
    for axis, dim in enumerate(dims, start=1):
        if dim.ragged:
            here = torch.arange(like.shape[axis]) < counts[dim.name][:, None]
            out *= here.reshape([len(like), *(like.shape[axis] if i == axis else 1 for i in range(1, like.dim()))])
    return out


class _Sums:
    """Attributions summed over events as chunks of them come, for each variable and for each rank of particles."""

    def __init__(self, net: Attributed) -> None:
        self.net = net
        self.names = tuple(entry for name in net.moving for entry in _distinct(net, name))
        self._events = 0
        self._first = np.zeros(len(self.names))
        self._second = np.zeros(len(self.names))
        self._ranks: dict[str, dict[str, NDArray[np.float64]]] = {}
        self._seen: dict[str, NDArray[np.float64]] = {}

    def add(self, made: Mapping[str, Tensor], counts: Mapping[str, Tensor]) -> None:
        sizes = []
        for name in self.net.moving:
            dims = self.net.inputs[name].type.dims
            static = [i for i, d in enumerate(dims, start=1) if not d.ragged]
            size = made[name].abs()
            size = size.movedim(static[0], -1) if len(static) == 1 else size[..., None]
            sizes.append(_summed(size, 1))
            if self._leads(name, dims[0].name if dims else ""):
                self._rank(name, dims[0].name, _summed(size, 2), counts)
        each = torch.cat(sizes, dim=1).numpy()
        self._events += len(each)
        self._first += each.sum(axis=0)
        self._second += (each**2).sum(axis=0)

    def _rank(self, name: str, dim: str, size: Tensor, counts: Mapping[str, Tensor]) -> None:
        """``size``: [events, rank, entries]."""
        there = (torch.arange(size.shape[1]) < counts[dim][:, None]).sum(0).double().numpy()
        known = self._ranks.setdefault(dim, {})
        for entry, column in zip(_distinct(self.net, name), size.sum(0).T.numpy(), strict=True):
            known[entry] = _longer(known.get(entry, np.zeros(0)), column)
        if name == next(n for n in self.net.moving if self._leads(n, dim)):
            self._seen[dim] = _longer(self._seen.get(dim, np.zeros(0)), there)

    def _leads(self, name: str, dim: str) -> bool:
        dims = self.net.inputs[name].type.dims
        return bool(dims) and dims[0].ragged and dims[0].name == dim

    def means(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """And standard errors."""
        mean = self._first / self._events
        variance = np.maximum(self._second / self._events - mean**2, 0)
        return mean, np.sqrt(variance / max(self._events - 1, 1))

    def by_rank(self) -> dict[str, dict[str, NDArray[np.float64]]]:
        """Means over the events that have so many particles."""
        return {
            dim: {name: np.divide(total, self._seen[dim], out=np.zeros_like(total), where=self._seen[dim] > 0)
                  for name, total in sums.items()}
            for dim, sums in self._ranks.items()
        }  # fmt: skip


def _summed(size: Tensor, first: int) -> Tensor:
    """Over all axes from ``first`` to the last but one."""
    over = tuple(range(first, size.dim() - 1))
    return size.sum(over) if over else size


def _longer(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sum, the shorter one padded with zeros."""
    out = np.zeros(max(len(one), len(other)))
    out[: len(one)] += one
    out[: len(other)] += other
    return out


def _distinct(net: Attributed, name: str) -> tuple[str, ...]:
    """Names of an input's entries; with the input's own name where another input has an entry of that name."""
    others = {entry for other in net.moving if other != name for entry in net.names[other]}
    return tuple(f"{name}: {entry}" if entry in others else entry for entry in net.names[name])
