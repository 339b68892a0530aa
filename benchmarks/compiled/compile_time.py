# SPDX-License-Identifier: Apache-2.0
"""How long the library's jet taggers, at their published sizes, take to become machine code.

From text to a shared library: checking, building, passes, lowering and LLVM; processor time, as TVM works on all cores.
The bar: a minute each. Writing the artifact is not counted.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.taggers import tagger_programs as programs
from benchmarks.taggers.tagger_parity import LORENTZ, PX, X
from hepq.compiler.lower.cpu import lower
from hepq.compiler.passes.base import run_pipeline
from hepq.compiler.passes.pipelines import INFERENCE
from hepq.compiler.targets import cpu
from hepq.compiler.weights.initialise import initial_weights

GRAPH = "pos: real[part, xy], x: real[part, feat]"
CALLS = {
    "ABCNet": ("abcnet", f"{GRAPH}, jet: real[xy]", "ABCNet[cls](pos, x, jet)"),
    "JEDINet": ("jedinet", X, "JEDINet[cls](x)"),
    "LGN": ("lgn", "p: p4[part]", "LGN[cls](p, stack(0.005 * p.mass / 1 GeV))"),
    "LorentzNet": ("lorentznet", "p: p4[part]", LORENTZ),
    "ParT": ("part", PX, "ParT[cls](p, x)"),
    "ParticleNet": ("particlenet", GRAPH, "ParticleNet[cls](pos, x)"),
    "PCNN": ("pcnn", X, "PCNN[cls](x)"),
    "PCT": ("pct", GRAPH, "PCT[cls](pos, x)"),
    "PFN": ("pfn", X, "PFN[cls](x)"),
    "RPCN": ("rpcn", GRAPH, "RPCN[cls](pos, x)"),
}
QUICK = ("PFN", "PCNN", "ParticleNet")
BAR = 60.0


@dataclass(frozen=True)
class Result:
    """``seconds`` of processor time; ``library``: bytes."""

    tagger: str
    weights: int
    library: int
    seconds: float

    @property
    def met(self) -> bool:
        return self.seconds < BAR


def measure(tagger: str, seed: int) -> Result:
    start = time.process_time()
    built = programs.built(*CALLS[tagger])
    code = lower(*run_pipeline(INFERENCE, built.module, initial_weights(built.module, seed)), cpu.parse("cpu"))
    seconds = time.process_time() - start
    return Result(tagger, programs.trained(built.module), len(code.library), seconds)


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks compile-time", description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{', '.join(QUICK)} only")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    names = QUICK if options.quick else tuple(CALLS)
    found = [measure(name, options.seed) for name in track(names, console=Console(stderr=True))]
    table = Table("tagger", "weights", "library", "seconds", "")
    for r in found:
        table.add_row(
            r.tagger, f"{r.weights:,}", f"{r.library / 1000:,.0f} kB", f"{r.seconds:.1f}", "" if r.met else "MISSED"
        )
    Console().print(table)
    return 0 if all(r.met for r in found) else 1
