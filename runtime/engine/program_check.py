# SPDX-License-Identifier: Apache-2.0
"""Whether the steps of a program fit each other, before any runs: dims, attributes, and how much memory they take."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from hepq.core.ops.table import ELEMENTWISE, OPS, QUANTUM, REDUCE

if TYPE_CHECKING:
    from hepq.runtime.engine.program import Dim, Program, Step

#: numbers that a step may give for one event, and all of a program's together
MOST_OF_A_STEP, MOST = 1 << 26, 1 << 28
MOST_OF_A_SUM = 1 << 36  #: products
_LARGEST = 1 << 31


def check(program: Program) -> None:
    """Raise ValueError, naming the step, unless every step's dims are what its operation makes of its operands'."""
    total = 0
    for i, step in enumerate(program.steps):
        operands = [program.steps[a] for a in step.args]
        try:
            total += _size(step.dims)
            arity = OPS[step.op].arity
            _need(arity in (None, len(operands)), f"{len(operands)} operands, not {arity}")
            _RULES[step.op](program, step, operands)
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


def _leaf(program: Program, step: Step, operands: Sequence[Step]) -> None:
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


def _elementwise(program: Program, step: Step, operands: Sequence[Step]) -> None:
    for operand in operands:
        _within(operand.dims, step.dims)
    _equal(step, list({d for o in operands for d in o.dims}))


def _rename(program: Program, step: Step, operands: Sequence[Step]) -> None:
    _need([s for _, s in step.dims] == [s for _, s in operands[0].dims], "it changes sizes")


def _transpose(program: Program, step: Step, operands: Sequence[Step]) -> None:
    _equal(step, operands[0].dims)


def _reshape(program: Program, step: Step, operands: Sequence[Step]) -> None:
    (one,), ragged = operands, [[n for n, s in dims if s is None] for dims in (step.dims, operands[0].dims)]
    _need(_size(step.dims) == _size(one.dims) and ragged[0] == ragged[1], "it changes how many numbers there are")


def _stack(program: Program, step: Step, operands: Sequence[Step]) -> None:
    for operand in operands:
        _within(operand.dims, step.dims[:-1])
    _need(step.dims[-1][1] == len(operands), f"{len(operands)} operands make a dim of that size")


def _concat(program: Program, step: Step, operands: Sequence[Step]) -> None:
    along: Any = step.attrs["along"]
    _need(len(along) == len(operands), "a dim for each operand")
    sizes = [dict(o.dims)[name] for o, name in zip(operands, along, strict=True)]
    for operand, name in zip(operands, along, strict=True):
        _within([d for d in operand.dims if d[0] != name], step.dims[:-1])
    _need(None not in sizes and sum(s or 0 for s in sizes) == step.dims[-1][1], "sizes do not add up")


def _part(program: Program, step: Step, operands: Sequence[Step]) -> None:
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


def _contract(program: Program, step: Step, operands: Sequence[Step]) -> None:
    over: Any = step.attrs["over"]
    x, y = (o.dims for o in operands)
    sizes = dict(x)
    _need(all(sizes[n] == s for n, s in y if n in sizes), "a dim of two sizes")
    _need(all(n in sizes and n in dict(y) for n in over), "it sums over a dim that both have")
    _equal(step, list({d for d in (*x, *y) if d[0] not in over}))
    work = prod(size or 1 for _, size in {*x, *y})
    _need(work <= MOST_OF_A_SUM, f"it takes {work:,} products for an event; at most {MOST_OF_A_SUM:,} are computed")


def _reduce(program: Program, step: Step, operands: Sequence[Step]) -> None:
    over: Any = step.attrs["over"]
    _need(isinstance(over, list) and set(over) <= {n for n, _ in operands[0].dims}, "it reduces over a dim it has")
    _need(step.dims == tuple(d for d in operands[0].dims if d[0] not in over), "its dims are those that are left")


def _measured(program: Program, step: Step, operands: Sequence[Step]) -> None:
    rest = [o.dims[:-1] for o in operands]
    if step.op == "fidelity":
        _equal(step, list({d for dims in rest for d in dims}))
        return
    number: Any = step.attrs["circuit"]
    qubits = program.compiled[_whole(number, len(program.circuits) - 1)].qubits
    observables: Any = step.attrs.get("observables", [])
    last = [len(observables) if step.op == "expect" else 2 ** min(qubits, 40)]
    last = [] if step.attrs.get("single") is True else last
    wanted = [*(s for _, s in rest[0]), *last]
    _need([s for _, s in step.dims] == wanted, f"it gives sizes {wanted}")


_RULES: Mapping[str, Callable[[Any, Any, Any], None]] = {
    **dict.fromkeys(("input", "param", "const", "iota", "count"), _leaf), **dict.fromkeys(ELEMENTWISE, _elementwise),
    "rename": _rename, "transpose": _transpose, "unflatten": _reshape, "flatten": _reshape, "stack": _stack,
    "concat": _concat, "pick": _part, "slice": _part, "contract": _contract, **dict.fromkeys(REDUCE, _reduce),
    **dict.fromkeys(QUANTUM, _measured),
}  # fmt: skip
