# SPDX-License-Identifier: Apache-2.0
"""The library's taggers at their published sizes against published modules, with the same weights.

Weights are drawn by the published module (weaver-core's where it has one, else the network written anew in
`tagger_networks`) and come to ours through the tagger's checkpoint table. Bars: equal numbers of weights; probabilities
in double precision within 1e-9 by the torch lowering, and of compiled code within 1e-5, on jets of 0 to 100 particles
that are told apart. ParticleNet, whose neighbours decide, has a benchmark of its own: `parity`; the other models are
compared with second implementations in `tests/stdlib/taggers`.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor, nn

from benchmarks.shared.interleaved import need
from benchmarks.taggers import tagger_programs as programs
from benchmarks.taggers.tagger_networks import PCNN, PFN, LorentzNet
from hepq.compiler.lower.torch.module import pad_events, to_torch
from hepq.compiler.passes.base import run_pipeline
from hepq.compiler.passes.pipelines import INFERENCE
from tests.support.tvm_call import Compiled

SLOTS = 128
COUNTS = (0, 1, 2, 5, 17, 40, 63, 100)
EXACT, ROUNDED = 1e-9, 1e-5
#: by how much probabilities of different jets must differ, for a comparison to say anything
SPREAD = 1e-3
X, PX = "x: real[part, feat]", "p: p4[part], x: real[part, feat]"
Events = Sequence[Mapping[str, NDArray[Any]]]


@dataclass(frozen=True)
class Subject:
    """``call`` in the library's ``module``, beside ``peer`` on events."""

    module: str
    parameters: str
    call: str
    peer: Callable[[int, int], nn.Module]
    logits: Callable[[nn.Module, Events], Tensor]
    prefix: str = ""
    features: int = 17
    classes: int = 10


def _x(events: Events) -> tuple[Tensor, Tensor]:
    return programs.padded(events, "x", SLOTS), programs.mask(events, SLOTS)


def transformer(**config: Any) -> Callable[[int, int], nn.Module]:
    def make(features: int, classes: int) -> nn.Module:
        from weaver.nn.model.ParticleTransformer import ParticleTransformer

        settings = {"fc_params": [], "use_pre_activation_pair": False, "trim": False, **config}
        made: nn.Module = ParticleTransformer(features, classes, **settings)
        return made

    return make


def _attended(net: nn.Module, events: Events) -> Tensor:
    x, mask = _x(events)
    found: Tensor = net(x, v=programs.padded(events, "p", SLOTS), mask=mask)
    return found


def _masked(net: nn.Module, events: Events) -> Tensor:
    found: Tensor = net(*_x(events))
    return found


def _equivariant(net: nn.Module, events: Events) -> Tensor:
    found: Tensor = net(programs.padded(events, "p", SLOTS), programs.mask(events, SLOTS))
    return found


LORENTZ = "LorentzNet[cls, clamp=100](p, stack(log1p(p.mass / 1 GeV)))"
PLAIN = transformer(pair_embed_dims=None)
SUBJECTS = {
    "ParT": Subject("part", PX, "ParT[cls](p, x)", transformer(), _attended, "mod."),
    "ParT, 45 classes": Subject("part", PX, "ParT[cls](p, x)", transformer(), _attended, "mod.", classes=45),
    "ParT plain": Subject("part", X, "ParTPlain[cls](x)", PLAIN, _attended, "mod."),
    "LorentzNet": Subject("lorentznet", "p: p4[part]", LORENTZ, lambda f, c: LorentzNet(c), _equivariant, classes=2),
    "P-CNN": Subject("pcnn", X, "PCNN[cls](x)", PCNN, _masked),
    "PFN": Subject("pfn", X, "PFN[cls](x)", PFN, _masked),
    "PFN, normalised": Subject("pfn", X, "PFN[cls, norm=true](x)", lambda f, c: PFN(f, c, norm=True), _masked),
}
QUICK = ("P-CNN", "PFN", "PFN, normalised")


@dataclass(frozen=True)
class Result:
    name: str
    ours: int
    theirs: int
    exact: float
    rounded: float
    spread: float

    @property
    def met(self) -> bool:
        return self.ours == self.theirs and self.spread > SPREAD and self.exact <= EXACT and self.rounded <= ROUNDED


def measure(name: str, seed: int) -> Result:
    s = SUBJECTS[name]
    torch.manual_seed(seed)
    built = programs.built(s.module, s.parameters, s.call, features=s.features, classes=s.classes)
    net = programs.moved(s.peer(s.features, s.classes), seed)
    with tempfile.TemporaryDirectory() as folder:
        weights = programs.imported(built, net, Path(folder), s.prefix).weights
    events = programs.jets(COUNTS, s.features, seed)
    with torch.no_grad():
        wanted = s.logits(net, events).softmax(-1).numpy()
        double = {path: value.astype(np.float64) for path, value in weights.items()}
        ours = to_torch(built.module, double).eval()(*pad_events(events, built.module, torch.float64))["output"].numpy()
    compiled = np.stack(Compiled(*run_pipeline(INFERENCE, built.module, weights))(events)["output"])
    number = sum(p.numel() for p in net.parameters())
    exact, rounded = (float(np.abs(found - wanted).max()) for found in (ours, compiled))
    spread = float(np.ptp(wanted, axis=0).max())
    return Result(name, programs.trained(built.module), number, exact, rounded, spread)


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks tagger-parity", description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{', '.join(QUICK)} only")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    need("weaver")
    names = QUICK if options.quick else tuple(SUBJECTS)
    found = [measure(name, options.seed) for name in track(names, console=Console(stderr=True))]
    table = Table("tagger", "weights", "published", "jets differ by", "double precision", "compiled", "")
    for r in found:
        table.add_row(
            r.name,
            f"{r.ours:,}",
            f"{r.theirs:,}",
            f"{r.spread:.2f}",
            f"{r.exact:.0e}",
            f"{r.rounded:.0e}",
            "" if r.met else "MISSED",
        )
    Console().print(table)
    print(f"largest difference of a probability; bars: {EXACT:.0e} and {ROUNDED:.0e}, and equal numbers of weights")
    return 0 if all(r.met for r in found) else 1
