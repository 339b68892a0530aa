# SPDX-License-Identifier: Apache-2.0
"""What circuits' slots are of a program's inputs, as formulas: a program run on symbols in place of numbers.

Formulas are Python with the names of ``math`` (``sin``, ``sqrt``, ``pi``), and read well in other languages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.core.errors import ArtifactError
from hepq.core.ops.table import BINARY, ELEMENTWISE, OPS, QUANTUM
from hepq.runtime.events.elementwise import NUMPY
from hepq.runtime.program import RULES, Context, Dim, Program, Step, aligned
from hepq.runtime.quantum.measurer import to_run

#: characters of all formulas of a circuit, and entries of a batch of circuits, that are still written out
LONGEST, ENTRIES = 200_000, 64
#: events down and across a kernel matrix, of which a formula needs one each
_EVENTS = ("<row>", "<col>")
_WRITTEN = {
    **{op.name: f"{{0}} {op.symbol} {{1}}" for op in OPS.values() if op.symbol and op.name in BINARY},
    "neg": "-{0}", "not": "not {0}", "pow": "{0} ** {1}", "sign": "({0} > 0) - ({0} < 0)",
    "sigmoid": "1 / (1 + exp(-{0}))",
}  # fmt: skip


class _Symbol:
    """A formula, or a number (``value``)."""

    def __init__(self, text: str, value: Any = None) -> None:
        self.text, self.value = text, value

    def __add__(self, other: Any) -> _Symbol:
        return _applied("add", self, _symbol(other))

    def __mul__(self, other: Any) -> _Symbol:
        return _applied("mul", self, _symbol(other))

    def __truediv__(self, other: Any) -> _Symbol:
        return _applied("div", self, _symbol(other))

    __radd__ = __add__
    __rmul__ = __mul__

    def __bool__(self) -> bool:
        raise ValueError("a formula is neither true nor false")


def _symbol(value: Any) -> _Symbol:
    return value if isinstance(value, _Symbol) else _Symbol(repr(np.asarray(value).item()), np.asarray(value).item())


def _applied(op: str, *args: _Symbol) -> _Symbol:
    known = [a.value for a in args]
    if None not in known:
        return _symbol(NUMPY[op](*known))
    row = OPS[op]
    for place in (0, 1) if row.commutative else (1,):
        if row.neutral is not None and known[place] is not None and known[place] == row.neutral:
            return args[1 - place]
    written = _WRITTEN.get(op)
    if written is None:
        return _Symbol(f"{op}({', '.join(a.text.strip() for a in args)})")
    return _Symbol(f"({written.format(*(a.text for a in args))})")


def slot_formulas(
    program: Program, weights: Mapping[str, NDArray[Any]], units: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """Digest of each circuit -> lines ``s0 = …``, and before them what the names in these are.

    ``units``: of inputs. Where slots cannot be written so, a line says why.
    """
    sizes = {d.rstrip("'"): 1 for dims in program.inputs.values() for d, size in dims if size is None}
    inputs = {name: _named(name, dims) for name, dims in program.inputs.items()}
    context = Context(program, inputs, weights, sizes)
    named = tuple(_about(name, dims, units.get(name, "1")) for name, dims in program.inputs.items())
    values: list[NDArray[Any] | str] = []
    found: dict[str, tuple[str, ...]] = {}
    digests = list(_digests(program))
    for i, step in enumerate(program.steps):
        operands, args = [program.steps[a] for a in step.args], [values[a] for a in step.args]
        bad = next((a for a in args if isinstance(a, str)), None)
        if step.op in QUANTUM:
            lines = [bad] if bad is not None else _lines(step, operands, [np.asarray(a) for a in args], context)
            for digest in next(d for at, d in digests if at == i):
                found.setdefault(digest, (*named, *lines))
            values.append(f"their formulas use what step {i} measures")
            continue
        try:
            values.append(bad if bad is not None else _done(step, operands, args, context))
        except (ArtifactError, TypeError, ValueError, AttributeError) as error:
            values.append(f"no formulas: {step.op} of step {i} has none ({error})".splitlines()[0])
    return found


def _digests(program: Program) -> list[tuple[int, tuple[str, ...]]]:
    """The circuits that each quantum step runs."""
    out = []
    for i in program.quantum:
        alone = program.model_copy(update={"steps": (*program.steps[: i + 1],), "outputs": {}})
        before = program.model_copy(update={"steps": (*program.steps[:i],), "outputs": {}})
        known = to_run(before)
        own = tuple(d for d in to_run(alone) if d not in known)
        out.append((i, own))
    return out


def _about(name: str, dims: Sequence[Dim], unit: str) -> str:
    shape = ", ".join(d if size is None else f"{d}: {size}" for d, size in dims if d not in _EVENTS)
    event = next((d for d, _ in dims if d in _EVENTS), None)
    whose = {None: "of the event", "<row>": "of one event", "<col>": "of another event"}[event]
    return f"{name}: {f'[{shape}] ' if shape else ''}{whose}{'' if unit == '1' else f', in {unit}'}"


def _named(name: str, dims: Sequence[Dim]) -> NDArray[Any]:
    """[1, *dims] of the input's entries, ``x[0, 1]``; a ragged dim has one, ``i``."""
    shape = [1 if size is None else size for _, size in dims]
    out = np.empty((1, *shape), object)
    for index in product(*map(range, shape)):
        places = [
            "i" if size is None else str(k)
            for k, (d, size) in zip(index, dims, strict=True)
            if d not in _EVENTS
        ]  # fmt: skip
        out[(0, *index)] = _Symbol(f"{name}[{', '.join(places)}]" if places else name)
    return out


