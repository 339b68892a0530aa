# SPDX-License-Identifier: Apache-2.0
"""Golden vectors: events, and what the reference interpreter gives for them in float64.

An event is left out as decided by rounding, say by a near-tie between neighbours, only if the interpreter itself, on
inputs perturbed by a few float32 rounding errors (``perturbed``), moves beyond the tolerance. Compiled code is never
asked. Also left out is what the program refuses, and what is infinite or exceeds float32 on the way.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.compiler.golden.events import candidates
from hepq.compiler.ir import whole
from hepq.compiler.ir.as_read import as_read
from hepq.compiler.ir.interpret import evaluate, run_event
from hepq.compiler.ir.node import Module
from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.core.errors import DataError
from hepq.runtime.artifact.golden import Golden
from hepq.runtime.artifact.manifest import Branch, Described, EventSchema, GoldenInfo
from hepq.runtime.engine import outputs
from hepq.runtime.events.batch import Batch, prepare
from hepq.runtime.events.columns import Plain, Raw, Reader, joined

#: golden events where no number is asked for
WANTED = 16
TOLERANCE = 1e-5
#: tried in turn, from a model's own on: until rounding moves no more than half of the events beyond it
TOLERANCES = (1e-5, 1e-4, 1e-3)
#: of models whose circuits turn by what compiled code computes in float32: support vectors add up many small errors
CIRCUIT_TOLERANCE = 1e-4
#: events that may be unfit for other reasons than rounding, for each that is wanted
PATIENCE = 8
#: rounding errors, 2^-24 of a number, that each input is off by; patterns of signs tried
ERRORS, PATTERNS = 4, 2
Weights = Mapping[str, NDArray[Any]]


def golden_vectors(
    module: Module, weights: Weights, manifest: Described, data: Path | None, folder: Path,
    wanted: int = WANTED, read: Reader | None = None, seed: int = 0,
) -> tuple[Golden, GoldenInfo]:  # fmt: skip
    """Up to ``wanted`` events (fewer where the files hold fewer) with their reference outputs, and how many were left
    out. ``data``, ``folder``: where events come from, as ``golden.events.candidates`` has it.

    The tolerance is ``manifest.golden``'s, or the next of ``TOLERANCES`` beyond which rounding moves at most half of
    the events: pairs of light particles in ParT keep few digits of float32. Raises HepqError HQ0766 where there is
    none, DataError HQ0850 or HQ0852 for circuits whose states do not fit in memory.
    """
    events, made_up = candidates(manifest, data, folder, np.random.default_rng(seed), read or Plain(manifest))
    first = list(islice(events, wanted))
    whole_columns = _whole(manifest, first)
    moves = (_tried(module, weights, manifest, raw, whole_columns) for raw in chain(first, events))
    drawn: list[_Tried] = []
    finest = manifest.golden.tolerance
    for tolerance in (t for t in TOLERANCES if t >= finest):
        kept, rounding, unfit = _select(drawn, moves, wanted, tolerance)
        if rounding <= len(kept):
            break
    else:
        raise HepqError(
            [diag("HQ0766", name=module.name, count=rounding, tried=rounding + len(kept), errors=ERRORS,
                  tolerance=f"{tolerance:g}")]
        )  # fmt: skip
    raw = joined(manifest, [tried.raw for tried in kept])
    found = _laid_out(manifest, prepare(manifest, raw), [tried.exact for tried in kept], np.float64)
    info = GoldenInfo(events=len(kept), tolerance=tolerance, rounding=rounding, unfit=unfit, made_up=made_up,
                      exceeded=finest if tolerance > finest else None)  # fmt: skip
    return Golden(raw, {k: v.astype(_stored_as(module, k)) for k, v in found.items()}), info


def _stored_as(module: Module, output: str) -> type[np.int64 | np.float32 | np.float64]:
    """Of whole numbers that are compared exactly int64, of those that real ones were cast to float64."""
    node = module.outputs[output]
    if node.type.elem != "int":
        return np.float32
    return np.int64 if whole.exact(node) else np.float64


def reference(module: Module, weights: Weights, manifest: Described, raw: Raw, dtype: Any) -> dict[str, NDArray[Any]]:
    """The interpreter's outputs for raw events, laid out as the engine's."""
    batch = prepare(manifest, raw)
    events = (inputs_of(module, manifest, batch, i) for i in range(raw.events))
    return _laid_out(manifest, batch, [run_event(module, event, weights, dtype) for event in events], dtype)


def _laid_out(manifest: Described, batch: Batch, events: Sequence[Weights], dtype: Any) -> dict[str, NDArray[Any]]:
    """Outputs of each of the ``events``, as the engine lays those of their ``batch`` out."""
    kinds = {o.name: np.int64 if o.elem == "int" else dtype for o in manifest.outputs}
    computed = {
        o.name: _assemble(manifest, o, [event[o.name] for event in events]).astype(kinds[o.name])
        for o in manifest.outputs
    }
    return outputs.scatter(manifest, batch, computed)


def inputs_of(module: Module, manifest: EventSchema, batch: Batch, i: int) -> dict[str, NDArray[Any]]:
    """One event's inputs, at its true multiplicity."""
    found: dict[str, NDArray[Any]] = {}
    for value in manifest.inputs:
        dim, shape = manifest.ragged_dim(value.dims), manifest.static_shape(value.dims)
        content = batch.contents[value.name]
        width = manifest.width(value.dims)
        lo, hi = (i, i + 1) if dim is None else (batch.offsets[dim.name][i], batch.offsets[dim.name][i + 1])
        flat = content.reshape(-1)[lo * width : hi * width]
        event = flat.reshape(shape if dim is None else (hi - lo, *shape))
        found[value.name] = event if value.whole else event.astype(np.float64)
    return found


