# SPDX-License-Identifier: Apache-2.0
"""Random analyses: a tree of regions that inherit cuts, each with objects, weights, histograms of its own.

All of it is computed by operations that round correctly, or not at all, so that sums agree to the bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hepq.compiler.ir.infer import RuleError, make
from hepq.compiler.ir.node import Fill, Module, Node
from hepq.core.axes import BinAxis
from hepq.core.types import Dim, Type
from tests.support.events.fills import AXES, SCALES
from tests.support.events.programs import INPUTS, MANY

WIDE = BinAxis.regular(40, -30.0, 30.0)
NUMBERS = tuple(float(i % 7) / 8 - 0.25 for i in range(20))


class Regions:
    """A ``pool`` is what a region, and what extends it, may read."""

    def __init__(self, choose: Callable[[Any], Any]) -> None:
        self.choose = choose
        self.inputs = [make("input", name=name, type=type) for name, type in INPUTS.items()]
        self.made = self.numbers = 0
        self.ends: dict[str, Node] = {}
        self.fills: list[Fill] = []

    def program(self, cuts: int = 3) -> Module:
        self.cuts = cuts
        pool = [n for n in self.inputs if all(d.ragged for d in n.type.dims)]
        for _ in range(4):
            self.grow(pool)
        for _ in range(self.choose([1, 2, 3])):
            self.region(pool, 0, make("const", value=0), 0)
        checks = tuple(name for name in self.ends if name.startswith("check"))
        return Module("regions", tuple(self.inputs), self.ends, fills=tuple(self.fills), checks=checks)

    def region(self, above: list[Node], number: int, state: Node, depth: int) -> None:
        pool, conditions = list(above), [make("eq", state, make("const", value=0))] if number else []
        for _ in range(self.choose(range(1, self.cuts + 1))):
            for _ in range(self.choose([0, 1, 2, 4])):
                self.grow(pool)
            x, before = self.of(pool, "real", None), state
            both = make("and", self.event(pool, "bool"), make("gt", x, self.const(-1.5)))
            state = make("cut", state, both, number=number)
            marked = make("and", make("eq", before, make("const", value=0)), make("ne", x, x))
            self.fill(number + 1, self.only(marked, make("const", value=number)), None, None)
            number += 1
        conditions.append(make("eq", state, make("const", value=0)))
        self.fill(2 * number + 1, state, None, None)
        if self.choose([True, False]):
            # weights of what comes so far at least
            weight = self.weight(pool, None)
            kind = self.choose(["all", "when", "where"])
            odd = make("eq", make("mod", state, make("const", value=2)), make("const", value=1))
            cell = self.only(make("or", conditions[-1], odd), state) if kind == "where" else state
            self.fill(2 * number + 1, cell, weight, self.choose(conditions) if kind == "when" else None)
        for _ in range(self.choose([0, 1, 3])):
            self.grow(pool)
        for _ in range(self.choose([0, 1, 2, 4])):
            self.histogram(pool, self.when(pool, conditions))
        for _ in range(self.choose([0, 1, 2]) if depth < 2 else 0):
            self.region(pool, number, state, depth + 1)

    def when(self, pool: list[Node], passed: list[Node]) -> Node:
        """Mostly: that all cuts are passed."""
        kind = self.choose(["passed"] * 5 + ["and", "first", "twice"])
        if kind == "passed":
            return passed[-1]
        other = {"first": passed[0], "twice": passed[-1]}.get(kind) or self.event(pool, "bool")
        return make("and", *((other, passed[-1]) if self.choose([True, False]) else (passed[-1], other)))

    def histogram(self, pool: list[Node], when: Node) -> None:
        x = self.fresh(pool)
        axis = self.choose([*AXES, WIDE] if x.type.elem == "real" else AXES[:3])
        cell, cells = make("add", make("bin", x, axis=axis), make("const", value=1)), axis.bins + 2
        dim = x.type.dims[0] if x.type.dims else None
        if self.choose([True, False, False]):
            y = self.of(pool, "real", self.choose([dim, None]))
            second = make("add", make("bin", y, axis=AXES[0]), make("const", value=1))
            cell = make("add", make("mul", cell, make("const", value=AXES[0].bins + 2)), second)
            cells *= AXES[0].bins + 2
        if self.choose([True, False, False]):
            cell = self.only(self.of(pool, "bool", self.choose([dim, None])), cell)
        if self.choose([True, False]):
            self.check(make("lt", cell, make("const", value=cells)), when, self.of(pool, "bool", None))
        weight = self.weight(pool, self.choose([dim, None])) if self.choose([True, False]) else None
        self.fill(cells, cell, weight, when)

    def weight(self, pool: list[Node], dim: Dim | None) -> Node:
        w = self.of(pool, "real", dim)
        tame = make("where", make("lt", make("abs", w), self.const(9.0)), w, self.const(0.5))
        return make("mul", tame, self.const(self.choose(SCALES)))

    def only(self, condition: Node, cell: Node) -> Node:
        return make("where", condition, cell, make("const", value=-1))

    def check(self, fine: Node, *conditions: Node) -> None:
        """True where these hold; it is."""
        for condition in conditions:
            fine = make("or", fine, make("not", condition))
        fine = make("reduce_all", fine, over=fine.type.dims) if fine.type.dims else fine
        self.ends[f"check{len(self.ends)}"] = fine

    def fill(self, cells: int, cell: Node, weight: Node | None, when: Node | None) -> None:
        name = f"f{len(self.fills)}"
        nodes = {"cell": cell, "weight": weight, "when": when}
        names = {part: f"{name}.{part}" for part, node in nodes.items() if node is not None}
        self.ends.update({names[part]: node for part, node in nodes.items() if node is not None})
        self.fills.append(Fill(name, cells, **names))

    # --- values

    def grow(self, pool: list[Node]) -> None:
        """By what some recipe makes of what is there: later ones first."""
        try:
            node = self.choose(RECIPES)(self, pool)
        except RuleError:
            return
        if len(node.type.dims) <= 1:
            pool.append(node)

    def const(self, value: float) -> Node:
        return make("const", value=value)

    def of(self, pool: list[Node], elem: str, dim: Dim | None) -> Node:
        """Over ``dim``, or of the event."""
        keys = [] if dim is None else [dim.key]
        here = [n for n in pool if [d.key for d in n.type.dims] == keys and n.type.elem != "index"]
        found = [n for n in here if n.type.elem == elem]
        if found:
            return self.choose(found[-6:])  # type: ignore[no-any-return]
        x = self.choose(here) if here else self.const(0.75)
        if elem == "real":
            return x if x.type.elem == "real" else make("cast", x, type=Type("real", x.type.dims))
        return make("gt", x, self.const(0.25) if x.type.elem == "real" else make("const", value=0))

    def event(self, pool: list[Node], elem: str) -> Node:
        kind = self.choose(["there", "any", "count", "compare"])
        ragged = [n for n in pool if n.type.dims]
        if kind == "compare":
            return make(
                self.choose(["gt", "lt"]), self.of(pool, "real", None), self.const(self.choose([-0.5, 0.0, 0.5]))
            )
        if kind == "there":
            return self.of(pool, elem, None)
        x = self.choose(ragged[-6:])
        (dim,) = x.type.dims
        if kind == "count":
            some = make("cast", self.of(pool, "bool", dim), type=Type("int", (dim,)))
            return make("ge", make("reduce_sum", some, over=(dim,)), make("const", value=self.choose([1, 2])))
        return make("reduce_any", self.of(pool, "bool", dim), over=(dim,))

    def fresh(self, pool: list[Node]) -> Node:
        """A number made just now, of the latest."""
        return self.choose([n for n in pool if n.type.elem in ("real", "int")][-5:])  # type: ignore[no-any-return]

    def new(self) -> Dim:
        self.made += 1
        return Dim(f"d{self.made}", bound=MANY)

    def over(self, pool: list[Node], elem: str) -> Node:
        found = [n for n in pool if n.type.elem == elem and n.type.dims]
        if not found:
            raise RuleError("nothing to choose from")
        return self.choose(found[-8:])  # type: ignore[no-any-return]


def _arithmetic(b: Regions, pool: list[Node]) -> Node:
    """Much of it: what costs enough to be kept."""
    x = b.over(pool, "real") if b.choose([True, True, False]) else b.of(pool, "real", None)
    dim = x.type.dims[0] if x.type.dims else None
    other = b.choose([dim, dim, None])
    for _ in range(b.choose([1, 3, 8])):
        y = b.of(pool, "real", other)
        op = b.choose(["add", "sub", "min", "max", "mul", "div", "sqrt", "where", "floor", "noise", "lookup"])
        if op == "sqrt":
            x = make("sqrt", make("abs", x))
        elif op == "floor":
            x = make("floor", make("max", make("min", x, b.const(9.0)), b.const(-9.0)))
        elif op == "div":
            x = make("div", x, make("add", make("abs", y), b.const(0.5)))
        elif op == "mul":
            x = make("mul", x, make("max", make("min", y, b.const(2.0)), b.const(-2.0)))
        elif op == "where":
            x = make("where", b.of(pool, "bool", dim), x, y)
        elif op in ("noise", "lookup"):
            number = make("bin", x, axis=b.choose(AXES))
            key = next(n for n in b.inputs if n["name"] == "run")
            drawn = make("noise", key, number, name=f"draw{b.numbers % 3}")
            x = drawn if op == "noise" else make("lookup", number, values=NUMBERS[: b.choose([4, 20])])
        else:
            x = make(op, x, y)
    b.numbers += 1
    return make("add", x, b.const(b.numbers / 16))


def _mask(b: Regions, pool: list[Node]) -> Node:
    x = b.over(pool, b.choose(["real", "real", "int"]))
    edge = b.const(b.choose([-0.5, 0.0, 0.5])) if x.type.elem == "real" else make("const", value=b.choose([0, 1]))
    mask = make(b.choose(["gt", "lt", "ne"]), x, edge)
    return make("and", mask, b.of(pool, "bool", x.type.dims[0])) if b.choose([True, False]) else mask


def _chosen(b: Regions, pool: list[Node]) -> Node:
    """Something of entries that are chosen: by a mask, the first few, pairs, by a number."""
    x = b.over(pool, b.choose(["real", "real", "int"]))
    (dim,) = x.type.dims
    kind = b.choose(["filter", "filter", "best", "sorted", "pairs", "triples", "index"])
    if kind == "filter":
        idx = make("filter", b.of(pool, "bool", dim), dim=dim, dst=b.new())
    elif kind in ("best", "sorted"):
        few = Dim(b.new().name, bound={"best": b.choose([1, 3]), "sorted": MANY}[kind])
        key = b.of(pool, "real", dim)
        idx = make("argsort", key, dim=dim, dst=few, descending=(b.choose([True, False]),))
    elif kind == "index":
        idx = make("filter", b.of(pool, "bool", INPUTS["of"].dims[0]), dim=INPUTS["of"].dims[0], dst=b.new())
        idx = make("gather", next(n for n in b.inputs if n["name"] == "of"), idx)
        x = next(n for n in b.inputs if n["name"] in ("lpt", "charge"))
    else:
        slot = Dim(str(k), k) if (k := 2 + (kind == "triples")) else dim
        rows = make("combinations", x, dim=dim, dst=b.new(), slot=slot)
        entries = [make("pick", make("gather", x, rows), dim=slot, index=i) for i in range(k)]
        return make("max", make("add", *entries[:2]), entries[-1])
    return make("gather", x, idx)


def _segment(b: Regions, pool: list[Node]) -> Node:
    x, of = b.of(pool, "real", INPUTS["of"].dims[0]), next(n for n in b.inputs if n["name"] == "of")
    return make(b.choose(["segment_max", "segment_min"]), x, of)


def _reduced(b: Regions, pool: list[Node]) -> Node:
    x = b.over(pool, b.choose(["real", "bool", "int"]))
    op = {"real": b.choose(["reduce_max", "reduce_min"]), "bool": "reduce_any", "int": "reduce_sum"}[x.type.elem]
    made = make(op, x, over=x.type.dims)
    return make("cast", made, type=Type("real")) if x.type.elem == "int" else made


def _united(b: Regions, pool: list[Node]) -> Node:
    x, y = b.of(pool, "real", INPUTS["pt"].dims[0]), b.of(pool, "real", INPUTS["lpt"].dims[0])
    dims, dst = (x.type.dims[0], y.type.dims[0]), b.new()
    parts = [make("gather", n, make("unite", x, y, dims=dims, part=i, dst=dst)) for i, n in enumerate((x, y))]
    return make("add", *parts)


RECIPES: list[Callable[[Regions, list[Node]], Node]] = [
    _arithmetic, _arithmetic, _arithmetic, _mask, _mask, _chosen, _chosen, _segment, _reduced, _reduced, _united,
]  # fmt: skip


def random_regions(seed: int, cuts: int = 3) -> Module:
    rng = np.random.default_rng(seed)
    return Regions(lambda options: options[int(rng.integers(len(options)))]).program(cuts)
