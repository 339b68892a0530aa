# SPDX-License-Identifier: Apache-2.0
"""A straight-line program over named dims, run in NumPy on a whole batch: angles of circuits, and what follows them.

It is data (JSON), not code. Every value is an array [events, *dims]; what is the same for all events has one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, JsonValue, model_validator

from hepq.core.circuits import Circuit
from hepq.core.errors import ArtifactError
from hepq.core.ops.rules import Rules
from hepq.core.ops.table import OPS, QUANTUM, REDUCE
from hepq.runtime.engine.program_check import check
from hepq.runtime.events.elementwise import NUMPY

Array = NDArray[Any]
#: a dim: its name with primes, and its size; None where events differ
Dim = tuple[str, int | None]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Step(_Frozen):
    """One operation; ``args`` are indices of earlier steps. Names and attributes are those of the compiler's IR."""

    op: str
    args: tuple[int, ...] = ()
    elem: Literal["real", "int", "bool"] = "real"
    dims: tuple[Dim, ...] = ()
    attrs: dict[str, JsonValue] = {}


class Program(_Frozen):
    """``inputs``: the names that ``input`` steps read. ``circuits``: what quantum steps number in their attributes."""

    inputs: dict[str, tuple[Dim, ...]]
    steps: tuple[Step, ...]
    outputs: dict[str, int]
    circuits: tuple[dict[str, JsonValue], ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for i, step in enumerate(self.steps):
            if step.op not in RULES and step.op not in QUANTUM:
                raise ValueError(f"step {i}: no operation {step.op}")
            if not all(0 <= a < i for a in step.args):
                raise ValueError(f"step {i} uses a later one")
            for key in OPS[step.op].circuits:
                number = step.attrs.get(key)
                if not (isinstance(number, int) and 0 <= number < len(self.circuits)):
                    raise ValueError(f"step {i}: no circuit {number}")
        if any(not 0 <= i < len(self.steps) for i in self.outputs.values()):
            raise ValueError("an output that no step gives")
        check(self)
        return self

    @cached_property
    def compiled(self) -> tuple[Circuit, ...]:
        """The circuits. Raises ValueError for one that is malformed."""
        return tuple(Circuit.from_json(c) for c in self.circuits)

    @property
    def quantum(self) -> tuple[int, ...]:
        """Which steps measure circuits."""
        return tuple(i for i, step in enumerate(self.steps) if step.op in QUANTUM)

    @property
    def ragged(self) -> frozenset[str]:
        """Dims, without primes, that differ between events: such a program runs on one event at a time."""
        return frozenset(d.rstrip("'") for step in self.steps for d, size in step.dims if size is None)


@dataclass(frozen=True)
class Context:
    """``sizes``: of ragged dims, in this call."""

    program: Program
    inputs: Mapping[str, Array]
    weights: Mapping[str, Array]
    sizes: Mapping[str, int]

    def size(self, dim: Dim) -> int:
        return dim[1] if dim[1] is not None else self.sizes[dim[0].rstrip("'")]

    def shape(self, dims: Sequence[Dim]) -> tuple[int, ...]:
        return tuple(self.size(d) for d in dims)


Rule = Callable[[Step, Sequence[Step], Sequence[Array], Context], Any]
#: op -> (step, operands' steps, operands' values, context) -> value; what ``evaluate`` is given measures circuits
RULES: Rules[Rule] = Rules(
    "program", illegal=("knn", "gather", "window", "batch_norm", "dropout", "stop_gradient"), elsewhere=QUANTUM
)


def evaluate(
    program: Program, inputs: Mapping[str, Array], weights: Mapping[str, Array], measure: Rule
) -> dict[str, Array]:
    """Outputs by name, [events or 1, *dims], in float64. ``inputs``: [events, *dims] each.

    ``measure`` gives the value of a quantum step, from the step, its operands' steps and their values.
    Raises ArtifactError HQ0840 for a step that cannot be done: its attributes, operands or shapes are wrong.
    """
    sizes: dict[str, int] = {}
    for name, dims in program.inputs.items():
        shape = np.shape(inputs[name])[1:]
        found = {d.rstrip("'"): n for (d, size), n in zip(dims, shape, strict=False) if size is None}
        if len(shape) != len(dims) or any(size not in (None, n) for (_, size), n in zip(dims, shape, strict=True)):
            why = f"input {name} has shape {list(shape)} over {list(dims)}"
            raise ArtifactError("HQ0840", "malformed program in an artifact", why)
        sizes |= found
    context = Context(program, inputs, weights, sizes)
    values: list[Array] = []
    with np.errstate(all="ignore"):
        for step in program.steps:
            operands, args = [program.steps[a] for a in step.args], [values[a] for a in step.args]
            value = (
                measure(step, operands, args, context) if step.op in QUANTUM else _done(step, operands, args, context)
            )
            values.append(np.asarray(value, _DTYPES[step.elem]))
    return {name: values[i] for name, i in program.outputs.items()}


def _done(step: Step, operands: Sequence[Step], args: Sequence[Array], context: Context) -> Any:
    try:
        value = np.asarray(RULES[step.op](step, operands, args, context))
        shape = context.shape(step.dims)
        if value.ndim != 1 + len(shape) or any(n not in (1, m) for n, m in zip(value.shape[1:], shape, strict=True)):
            raise ValueError(f"it gives shape {value.shape[1:]}, not {shape}")
        return value
    except (KeyError, IndexError, TypeError, ValueError, OverflowError, AttributeError, MemoryError) as error:
        what = str(error) or "it does not fit in memory"
        why = f"step {step.op} over {[d for d, _ in step.dims]}: {what}"
        raise ArtifactError("HQ0840", "malformed program in an artifact", why) from error


_DTYPES = {"real": np.float64, "int": np.int64, "bool": np.bool_}


def aligned(value: Array, dims: Sequence[Dim], wanted: Sequence[Dim]) -> Array:
    """``value`` [events, *dims] in ``wanted``'s order, with axes of size 1 for the dims it lacks."""
    names = [d for d, _ in dims]
    value = value.transpose([0, *(1 + names.index(d) for d, _ in wanted if d in names)])
    return np.expand_dims(value, tuple(1 + i for i, (d, _) in enumerate(wanted) if d not in names))


@RULES("input", "param", "const", "iota", "count")
def _leaf(step: Step, operands: Sequence[Step], args: Sequence[Array], ctx: Context) -> Any:
    match step.op:
        case "input":
            return ctx.inputs[str(step.attrs["name"])]
        case "param":
            return ctx.weights[str(step.attrs["path"])][None]
        case "const":
            return np.array([step.attrs["value"]])
        case "iota":
            return np.arange(ctx.size(step.dims[0]))[None]
    return np.array([ctx.size(_dim(step.attrs["dim"]))])


@RULES(*NUMPY, "where", "cast")
def _elementwise(step: Step, operands: Sequence[Step], args: Sequence[Array], ctx: Context) -> Any:
    values = [aligned(a, o.dims, step.dims) for a, o in zip(args, operands, strict=True)]
    if step.op == "cast":
        return np.trunc(values[0]) if step.elem == "int" else values[0]
    if step.op == "where":
        return np.where(*values)
    return NUMPY[step.op](*values)


@RULES("rename")
def _same(step: Step, operands: Sequence[Step], args: Sequence[Array], ctx: Context) -> Any:
    return args[0]


@RULES("transpose")
def _transpose(step: Step, operands: Sequence[Step], args: Sequence[Array], ctx: Context) -> Any:
    return aligned(args[0], operands[0].dims, step.dims)


@RULES("unflatten", "flatten")
def _reshape(step: Step, operands: Sequence[Step], args: Sequence[Array], ctx: Context) -> Any:
    return args[0].reshape(len(args[0]), *ctx.shape(step.dims))


@RULES("stack", "concat")
def _join(step: Step, operands: Sequence[Step], args: Sequence[Array], ctx: Context) -> Any:
    shared = step.dims[:-1]
    if step.op == "stack":
        parts = [aligned(a, o.dims, shared)[..., None] for a, o in zip(args, operands, strict=True)]
    else:
        along: Any = step.attrs["along"]
        parts = [
            aligned(a, o.dims, [*(d for d in shared if d[0] != name), (name, None)])
            for a, o, name in zip(args, operands, along, strict=True)
        ]
        missing = [[1 + i for i, d in enumerate(shared) if d[0] == name] for name in along]
        parts = [np.expand_dims(p, tuple(m)) for p, m in zip(parts, missing, strict=True)]
    events = max(len(p) for p in parts)
    shape = (events, *ctx.shape(shared))
    return np.concatenate([np.broadcast_to(p, (*shape, p.shape[-1])) for p in parts], axis=-1)


@RULES("pick", "slice")
def _part(step: Step, operands: Sequence[Step], args: Sequence[Array], ctx: Context) -> Any:
    axis = 1 + [d for d, _ in operands[0].dims].index(str(step.attrs["dim"]))
    start: Any = step.attrs["start"]
    if step.op == "pick":
        return np.take(args[0], start, axis=axis)
    return np.take(args[0], np.arange(start, start + step.attrs["size"]), axis=axis)


@RULES("contract")
def _contract(step: Step, operands: Sequence[Step], args: Sequence[Array], ctx: Context) -> Any:
    over: Any = step.attrs["over"]
    (a, b), (x, y) = args, operands
    left, right = {d for d, _ in x.dims}, {d for d, _ in y.dims}
    summed = [d for d in x.dims if d[0] in over]
    shared = [d for d in x.dims if d[0] in right and d[0] not in over]
    rows = [d for d in x.dims if d[0] not in right]
    cols = [d for d in y.dims if d[0] not in left]
    first = aligned(a, x.dims, (*shared, *rows, *summed))
    second = aligned(b, y.dims, (*shared, *summed, *cols))
    n, k, m, batch = (prod(ctx.shape(dims)) for dims in (rows, summed, cols, shared))
    product = first.reshape(len(a), batch, n, k) @ second.reshape(len(b), batch, k, m)
    made = product.reshape(len(product), *ctx.shape((*shared, *rows, *cols)))
    return aligned(made, (*shared, *rows, *cols), step.dims)


_REDUCE: dict[str, Callable[..., Any]] = {op: getattr(np, OPS[op].numpy or "") for op in REDUCE}


@RULES(*_REDUCE)
def _reduce(step: Step, operands: Sequence[Step], args: Sequence[Array], ctx: Context) -> Any:
    over: Any = step.attrs["over"]
    axes = tuple(1 + i for i, (d, _) in enumerate(operands[0].dims) if d in over)
    if any(args[0].shape[a] == 0 for a in axes):
        return np.full((len(args[0]), *ctx.shape(step.dims)), step.op == "reduce_all")
    return _REDUCE[step.op](args[0], axis=axes)


def _dim(value: Any) -> Dim:
    return (str(value[0]), value[1])