def _assemble(manifest: Described, output: Any, values: list[NDArray[Any]]) -> NDArray[Any]:
    shape = manifest.static_shape(output.dims)
    if manifest.ragged_dim(output.dims) is None:
        return np.stack(values).reshape(len(values), *shape) if values else np.zeros((0, *shape))
    if manifest.inner_dim(output.dims) is not None:
        values = [v.reshape(v.shape[0] * v.shape[1], *shape) for v in values]
    return np.concatenate(values) if values else np.zeros((0, *shape))


def _exact(module: Module, weights: Weights, inputs: Weights) -> dict[str, NDArray[Any]] | None:
    """The interpreter's outputs of one event; None where numbers leave float32's range on the way."""
    values = evaluate(module, module.outputs.values(), inputs, weights)
    largest = float(np.finfo(np.float32).max)
    for value in values.values():
        if value.dtype.kind == "f" and (np.isfinite(value) & (np.abs(value) > largest)).any():
            return None
    found = {name: values[node] for name, node in module.outputs.items()}
    return None if any(np.isinf(value).any() for value in found.values() if value.dtype.kind == "f") else found


@dataclass(frozen=True)
class _Tried:
    """One event: its outputs, and how far rounding moves them, no further than the last tolerance; None: unfit."""

    raw: Raw
    exact: Weights = field(default_factory=dict)
    move: float | None = None


def _select(
    drawn: list[_Tried], moves: Iterator[_Tried], wanted: int, tolerance: float
) -> tuple[list[_Tried], int, int]:
    """The events that stay within the tolerance, how many do not, how many are unfit: of those ``drawn``, and more."""
    kept: list[_Tried] = []
    rounding = unfit = 0
    place = 0
    while len(kept) < wanted and rounding <= wanted and unfit <= PATIENCE * wanted:
        if place == len(drawn):
            drawn.extend(islice(moves, 1))
            if place == len(drawn):
                break
        tried = drawn[place]
        place += 1
        if tried.move is None:
            unfit += 1
        elif tried.move > tolerance:
            rounding += 1
        else:
            kept.append(tried)
    return kept, rounding, unfit


def _whole(manifest: Described, events: Sequence[Raw]) -> set[str]:
    """Real columns that have nothing but whole numbers below 2^24 in all ``events``, such as a charge or a count."""
    return {c.name for c in manifest.columns if c.elem == "real" and all(_is_whole(c, raw) for raw in events)}


