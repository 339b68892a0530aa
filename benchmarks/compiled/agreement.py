# SPDX-License-Identifier: Apache-2.0
"""Reference interpreter against passes, torch, compiled CPU code and ONNX: the whole library and random programs."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.shared.stdlib_programs import PROGRAMS, declared, event_of, module_of, moved_weights
from hepq.compiler.ir.interpret import evaluate, run
from hepq.compiler.ir.node import Module
from hepq.compiler.lower.torch.module import pad_events, to_torch
from hepq.compiler.passes.base import run_pipeline
from hepq.compiler.passes.pipelines import INFERENCE
from tests.support.flat import flat_outputs
from tests.support.generate import ODD, random_events, random_weights, seeded_module
from tests.support.ort_call import Loaded
from tests.support.tvm_call import Compiled

Array = np.ndarray[Any, Any]
Outputs = Mapping[str, Sequence[Array]]

#: |difference| <= tolerance * max(1, |reference|); float32 back ends may also lose 10 times what the
#: interpreter itself loses in float32 (cancellation, as in E^2 - p^2, is no fault of theirs)
TOLERANCE = {"passes": 1e-9, "torch f64": 1e-9, "torch f32": 1e-5, "cpu f32": 1e-5, "onnx f32": 1e-5}
OWN_LOSS = 10.0
#: columns of what passes have rewritten
COMPILED = ("cpu f32", "onnx f32")
COLUMNS = (*TOLERANCE, "interpreter f32")


@dataclass(frozen=True)
class Case:
    name: str
    module: Module
    weights: Mapping[str, Array]
    events: list[dict[str, Array]]


@dataclass(frozen=True)
class Result:
    """Largest relative differences by column; ``missed`` names the columns above their tolerance."""

    name: str
    events: int
    largest: Mapping[str, float]
    missed: tuple[str, ...]


def measure(case: Case) -> Result:
    """Every back end on the events whose neighbour lists do not hang on rounding.

    Rewritten sums of infinite numbers may be infinite or NaN: compiled code is compared with what was compiled, and
    passes are on events without infinite numbers.
    """
    module, weights = case.module, case.weights
    events = [e for e in case.events if is_stable(module, e, weights)]
    reference = run(module, events, weights)
    optimised, folded = run_pipeline(INFERENCE, module, weights, verify_each=True)
    double = {path: np.asarray(value, np.float64) for path, value in weights.items()}
    rewritten = _interpret_optimised(module, events, double)
    results: dict[str, Outputs] = {
        "torch f64": _torch(module, events, weights, torch.float64),
        "torch f32": _torch(module, events, weights, torch.float32),
        "cpu f32": _tried(case.name, lambda: Compiled(optimised, folded)(events)),
        "onnx f32": _tried(case.name, lambda: Loaded(optimised, folded)(events)),
        "interpreter f32": run(module, events, weights, np.float32),
    }
    largest = {c: difference(v, rewritten if c in COMPILED else reference) for c, v in results.items()}
    finite = [i for i, event in enumerate(events) if not any(np.isinf(v).any() for v in event.values())]
    largest["passes"] = difference(*({n: [v[i] for i in finite] for n, v in r.items()} for r in (rewritten, reference)))
    missed = []
    for column, tolerance in TOLERANCE.items():
        allowed = max(tolerance, OWN_LOSS * largest["interpreter f32"] if "f32" in column else 0.0)
        if not largest[column] <= allowed:
            missed.append(column)
    return Result(case.name, len(events), largest, tuple(missed))


def is_stable(module: Module, event: Mapping[str, Array], weights: Mapping[str, Array]) -> bool:
    """Are the neighbour lists the same in float32? If not, a near-tie decides, and any answer is right."""
    lists = [n for n in module.walk() if n.op == "knn"]
    double, single = (evaluate(module, lists, event, weights, dtype) for dtype in (np.float64, np.float32))
    return all(np.array_equal(double[n], single[n]) for n in lists)


def _interpret_optimised(
    module: Module, events: Sequence[Mapping[str, Array]], weights: Mapping[str, Array]
) -> Outputs:
    optimised, folded = run_pipeline(INFERENCE, module, weights)
    return run(optimised, events, folded)


@torch.no_grad()
def _torch(module: Module, events: Sequence[Mapping[str, Array]], weights: Any, dtype: torch.dtype) -> Outputs:
    model = to_torch(module, weights).to(dtype).eval()
    inputs, counts = pad_events(events, module, dtype)
    padded = model(inputs, counts)
    sizes = {name: n.tolist() for name, n in counts.items()}
    return {
        name: [
            padded[name][i][tuple(slice(sizes[d.name][i] if d.ragged else d.size) for d in node.type.dims)].numpy()
            for i in range(len(events))
        ]
        for name, node in module.outputs.items()
    }


def _tried(name: str, compiled: Callable[[], Outputs]) -> Outputs:
    """No outputs where the program does not compile: then the bar is missed, and the others are still measured."""
    try:
        return compiled()
    except Exception as error:
        print(f"{name} does not compile: {str(error).splitlines()[0]}")
        return {}


def difference(got: Outputs, reference: Outputs) -> float:
    """Largest |got - reference| / max(1, |reference|); infinite where one is not finite and the other is."""
    if got.keys() != reference.keys():
        return np.inf
    worst = 0.0
    for name, values in reference.items():
        for a, b in zip(got[name], values, strict=True):
            if a.shape != b.shape:
                return np.inf
            x, y = np.asarray(a, np.float64), np.asarray(b, np.float64)
            same = (x == y) | (np.isnan(x) & np.isnan(y))
            with np.errstate(invalid="ignore"):
                gap = np.where(same, 0.0, np.abs(x - y) / np.maximum(1.0, np.abs(y)))
            worst = max(worst, float(np.nan_to_num(gap, nan=np.inf).max(initial=0.0)))
    return worst


# --- cases ----------------------------------------------------------------------------------


def library_cases(quick: bool) -> Iterator[Case]:
    for library, programs in PROGRAMS.items():
        for name in programs:
            rng = np.random.default_rng(len(name))
            module = module_of(library, name)
            counts = [0, 1, 2, 40] if quick else [0, 1, 2, 3, 40, *rng.integers(4, 40, 27).tolist()]
            yield Case(
                f"{library}.{name}", module, moved_weights(module, rng), [event_of(module, n, rng) for n in counts]
            )


def random_cases(count: int, seed: int) -> Iterator[Case]:
    for i in range(seed, seed + count):
        module, rng = flat_outputs(seeded_module(i, 20)), np.random.default_rng(i)
        yield Case(f"random {i}", module, random_weights(module, rng), random_events(module, rng, 6, odd=ODD * (i % 2)))


# --- the report -----------------------------------------------------------------------------


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks agreement", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few events, 10 random programs")
    parser.add_argument("--programs", type=int, help="number of random programs (default 100)")
    parser.add_argument("--seed", type=int, default=0, help="number of the first random program")
    options = parser.parse_args(argv)
    count = options.programs if options.programs is not None else 10 if options.quick else 100
    torch.set_num_threads(1)
    start = time.perf_counter()
    untried = [f"{lib}.{n}" for lib, programs in PROGRAMS.items() for n in declared(lib) if n not in programs]
    library = [measure(case) for case in library_cases(options.quick)]
    random = [measure(case) for case in random_cases(count, options.seed)]
    _print(library, random)
    missed = [r for r in (*library, *random) if r.missed]
    for result in missed:
        print(f"MISSED {result.name}: " + ", ".join(f"{c} {result.largest[c]:.1e}" for c in result.missed))
    if untried:
        print(f"MISSED no program for {', '.join(untried)}")
    print(f"{len(library)} library programs, {count} random programs, {time.perf_counter() - start:.0f} s: "
          + ("a bar was missed" if missed or untried else "every bar met"))  # fmt: skip
    return 1 if missed or untried else 0


def _print(library: Sequence[Result], random: Sequence[Result]) -> None:
    table = Table(title="largest |difference| / max(1, |reference|)", title_justify="left")
    table.add_column("program")
    table.add_column("events", justify="right")
    for column in COLUMNS:
        bar = f"\n<= {TOLERANCE[column]:.0e}" if column in TOLERANCE else "\n"
        table.add_column(column + bar, justify="right")
    for result in library:
        table.add_row(result.name, str(result.events), *(f"{result.largest[c]:.1e}" for c in COLUMNS))
    if random:
        largest = {c: max(r.largest[c] for r in random) for c in COLUMNS}
        events = str(sum(r.events for r in random))
        table.add_row(f"{len(random)} random", events, *(f"{largest[c]:.1e}" for c in COLUMNS))
    Console(width=120).print(table)
