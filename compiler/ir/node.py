# SPDX-License-Identifier: Apache-2.0
"""The IR on one page: immutable SSA nodes over tensors with named dims.

One event is implicit everywhere. ``type.dims`` is the memory order (row-major, last contiguous).
A ragged dim has, in each event, as many entries as the event has; no node ever sees padding.
Operands of elementwise ops are aligned by dim *name* and broadcast to the node's dims.

=========  ==============================  ============================================================================
group      op (operands)                   attrs; meaning
=========  ==============================  ============================================================================
given      input ()                        name
           param ()                        path, init (a tuple, see ``INITS`` in ``infer.py``), trainable
known      const ()                        value: float | int | bool (a scalar)
           iota ()                         dim; int[dim] = 0, 1, 2 …
           count ()                        dim; int, entries of dim in this event (its size if static)
unary      … (x)                           exp log log1p expm1 sin cos tan asin acos atan sinh cosh tanh asinh atanh
                                           sigmoid erf floor ceil neg abs sign sqrt not: elementwise; of truth values:
                                           ``not``
binary     … (a, b)                        add sub mul div mod pow min max atan2 hypot eq ne lt le gt ge and or:
                                           elementwise; comparisons give bool
select     where (cond, a, b)              elementwise
cast       cast (x)                        to type.elem (bool -> 0/1, int -> real, real -> int truncates)
shape      rename (x)                      src, dst: the same data, dim src now called dst (``part`` -> ``part'``)
           transpose (x)                   same dims, node's order
           stack (x0, x1, …)               dim (new, last); operands broadcast to the union of their dims
           concat (x0, x1, …)              along: one dim per operand, dim: the joined dim (last)
           pick (x)                        dim, index: one entry, dim dropped
           slice (x)                       dim, start, dst: dst.size entries from start; dst takes dim's place
           unflatten (x)                   dim, into: (outer, inner), row-major, in dim's place
           flatten (x)                     dims: (outer, inner), adjacent, dst: in their place
contract   contract (a, b)                 over: dims; sum of products, other dims aligned by name
reduce     … (x)                           reduce_sum reduce_prod reduce_mean reduce_max reduce_min reduce_any
                                           reduce_all: over: dims. Of nothing (no particle): 0, 0, 0, 0, false, true
knn        knn (pos)                       over: the points' dim, coord: dims summed in the distance, nbr: Dim(size k),
                                           short: "zero" | "self". index(over)[over, nbr]: the k nearest *other*
                                           points, nearest first; squared distance by differences; ties to the lower
                                           index. With fewer than k others, the rest is -1 ("zero") or the point
                                           ("self")
gather     gather (x, idx)                 x's dim ``idx.type.into`` is looked up by idx; -1 gives 0, of an index -1.
                                           Result dims are those of idx, then x's others; a dim in both is aligned by
                                           name
rows       filter (mask)                   dim, dst: index(dim)[dst]: the entries of dim where mask[dim] is true, in
                                           order; no more than the first dst.bound
           argsort (key0, …)               dim, dst, descending (one of each key): index(dim)[dst, keys' other dims]:
                                           the entries of dim by key0, equal ones by key1, …, equal ones in order; NaN
                                           is last either way. dst: dim itself; a ragged one, of the first dst.bound;
                                           or a static one, -1 where there are no more
           combinations (of)               dim, dst, slot: Dim(size k): index(dim)[dst, slot]: entries i < j < … of
                                           dim, by i, then by j, …; of is any value over dim
           unite (of0, of1, …)             dims, part, dst: index(dims[part])[dst]: dst has the entries of each dim in
                                           turn; -1 at those of other dims. of: any value over each dim
           number (x, of)                  dim: index(dim) of whole numbers; -1 where dim has no such entry. of: any
                                           value over dim
cumsum     cumsum (x)                      over: a dim; the sum of the entries up to each, itself too
segment    segment_sum (x, idx)            x has idx's dims: its sum over them by the entry of ``idx.type.into`` that
                                           idx names, [into, x's others]; -1 is left out. Of nothing: 0. into's size:
                                           as elsewhere in the event
           segment_max (x, idx)            x has idx's dims: its maximum over them by the entry of ``idx.type.into``
                                           that idx names, [into, x's others]; -1 is left out. Of nothing: 0. into's
                                           size: as elsewhere in the event
           segment_min (x, idx)            x has idx's dims: its minimum over them by the entry of ``idx.type.into``
                                           that idx names, [into, x's others]; -1 is left out. Of nothing: 0. into's
                                           size: as elsewhere in the event
window     window (x)                      dim, win: Dim(size w), stride, pad, dst: y[…, dst=t, …, win=j] = x[dim =
                                           t*stride + j - pad], 0 outside 0..n; win goes last
counting   bin (x)                         axis: BinAxis. Elementwise: the number of x's bin, -1 below all, axis.bins
                                           above all and of NaN, as boost-histogram has it; whole numbers are compared
                                           exactly
           lookup (i)                      values. Elementwise: values[i]; elsewhere 0. real, or int if all values are
           noise (key, entry)              name. Elementwise: a random real in (0, 1) that follows from name, key and
                                           entry alone (core/noise.py)
           cut (state, holds)              number: j. Elementwise: how far a cut flow came. State 0: passed all cuts so
                                           far; 2j + 1: failed cut j only; 2j + 2: failed cut j first and a later one.
                                           0 becomes 2j + 1, and an odd one the next, unless holds
training   batch_norm (x, w, b, mean, var) channel, eps, momentum: (x - mean) / sqrt(var + eps) * w + b; w, b, mean and
                                           var are [channel]. In training: statistics over the batch
           dropout (x)                     p; identity outside training
           stop_gradient (x)               identity whose derivative is 0
quantum    fidelity (a, b)                 left, right: Circuit. |<right(b)|left(a)>|², each run on |0…0>. The last dim
                                           of a and b is their circuit's slots; other dims are aligned by name
           expect (a)                      circuit, observables: per observable (coefficient, ((wire, "X"|"Y"|"Z"), …))
                                           terms, added; dim: of the observables, last; None: one, no dim
           probs (a)                       circuit, wires, dim: Dim(size 2^wires), last: of strings of their bits, the
                                           first wire is bit 0
           sample (a)                      circuit, wires, dim, shots: as probs; a device estimates them from that many
                                           shots
=========  ==============================  ============================================================================
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hepq.core.ops.table import ROWS
from hepq.core.source import Span
from hepq.core.types import Dim, Type


@dataclass(frozen=True, eq=False)
class Node:
    """One value. Identity is object identity; see ``passes/cse.py`` for structural equality."""

    op: str
    operands: tuple[Node, ...]
    attrs: Mapping[str, Hashable]
    type: Type
    span: Span | None = field(default=None, repr=False)

    def __getitem__(self, attr: str) -> Any:
        return self.attrs[attr]


@dataclass(frozen=True)
class Fill:
    """Numbers that are added up over all events, in ``cells`` cells: of a histogram, or of a cut flow.

    Names of outputs of the module: ``cell``, int, of the event or of each entry of one ragged dim: where to add, -1:
    nowhere; ``weight``, real, of the event or over that dim: what to add, None: 1; ``when``, bool of the event: only
    where it is true, None: always.
    """

    name: str
    cells: int
    cell: str
    weight: str | None = None
    when: str | None = None

    @property
    def outputs(self) -> tuple[str, ...]:
        return tuple(name for name in (self.cell, self.weight, self.when) if name is not None)


@dataclass(frozen=True)
class Module:
    """What is compiled: named outputs over named inputs; params are found by walking.

    ``weights`` are values for param paths; passes that fold constants may replace params.
    ``inputs`` lists every declared input, also one that no output uses.
    ``counts``: of outputs with room for as many entries as there can be, the output that says how many there are.
    ``fills``: outputs that are added up over events, and are not handed out. ``checks``: outputs, bool of the event,
    of which each must be true in every event; they are not handed out either.
    ``within``: outputs that are of use only in events where another output, bool of the event, is true. In others they
    may be 0, without entries of dims that the module makes.
    ``before``: modules of the same events whose outputs models are applied to, in order; what these make of them are
    inputs of what follows.
    """

    name: str
    inputs: tuple[Node, ...]
    outputs: Mapping[str, Node]
    counts: Mapping[str, str] = field(default_factory=dict)
    fills: tuple[Fill, ...] = ()
    checks: tuple[str, ...] = ()
    within: Mapping[str, str] = field(default_factory=dict)
    before: tuple[Module, ...] = ()

    def walk(self) -> Iterator[Node]:
        """Every node once, operands before users."""
        return topological(self.outputs.values())

    @property
    def params(self) -> dict[str, Node]:
        return {n["path"]: n for n in self.walk() if n.op == "param"}

    @property
    def ragged_dims(self) -> tuple[Dim, ...]:
        """Unprimed ragged dims of the inputs, in order of first appearance."""
        seen: dict[tuple[str, int], Dim] = {}
        for node in self.inputs:
            for dim in node.type.dims:
                if dim.ragged:
                    seen.setdefault(dim.base.key, dim.base)
        return tuple(seen.values())


def made_dims(module: Module) -> dict[str, Dim]:
    """By name, the ragged dims whose entries operations of ``module`` choose."""
    return {d.name: d for n in module.walk() if (d := made_by(n)) is not None}


def made_by(node: Node) -> Dim | None:
    """The ragged dim whose entries the operation ``node`` chooses."""
    if node.op not in ROWS or node.op == "number":
        return None
    dim: Dim = node["dst"]
    return dim.base if dim.ragged and node.type.into is not None and dim.key != node.type.into.key else None


def topological(roots: Any) -> Iterator[Node]:
    done: set[int] = set()
    stack = [(n, False) for n in reversed(list(roots))]
    while stack:
        node, ready = stack.pop()
        if id(node) in done:
            continue
        if ready:
            done.add(id(node))
            yield node
        else:
            stack.append((node, True))
            stack.extend((o, False) for o in reversed(node.operands))