def _is_whole(column: Branch, raw: Raw) -> bool:
    numbers = raw.contents[column.name].astype(np.float64) * column.factor
    numbers = numbers[np.isfinite(numbers)]
    return bool(((np.abs(numbers) < whole.LARGEST) & (numbers == np.trunc(numbers))).all())


def _tried(module: Module, weights: Weights, manifest: Described, raw: Raw, whole_columns: Collection[str]) -> _Tried:
    try:
        batch = prepare(manifest, raw)
    except DataError:  # the program refuses it
        return _Tried(raw)
    inputs = inputs_of(module, manifest, batch, 0)
    if batch.unscored[0]:  # NaN whatever the interpreter gives
        return _Tried(raw, run_event(module, inputs, weights), 0.0)
    exact = _exact(module, weights, inputs)
    if exact is None:
        return _Tried(raw)
    largest, sharp = 0.0, {name for name, node in module.outputs.items() if whole.exact(node)}
    certain = {v.name for v in manifest.inputs if v.elem != "real"} | (_whole(manifest, [raw]) & set(whole_columns))
    for moved in perturbed(module, inputs, weights, whole_inputs=certain):
        largest = max(largest, largest_move(exact, moved, sharp))
        if largest > TOLERANCES[-1]:
            break
    return _Tried(raw, exact, largest)


def perturbed(
    module: Module, inputs: Weights, weights: Weights, seed: int = 0, whole_inputs: Collection[str] = ()
) -> Iterator[dict[str, NDArray[Any]]]:
    """Outputs of one event as ``run_event`` gives them, for ``2 * PATTERNS`` sets of errors, drawn from ``seed``.

    Equal numbers are off by equally much, since equal computations round alike: particles of one cell stay in one cell.
    Each pattern of errors is tried with either sign, as a near-tie falls to one side. Neighbours by coordinates as they
    are read stay what they are: ``as_read`` says why; and so does what ``whole.settled`` names of ``whole_inputs``.
    """
    certain = [n for n in module.walk() if n.op == "knn" and as_read(n.operands[0])]
    found = evaluate(module, certain, inputs, weights)
    forced = {node: found[node] for node in certain} | whole.settled(module, inputs, weights, whole_inputs)
    reals = {n["name"] for n in module.inputs if n.type.elem not in ("int", "bool", "index")}
    rng = np.random.default_rng(seed)
    for _ in range(PATTERNS):
        errors = {name: _errors(value, rng) for name, value in inputs.items() if name in reals}
        for sign in (1, -1):
            moved = {**inputs, **{name: inputs[name] + sign * error for name, error in errors.items()}}
            yield run_event(module, moved, weights, np.float64, forced)


def _errors(value: NDArray[Any], rng: np.random.Generator) -> NDArray[np.float64]:
    numbers, which = np.unique(value, return_inverse=True)
    errors = numbers * (ERRORS * 2.0**-24) * rng.choice([-1.0, 1.0], len(numbers))
    made: NDArray[np.float64] = errors[which].reshape(value.shape)
    return made


def largest_move(
    exact: Mapping[str, NDArray[Any]], moved: Mapping[str, NDArray[Any]], sharp: Collection[str] = ()
) -> float:
    """The largest ``|moved - exact| / max(1, |exact|)``; infinite where only one of the two is a number, and for any
    move of an output in ``sharp``."""
    found = 0.0
    for name, value in exact.items():
        with np.errstate(invalid="ignore"):
            exactly, then = value.astype(np.float64), moved[name].astype(np.float64)
            apart = np.abs(then - exactly) / np.maximum(1.0, np.abs(exactly))
        same = (then == exactly) | (np.isnan(then) & np.isnan(exactly))
        apart = np.where(same, 0.0, np.where(np.isnan(apart), np.inf, apart))
        if name in sharp:
            apart = np.where(value == moved[name], 0.0, np.inf)
        found = max(found, float(apart.max(initial=0.0)))
    return found
