# SPDX-License-Identifier: Apache-2.0
"""Axes of one number beside a vector: operators that put, move and drop them, and along which axis others work."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from hepq.compiler.importers.network import Operation, Unfit, axes_of
from hepq.compiler.importers.program import Term, Writer

#: stands for the length of the batch: no vector is as long
_BATCH = (1 << 61) - 1


def shown(x: Term) -> str:
    """The shape as the file has it."""
    return f"[{', '.join(['batch', *map(str, x.axes)])}]"


def along(o: Operation, x: Term, axis: int, size: int) -> tuple[int, ...]:
    """Axes once an operation along ``axis`` (the batch is 0) has made ``size`` numbers of all of the vector's.

    Raises Unfit where the vector lies along another axis.
    """
    at = axis % (len(x.axes) + 1) - 1 if x.axes else -1
    if axis > len(x.axes) or at < 0 or x.axes[at] != x.size:
        raise Unfit(f"{o.kind} `{o.output}` is along axis {axis} of {shown(x)}")
    return (*x.axes[:at], size, *x.axes[at + 1 :])


def common(w: Writer, o: Operation, terms: list[Term]) -> tuple[int, ...]:
    """Axes of what an elementwise operation makes, by ONNX's broadcasting. Raises Unfit where that is no vector."""
    held = [w.network.constants.get(i) for i in o.inputs]
    shapes = [(_BATCH, *t.axes) if c is None else np.shape(c) for t, c in zip(terms, held, strict=True)]
    longest = max(map(len, shapes))
    # by hand, because numpy refuses shapes of this size
    columns = list(zip(*((1,) * (longest - len(s)) + tuple(s) for s in shapes), strict=True))
    lengths = [set(c) - {1} for c in columns]
    found = tuple(max(c) if c else 1 for c in lengths)
    fits = all(len(c) <= 1 for c in lengths) and found[0] == _BATCH
    if not fits or math.prod(found[1:]) != max(t.size for t in terms):
        parts = [shown(t) if c is None else str(list(np.shape(c))) for t, c in zip(terms, held, strict=True)]
        raise Unfit(f"{o.kind} `{o.output}` of {' and '.join(parts)}, which makes no vector for each event")
    return found[1:]


def _unsqueeze(w: Writer, o: Operation) -> Term:
    x, axes = w.term(o.inputs[0]), axes_of(w.network, o)
    if axes is None:
        raise Unfit(f"Unsqueeze `{o.output}` of axes that are computed")
    rank = len(x.axes) + 1 + len(axes)
    new = {a % rank for a in axes}
    if 0 in new:
        raise Unfit(f"Unsqueeze `{o.output}` before the batch")
    old = iter(x.axes)
    return replace(x, axes=tuple(1 if i in new else next(old) for i in range(1, rank)))


def _squeeze(w: Writer, o: Operation) -> Term:
    x, axes = w.term(o.inputs[0]), axes_of(w.network, o)
    rank = len(x.axes) + 1
    if axes is None or 0 in {a % rank for a in axes}:
        raise Unfit(f"Squeeze `{o.output}` of all axes of one number, the batch too")
    gone = {a % rank for a in axes}
    if any(x.axes[a - 1] != 1 for a in gone):
        raise Unfit(f"Squeeze `{o.output}` of axes {axes} of {shown(x)}")
    return replace(x, axes=tuple(n for i, n in enumerate(x.axes, 1) if i not in gone))


def _transpose(w: Writer, o: Operation) -> Term:
    x = w.term(o.inputs[0])
    order = list(o.attributes.get("perm", range(len(x.axes), -1, -1)))
    if order[0] != 0:
        raise Unfit(f"Transpose `{o.output}` of the batch")
    return replace(x, axes=tuple(x.axes[i - 1] for i in order[1:]))


def _flatten(w: Writer, o: Operation) -> Term:
    x, axis = w.term(o.inputs[0]), o.attributes.get("axis", 1)
    if axis % (len(x.axes) + 1) != 1:
        raise Unfit(f"Flatten `{o.output}` to another shape than [batch, {x.size}]")
    return replace(x, axes=(x.size,))


def _reshape(w: Writer, o: Operation) -> Term:
    """Of a fixed batch, its number may stand in front."""
    x, held = w.term(o.inputs[0]), w.network.constants.get(o.inputs[1])
    if held is None:
        raise Unfit(f"Reshape `{o.output}` to a shape that is computed")
    shape = [int(n) for n in held.reshape(-1)]
    odd = Unfit(f"Reshape `{o.output}` of {shown(x)} to another shape, {shape}")
    batch, *rest = shape or [1]
    if 0 in rest:
        if o.attributes.get("allowzero", 0) or any(n == 0 and i >= len(x.axes) for i, n in enumerate(rest)):
            raise odd
        rest = [n or x.axes[i] for i, n in enumerate(rest)]
    known = math.prod(n for n in rest if n != -1)
    rest = [x.size // known if n == -1 else n for n in rest]
    inferred = shape.count(-1) == 1 or batch != -1
    if not (batch in (-1, 0) or batch == w.network.batch) or not inferred or math.prod(rest) != x.size:
        raise odd
    if x.size not in (*rest, 1):
        raise odd
    return replace(x, axes=tuple(rest))


#: operator -> (writer, operation) -> its result
RULES: dict[str, Callable[[Writer, Operation], Term]] = {
    "Flatten": _flatten, "Reshape": _reshape, "Squeeze": _squeeze, "Transpose": _transpose, "Unsqueeze": _unsqueeze,
}  # fmt: skip