def _done(step: Step, operands: Sequence[Step], args: Sequence[Any], context: Context) -> NDArray[Any]:
    if step.op in ELEMENTWISE:
        values = [aligned(a, o.dims, step.dims) for a, o in zip(args, operands, strict=True)]
        if step.op == "cast":
            return _each(lambda x: _Symbol(f"trunc({x.text})") if step.elem == "int" else x, *values)
        if step.op == "where":
            return _each(lambda c, x, y: _Symbol(f"({x.text} if {c.text} else {y.text})"), *values)
        return _each(lambda *x: _applied(step.op, *x), *values)
    return _each(_symbol, np.asarray(RULES[step.op](step, operands, args, context)))


def _each(function: Any, *values: NDArray[Any]) -> NDArray[Any]:
    made: NDArray[Any] = np.asarray(np.frompyfunc(function, len(values), 1)(*values), object)
    return made


def _lines(step: Step, operands: Sequence[Step], args: Sequence[NDArray[Any]], context: Context) -> list[str]:
    """One formula for each slot; slots of a fidelity's first state come first."""
    dims = step.dims if step.op == "fidelity" else operands[0].dims[:-1]
    shape = context.shape(dims)
    sides = [aligned(a, o.dims, (*dims, o.dims[-1])) for a, o in zip(args, operands, strict=True)]
    whole = [np.broadcast_to(s, (1, *shape, s.shape[-1])).reshape(-1, s.shape[-1]) for s in sides]
    slots = np.concatenate(whole, axis=1)
    if prod(shape) > ENTRIES:
        return [f"no formulas: the circuit is filled for {prod(shape)} entries of {[d for d, _ in dims]}"]
    out = []
    for index, row in zip(product(*map(range, shape)), slots, strict=True):
        if prod(shape) > 1:
            out.append(f"entry {list(index)} of {[d for d, _ in dims]}:")
        out += [f"s{k} = {_bare(s.text)}" for k, s in enumerate(row)]
    if (length := sum(map(len, out))) > LONGEST:
        return [f"no formulas: they would take {length} characters"]
    return out


def _bare(text: str) -> str:
    """Without the brackets around all of it."""
    if not text.startswith("("):
        return text
    depth = 0
    for at, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return text[1:-1] if at == len(text) - 1 else text
    return text
