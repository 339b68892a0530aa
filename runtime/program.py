# SPDX-License-Identifier: Apache-2.0
"""A straight-line program over named dims, run in NumPy on a whole batch: angles of circuits, and what follows them.

It is data (JSON), not code; that its steps fit each other, and memory, is seen before any runs. Every value is an
array [events, *dims]; what is the same for all events has one.
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
from hepq.core.ops.table import (
    COUNTING,
    ELEMENTWISE,
    GIVEN,
    IDENTITY,
    KNOWN,
    OF_NOTHING,
    OPS,
    QUANTUM,
    REDUCE,
    ROWS,
    SEGMENT,
)
from hepq.runtime.events.elementwise import NUMPY, to_int

Array = NDArray[Any]
#: a dim: its name with primes, and its size; None where events differ
Dim = tuple[str, int | None]


#: numbers that a step may give for one event, and all of a program's together
MOST_OF_A_STEP, MOST = 1 << 26, 1 << 28
MOST_OF_A_SUM = 1 << 36  #: products
_LARGEST = 1 << 31
_DTYPES = {"real": np.float64, "int": np.int64, "bool": np.bool_}


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


_NEVER = ("knn", "gather", *ROWS, "cumsum", *SEGMENT, "window", *COUNTING, "batch_norm", *IDENTITY)
#: op -> (program, step, operands' steps): raises ValueError unless they fit
FITS: Rules[Callable[[Program, Step, Sequence[Step]], None]] = Rules("program's check", illegal=_NEVER)


def check(program: Program) -> None:
    """Raise ValueError, naming the step, unless every step's dims are what its operation makes of its operands'."""
    total = 0
    for i, step in enumerate(program.steps):
        operands = [program.steps[a] for a in step.args]
        try:
            total += _size(step.dims)
            arity = OPS[step.op].arity
            _need(arity in (None, len(operands)), f"{len(operands)} operands, not {arity}")
            FITS[step.op](program, step, operands)
        except (KeyError, TypeError, IndexError) as error:
            raise ValueError(f"step {i}, {step.op}: its attributes are not what it needs: {error}") from error
        except ValueError as error:
            raise ValueError(f"step {i}, {step.op}: {error}") from error
    if total > MOST:
        raise ValueError(f"its steps give {total:,} numbers for an event; at most {MOST:,} are computed")
    for dims in program.inputs.values():
        _size(dims)


def _size(dims: Sequence[Dim]) -> int:
    if len({name for name, _ in dims}) != len(dims):
        raise ValueError(f"a dim twice among {[name for name, _ in dims]}")
    if any(size is not None and not 0 <= size < _LARGEST for _, size in dims):
        raise ValueError("a dim of an impossible size")
    numbers = prod(1 if size is None else size for _, size in dims)
    if numbers > MOST_OF_A_STEP or len(dims) > 24:
        raise ValueError(f"it gives {numbers:,} numbers for an event; at most {MOST_OF_A_STEP:,} are computed")
    return numbers


def _need(right: bool, why: str) -> None:
    if not right:
        raise ValueError(why)


def _within(dims: Sequence[Dim], wanted: Sequence[Dim]) -> None:
    _need(set(dims) <= set(wanted), f"an operand over {list(dims)} in a value over {list(wanted)}")


def _equal(step: Step, wanted: Sequence[Dim]) -> None:
    _need(set(step.dims) == set(wanted), f"it gives {list(wanted)}, not {list(step.dims)}")


def _whole(value: Any, below: int) -> int:
    if type(value) is not int or not 0 <= value <= below:
        raise ValueError(f"{value!r} is not a whole number from 0 to {below}")
    return value


@FITS(*GIVEN, *KNOWN)
def _fits_leaf(program: Program, step: Step, operands: Sequence[Step]) -> None:
    match step.op:
        case "input":
            wanted = program.inputs.get(str(step.attrs["name"]), step.dims)
            _need(tuple(step.dims) == tuple(wanted), f"the input is over {list(wanted)}")
        case "param":
            _need(isinstance(step.attrs["path"], str), "a weight's path is text")
            _need(all(size is not None for _, size in step.dims), "a weight over a ragged dim")
        case "const":
            _need(isinstance(step.attrs["value"], (bool, int, float)) and not step.dims, "a constant is one number")
        case "iota":
            _need(len(step.dims) == 1, "it numbers one dim")
        case _:
            dim: Any = step.attrs["dim"]
            _need(isinstance(dim, list) and len(dim) == 2 and isinstance(dim[0], str), "it counts a dim")
            _need(dim[1] is None or _whole(dim[1], _LARGEST) >= 0, "it counts a dim")


@FITS(*(ELEMENTWISE - COUNTING))
def _fits_elementwise(program: Program, step: Step, operands: Sequence[Step]) -> None:
    for operand in operands:
        _within(operand.dims, step.dims)
    _equal(step, list({d for o in operands for d in o.dims}))


@FITS("rename")
def _fits_rename(program: Program, step: Step, operands: Sequence[Step]) -> None:
    _need([s for _, s in step.dims] == [s for _, s in operands[0].dims], "it changes sizes")


@FITS("transpose")
def _fits_transpose(program: Program, step: Step, operands: Sequence[Step]) -> None:
    _equal(step, operands[0].dims)


@FITS("unflatten", "flatten")
def _fits_reshape(program: Program, step: Step, operands: Sequence[Step]) -> None:
    (one,), ragged = operands, [[n for n, s in dims if s is None] for dims in (step.dims, operands[0].dims)]
    _need(_size(step.dims) == _size(one.dims) and ragged[0] == ragged[1], "it changes how many numbers there are")


@FITS("stack")
def _fits_stack(program: Program, step: Step, operands: Sequence[Step]) -> None:
    for operand in operands:
        _within(operand.dims, step.dims[:-1])
    _need(step.dims[-1][1] == len(operands), f"{len(operands)} operands make a dim of that size")


@FITS("concat")
def _fits_concat(program: Program, step: Step, operands: Sequence[Step]) -> None:
    along: Any = step.attrs["along"]
    _need(len(along) == len(operands), "a dim for each operand")
    sizes = [dict(o.dims)[name] for o, name in zip(operands, along, strict=True)]
    for operand, name in zip(operands, along, strict=True):
        _within([d for d in operand.dims if d[0] != name], step.dims[:-1])
    _need(None not in sizes and sum(s or 0 for s in sizes) == step.dims[-1][1], "sizes do not add up")


@FITS("pick", "slice")
def _fits_part(program: Program, step: Step, operands: Sequence[Step]) -> None:
    name, dims = step.attrs["dim"], operands[0].dims
    sizes = dict(dims)
    size = sizes[str(name)]
    _need(size is not None, "a part of a ragged dim")
    count = 1 if step.op == "pick" else _whole(step.attrs["size"], size or 0)
    _whole(step.attrs["start"], (size or 0) - count)
    kept = [d for d in dims if d[0] != name]
    if step.op == "pick":
        _equal(step, kept)
    else:
        _need(len(step.dims) == len(dims), "it has as many dims as before")
        made = [count, *(s for _, s in kept)]
        _need(sorted(str(s) for _, s in step.dims) == sorted(map(str, made)), "its sizes are not those of the part")


@FITS("contract")
def _fits_contract(program: Program, step: Step, operands: Sequence[Step]) -> None:
    over: Any = step.attrs["over"]
    x, y = (o.dims for o in operands)
    sizes = dict(x)
    _need(all(sizes[n] == s for n, s in y if n in sizes), "a dim of two sizes")
    _need(all(n in sizes and n in dict(y) for n in over), "it sums over a dim that both have")
    _equal(step, list({d for d in (*x, *y) if d[0] not in over}))
    work = prod(size or 1 for _, size in {*x, *y})
    _need(work <= MOST_OF_A_SUM, f"it takes {work:,} products for an event; at most {MOST_OF_A_SUM:,} are computed")


@FITS(*REDUCE)
def _fits_reduce(program: Program, step: Step, operands: Sequence[Step]) -> None:
    over: Any = step.attrs["over"]
    _need(isinstance(over, list) and set(over) <= {n for n, _ in operands[0].dims}, "it reduces over a dim it has")
    _need(step.dims == tuple(d for d in operands[0].dims if d[0] not in over), "its dims are those that are left")


def wires_of(step: Step, qubits: int) -> Any:
    """Those of which ``probs`` and ``sample`` give the bits; all, in artifacts that do not say."""
    return step.attrs.get("wires", list(range(qubits)))


@FITS(*QUANTUM)
def _fits_measured(program: Program, step: Step, operands: Sequence[Step]) -> None:
    rest = [o.dims[:-1] for o in operands]
    if step.op == "fidelity":
        _equal(step, list({d for dims in rest for d in dims}))
        return
    number: Any = step.attrs["circuit"]
    qubits = program.compiled[_whole(number, len(program.circuits) - 1)].qubits
    observables: Any = step.attrs.get("observables", [])
    wires = wires_of(step, qubits)
    _need(isinstance(wires, list) and all(type(w) is int for w in wires), "its wires are whole numbers")
    last = [len(observables) if step.op == "expect" else 2 ** min(len(wires), 40)]
    last = [] if step.attrs.get("single") is True else last
    wanted = [*(s for _, s in rest[0]), *last]
    _need([s for _, s in step.dims] == wanted, f"it gives sizes {wanted}")


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
RULES: Rules[Rule] = Rules("program", illegal=_NEVER, elsewhere=QUANTUM)


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


def aligned(value: Array, dims: Sequence[Dim], wanted: Sequence[Dim]) -> Array:
    """``value`` [events, *dims] in ``wanted``'s order, with axes of size 1 for the dims it lacks."""
    names = [d for d, _ in dims]
    value = value.transpose([0, *(1 + names.index(d) for d, _ in wanted if d in names)])
    return np.expand_dims(value, tuple(1 + i for i, (d, _) in enumerate(wanted) if d not in names))


@RULES(*GIVEN, *KNOWN)
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


@RULES(*NUMPY.keys() - REDUCE, "where", "cast")
def _elementwise(step: Step, operands: Sequence[Step], args: Sequence[Array], ctx: Context) -> Any:
    values = [aligned(a, o.dims, step.dims) for a, o in zip(args, operands, strict=True)]
    if step.op == "cast":
        return to_int(values[0]) if step.elem == "int" else values[0]
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


@RULES(*NUMPY.keys() & REDUCE)
def _reduce(step: Step, operands: Sequence[Step], args: Sequence[Array], ctx: Context) -> Any:
    over: Any = step.attrs["over"]
    axes = tuple(1 + i for i, (d, _) in enumerate(operands[0].dims) if d in over)
    if any(args[0].shape[a] == 0 for a in axes):
        return np.full((len(args[0]), *ctx.shape(step.dims)), OF_NOTHING.get(step.op, False))
    return NUMPY[step.op](args[0], axis=axes)


def _dim(value: Any) -> Dim:
    return (str(value[0]), value[1])
