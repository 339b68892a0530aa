# SPDX-License-Identifier: Apache-2.0
"""Taggers trained in plain PyTorch as weaver-core trains them: its modules, its Ranger, its flat-and-decay rate.

Modules come from weaver-core where it has them; the others are written anew (`tagger_networks`). Jets are padded to 128
particles, and cut to the longest of a batch where the module does so itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.shared.data import Absent
from benchmarks.taggers import weaver
from benchmarks.taggers.tagger_networks import PCNN, PFN, LorentzNet

FEATURES, CLASSES = 7, 2
Inputs = Mapping[str, Tensor]


@dataclass(frozen=True)
class Peer:
    make: Callable[[], nn.Module]
    call: Callable[[nn.Module, Inputs], Tensor]


def _particle_net() -> nn.Module:
    from weaver.nn.model.ParticleNet import ParticleNet

    made: nn.Module = ParticleNet(
        input_dims=FEATURES, num_classes=CLASSES, conv_params=[(7, (32, 32, 32)), (7, (64, 64, 64))],
        fc_params=[(128, 0.1)], use_fusion=False, use_fts_bn=True, use_counts=True,
    )  # fmt: skip
    return made


def _part() -> nn.Module:
    from weaver.nn.model.ParticleTransformer import ParticleTransformer

    made: nn.Module = ParticleTransformer(FEATURES, CLASSES, fc_params=[], use_pre_activation_pair=False)
    return made


PEERS: dict[str, Peer] = {
    "PFN": Peer(lambda: PFN(FEATURES, CLASSES, norm=True), lambda net, i: net(i["x"], i["mask"])),
    "PCNN": Peer(lambda: PCNN(FEATURES, CLASSES), lambda net, i: net(i["x"], i["mask"])),
    "ParticleNetLite": Peer(_particle_net, lambda net, i: net(i["points"], i["x"], i["mask"])),
    "LorentzNet": Peer(lambda: LorentzNet(CLASSES), lambda net, i: net(i["vectors"], i["mask"])),
    "ParT": Peer(_part, lambda net, i: net(i["x"], v=i["vectors"], mask=i["mask"])),
}


def tensors(jets: ak.Array) -> dict[str, Tensor]:
    """``points`` [jet, 2, 128], ``x`` [jet, 7, 128], ``vectors`` [jet, 4, 128], ``mask`` [jet, 1, 128]."""
    made = weaver.prepare(jets, np.float32)
    order = ak.argsort(-np.hypot(jets["part_px"], jets["part_py"]), axis=1, stable=True)
    momenta = [ak.values_astype(jets[f"part_{name}"][order], np.float32) for name in ("px", "py", "pz", "energy")]
    slots = made.points.shape[-1]
    padded = [ak.to_numpy(ak.fill_none(ak.pad_none(x, slots, clip=True), np.float32(0))) for x in momenta]
    mask = np.arange(slots) < made.counts[:, None]
    arrays = {"points": made.points, "x": made.features, "vectors": np.stack(padded, 1), "mask": mask[:, None]}
    return {name: torch.from_numpy(np.ascontiguousarray(a)) for name, a in arrays.items()}


class PeerRun:
    """One training; ``steps``: of all epochs."""

    def __init__(self, name: str, inputs: Inputs, truth: NDArray[np.int64], rate: float, steps: int, seed: int) -> None:
        try:
            from weaver.utils.nn.optimizer.ranger import Ranger
        except ImportError as error:
            raise Absent("weaver-core is not installed (pip install --no-deps weaver-core)") from error
        torch.manual_seed(seed)
        self.peer, self.inputs, self.truth = PEERS[name], inputs, torch.from_numpy(truth)
        self.net = self.peer.make()
        self.optimiser: Any = Ranger(self.net.parameters(), lr=rate)
        self.rate, self.step, self.steps = rate, 0, steps

    def epoch(self, training: NDArray[np.int64], batch: int, rng: np.random.Generator) -> float:
        """One pass in random order; the mean loss."""
        self.net.train()
        order, total = rng.permutation(training), 0.0
        for start in range(0, len(order), batch):
            pick = order[start : start + batch]
            for group in self.optimiser.param_groups:
                group["lr"] = self.rate * _flat_and_decay(self.step / self.steps)
            loss = F.cross_entropy(self._logits(pick), self.truth[pick])
            self.optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimiser.step()
            total += float(loss.detach()) * len(pick)
            self.step += 1
        return total / len(order)

    def probabilities(self, which: NDArray[np.int64], batch: int = 128) -> NDArray[np.float64]:
        """[jet, class]"""
        self.net.eval()
        with torch.no_grad():
            pieces = [self._logits(which[i : i + batch]).softmax(-1) for i in range(0, len(which), batch)]
        return np.asarray(torch.cat(pieces).double().numpy())

    def _logits(self, pick: NDArray[np.int64]) -> Tensor:
        return self.peer.call(self.net, {name: value[pick] for name, value in self.inputs.items()})


def _flat_and_decay(at: float) -> float:
    return 1.0 if at < 0.7 else float(0.01 ** ((at - 0.7) / 0.3))
