# SPDX-License-Identifier: Apache-2.0
"""Random event programs that fill, and what they add up to by the reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hepq.compiler.ir import interpret
from hepq.compiler.ir.infer import make
from hepq.compiler.ir.node import Fill, Module, Node
from hepq.compiler.ir.verify import VerifyError, verify
from hepq.compiler.lower.events import lower
from hepq.compiler.passes.base import Facts, rewrite
from hepq.compiler.targets import cpu
from hepq.core.axes import BinAxis
from hepq.runtime.analysis.sums import Counts, Sums, Weighted, merged
from hepq.runtime.engine.event_code import EventProgram
from tests.support.events.programs import Events, columns

#: sizes of weights: all that is kept, below the lowest bit and about it, squares of the largest
SCALES = (1.0, -3.0, 1e-57, 1e-30, 1e18)
AXES = (BinAxis.regular(7, -1.0, 1.0), BinAxis.variable((-1.0, -0.25, 0.0, 0.5)), BinAxis.integer(-2, 3),
        BinAxis.variable(tuple(float(i) / 16 for i in range(-20, 20))))  # fmt: skip


class Filling(Events):
    """Outputs, fills, and cut flows whose regions share their first cuts."""

    def __init__(self, choose: Any) -> None:
        super().__init__(choose)
        self.ends: dict[str, Node] = {}
        self.fills: list[Fill] = []

    def program(self) -> Module:
        """Also: one whose states, after the first failure, stay what they are."""
        sound = {n for n in self.pool if _sound(self.inputs, n)}
        self.pool = [n for n in self.pool if n in sound]
        flat = [n for n in self.pool if len([d for d in n.type.dims if d.ragged]) <= 1 and not _primed(n)]
        states = self._states(flat)
        for i in range(self.choose(range(3, 12))):
            self._fill(i, flat, states)
        for i, (_, state) in enumerate(states):
            self._add(f"flow{i}", 40, state, None if self.choose([True, False]) else self._weight(None, flat), None)
        outputs = {} if self.choose([True, False]) else self.finish().outputs
        kept = {name: n for name, n in outputs.items() if _sound(self.inputs, n)}
        return Module("fills", tuple(self.inputs), {**kept, **self.ends}, fills=tuple(self.fills))

    def _some(self, flat: list[Node], elem: str, dim: Any = None) -> list[Node]:
        """Exact values of the event, or over ``dim`` alone."""
        keys = [] if dim is None else [dim.key]
        return [n for n in flat if n in self.exact and n.type.elem == elem and [d.key for d in n.type.dims] == keys]

    def _condition(self, flat: list[Node]) -> Node:
        made = self._some(flat, "bool")
        made += [make("gt", n, self.const(0.25)) for n in self._some(flat, "real")[-4:]]
        inputs = {n["name"]: n for n in self.inputs}
        dim = inputs["pt"].type.dims[0]
        made.append(make("gt", make("count", dim=dim), make("const", value=self.choose([0, 1, 2]))))
        made.append(make("reduce_any", make("gt", inputs["pt"], self.const(0.75)), over=(dim,)))
        made.append(make("gt", inputs["met"], self.const(self.choose([-0.5, 0.0]))))
        first, second = self.choose(made), self.choose(made)
        return make("and", first, second) if self.choose([True, False, False]) else first

    def _states(self, flat: list[Node]) -> list[tuple[int, Node]]:
        states = [(0, make("const", value=0))]
        for _ in range(self.choose(range(2, 9))):
            number, state = self.choose(states[-3:])
            states.append((number + 1, make("cut", state, self._condition(flat), number=number)))
        return states[1:]

    def _when(self, flat: list[Node], states: list[tuple[int, Node]]) -> Node | None:
        kind = self.choose(["none", "passed", "passed", "passed", "and", "condition", "two"])
        if kind == "none":
            return None
        if kind == "condition":
            return self._condition(flat)
        passed = make("eq", self.choose(states)[1], make("const", value=0))
        if kind == "passed":
            return passed
        other = make("eq", self.choose(states)[1], make("const", value=0)) if kind == "two" else self._condition(flat)
        return make("and", *((passed, other) if self.choose([True, False]) else (other, passed)))

    def _weight(self, dim: Any, flat: list[Node]) -> Node:
        w = self.choose(self._some(flat, "real", dim) or self._some(flat, "real"))
        tame = make("lt", make("abs", w), self.const(9.0))
        return make("mul", make("where", tame, w, self.const(0.5)), self.const(self.choose(SCALES)))

    def _fill(self, number: int, flat: list[Node], states: list[tuple[int, Node]]) -> None:
        exact = [n for n in flat if n in self.exact and n.type.elem in ("real", "int")]
        x = self.choose([n for n in exact if all(d.ragged for d in n.type.dims)])
        axis = self.choose(AXES if x.type.elem == "real" else AXES[:3])
        cell = make("add", make("bin", x, axis=axis), make("const", value=1))
        dim = x.type.dims[0] if x.type.dims else None
        weight = self._weight(self.choose([dim, None]), flat) if self.choose([True, False]) else None
        when = self._when(flat, states)
        self._add(f"fill{number}", axis.bins + 2, cell, weight, when)
        for i in range(self.choose([0, 1, 4, 8]) if weight is not None else 0):  # as of variations
            other = None if self.choose([True, True, False]) else self._condition(flat)
            also = make("and", when, other) if when is not None and other is not None else when or other
            weight = self._weight(self.choose([dim, None]), flat)
            self._add(f"fill{number}.{i}", axis.bins + 2, cell, weight, also)

    def _add(self, name: str, cells: int, cell: Node, weight: Node | None, when: Node | None) -> None:
        nodes = {"cell": cell, "weight": weight, "when": when}
        names = {part: f"{name}.{part}" for part, node in nodes.items() if node is not None}
        self.ends.update({names[part]: node for part, node in nodes.items() if node is not None})
        self.fills.append(Fill(name, cells, **names))


def _primed(node: Node) -> bool:
    return any(d.primes for d in node.type.dims)


def _sound(inputs: Sequence[Node], node: Node) -> bool:
    try:
        verify(Module("m", tuple(inputs), {"y": node}))
    except VerifyError:  # a count of a dim that the event makes
        return False
    return True


def random_filling(seed: int, steps: int = 40) -> Module:
    rng = np.random.default_rng(seed)
    builder = Filling(lambda options: options[int(rng.integers(len(options)))])
    for _ in range(steps):
        builder.step()
    return builder.program()


def program(module: Module, target: str = "cpu") -> EventProgram:
    code = lower(module, cpu.parse(target))
    return EventProgram(code.library, code.description)


def compiled(
    code: EventProgram, module: Module, events: Sequence[Mapping[str, Any]], sizes: Sequence[int] = (), **more: Any
) -> Sums:
    """What ``code`` adds up, in chunks of ``sizes`` and one of the rest."""
    sums, first = code.accumulators(), 0
    for size in (*sizes, len(events)):
        chunk = events[first : first + size]
        first += size
        if chunk:
            code.run(*columns(module, chunk), events=len(chunk), accumulators=sums, **more)
    return sums.sums()


def expected(module: Module, events: Sequence[Mapping[str, Any]], n_minus_one: bool = True) -> Sums:
    """By the reference, event by event."""
    found = interpret.run(module if n_minus_one else rewrite(module, _first_failure), events, {})
    return merged(
        Sums({fill.name: _part(fill, {name: found[name][i] for name in fill.outputs}) for fill in module.fills})
        for i in range(len(events))
    )


def _part(fill: Fill, values: Mapping[str, Any]) -> Counts | Weighted:
    cells = np.asarray(values[fill.cell])
    if fill.when is not None and not values[fill.when]:
        cells = np.full_like(cells, -1)
    if fill.weight is None:
        return Counts.of(cells)
    weights = np.asarray(values[fill.weight])
    cells, weights = np.broadcast_arrays(cells, weights)
    return Weighted.of(cells, weights)


def _first_failure(node: Node, facts: Facts) -> Node | None:
    if node.op != "cut":
        return None
    state, holds = node.operands
    zero, failed = make("const", value=0), make("const", value=2 * node["number"] + 2)
    return make("where", make("eq", state, zero), make("where", holds, zero, failed), state)


def same(a: Sums, b: Sums) -> None:
    """To the bit."""
    assert set(a) == set(b)
    for name in a:
        for end in type(a[name]).__dataclass_fields__:
            np.testing.assert_array_equal(getattr(a[name], end), getattr(b[name], end), err_msg=f"{name} {end}")
