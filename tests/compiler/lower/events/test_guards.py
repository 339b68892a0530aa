# SPDX-License-Identifier: Apache-2.0
"""What is computed where: seen by what fails, which it does only if it is computed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hepq.compiler.ir import interpret
from hepq.compiler.ir.infer import make
from hepq.compiler.ir.node import Fill, Module, Node
from hepq.compiler.lower.events import guards, lower
from hepq.compiler.lower.events import plan as plans
from hepq.compiler.lower.events.conditions import ALWAYS, Condition, either, implied, shortest
from hepq.compiler.lower.events.plan import make_plan
from hepq.compiler.lower.events.prepare import prepare
from hepq.compiler.targets import cpu
from hepq.core.types import Dim, Type
from hepq.runtime.engine.event_code import TOO_MANY, EventError, EventProgram
from tests.support.events.fills import compiled, expected, same
from tests.support.events.programs import MANY, columns

JET = Dim("jet", bound=MANY)
PT = make("input", name="pt", type=Type("real", (JET,)))
X, Y, Z = (make("input", name=name, type=Type("real")) for name in "xyz")
ZERO = make("const", value=0)


def cut(state: Node, holds: Node, number: int) -> Node:
    return make("cut", state, holds, number=number)


def positive(x: Node) -> Node:
    return make("gt", x, make("const", value=0.0))


def passed(state: Node) -> Node:
    return make("eq", state, ZERO)


def pairs(name: str) -> Node:
    """How many pairs of jets have a sum above 1: an event of more than four jets has too many of them."""
    slot = Dim("2", 2)
    rows = make("combinations", PT, dim=JET, dst=Dim(name, bound=MANY), slot=slot)
    a, b = (make("pick", make("gather", PT, rows), dim=slot, index=i) for i in range(2))
    large = make("cast", make("gt", make("add", a, b), make("const", value=1.0)), type=Type("int", a.type.dims))
    return make("reduce_sum", large, over=a.type.dims)


def module(**fills: tuple[Node, Node | None]) -> Module:
    """Of cells and conditions; cut flows have none."""
    ends: dict[str, Node] = {}
    made = []
    for name, (cell, when) in fills.items():
        ends[name] = cell
        if when is not None:
            ends[f"{name}.when"] = when
        made.append(Fill(name, 50, name, when=None if when is None else f"{name}.when"))
    return Module("m", (PT, X, Y, Z), ends, fills=tuple(made))


def event(jets: int, x: float, y: float = 1.0, z: float = 1.0) -> dict[str, Any]:
    return {"pt": [1.0] * jets, "x": x, "y": y, "z": z}


def code(of: Module) -> EventProgram:
    made = lower(of, cpu.parse("cpu"))
    return EventProgram(made.library, made.description, limit=6)


def fails(of: EventProgram, m: Module, events: list[dict[str, Any]], n_minus_one: bool = True) -> int | None:
    """The number of the event that has too many pairs."""
    try:
        found = compiled(of, m, events, n_minus_one=n_minus_one)
    except EventError as error:
        return error.event if error.status == TOO_MANY else -1
    same(found, expected(m, events, n_minus_one))
    return None


def test_what_a_region_fills_is_computed_in_its_events_alone() -> None:
    state = cut(ZERO, positive(X), 0)
    m = module(flow=(state, None), hist=(pairs("p"), passed(state)))
    made = code(m)
    assert fails(made, m, [event(4, 1), event(9, -1), event(0, 1)]) is None
    assert fails(made, m, [event(9, -1), event(4, 1), event(9, 1)]) == 2


def test_later_cuts_are_asked_for_n_minus_one_until_two_have_failed() -> None:
    first = cut(ZERO, positive(X), 0)
    second = cut(first, positive(Y), 1)
    third = cut(second, make("ge", pairs("p"), make("const", value=1)), 2)
    m = module(flow=(third, None))
    made = code(m)
    for n_minus_one in (True, False):
        assert fails(made, m, [event(4, 1), event(9, -1, -1), event(3, -1), event(4, 1, -1)], n_minus_one) is None
        assert fails(made, m, [event(9, 1)], n_minus_one) == 0
    assert fails(made, m, [event(9, -1)], True) == 0
    assert fails(made, m, [event(9, -1)], False) is None


def test_what_two_regions_need_is_computed_where_either_does() -> None:
    a, b = cut(ZERO, positive(X), 0), cut(ZERO, positive(Y), 0)
    n = pairs("p")
    m = module(a=(n, passed(a)), b=(make("add", n, make("const", value=1)), passed(b)))
    made = code(m)
    assert fails(made, m, [event(4, 1, -1), event(4, -1, 1), event(9, -1, -1), event(3, 1, 1)]) is None
    assert fails(made, m, [event(9, 1, -1)]) == 0
    assert fails(made, m, [event(9, -1, 1)]) == 0


def test_conditions_beside_cuts_count() -> None:
    state = cut(ZERO, positive(X), 0)
    m = module(flow=(state, None), hist=(pairs("p"), make("and", positive(Y), passed(state))))
    made = code(m)
    assert fails(made, m, [event(9, 1, -1), event(9, -1, 1), event(4, 1, 1)]) is None
    assert fails(made, m, [event(9, 1, 1)]) == 0


def test_conditions_are_themselves_computed_where_they_are_needed() -> None:
    """And hold nowhere else, whatever they were in the event before."""
    state = cut(ZERO, positive(X), 0)
    some = make("ge", pairs("p"), make("const", value=1))
    m = module(flow=(state, None), hist=(pairs("q"), make("and", some, passed(state))))
    assert fails(code(m), m, [event(4, 1), event(9, -1), event(2, 1), event(9, -1)]) is None
    inner = cut(cut(state, some, 1), positive(Z), 2)
    m = module(flow=(state, None), hist=(inner, passed(state)), more=(pairs("q"), passed(inner)))
    assert fails(code(m), m, [event(4, 1), event(9, -1), event(2, 1), event(9, -1), event(4, 1)], False) is None


def test_a_region_may_ask_whether_another_was_passed() -> None:
    """Then its cuts wait for those of the other, which wait for nothing of it."""
    n = pairs("p")
    some = make("ge", n, make("const", value=1))
    a = cut(cut(ZERO, positive(X), 0), some, 1)
    b = cut(cut(ZERO, positive(Y), 0), make("not", passed(a)), 1)
    m = module(a=(a, None), b=(b, None), hist=(n, passed(b)), more=(make("add", n, n), passed(a)))
    made = code(m)
    events = [event(jets, x, y) for jets in (0, 1, 2, 4) for x in (-1, 1) for y in (-1, 1)]
    for n_minus_one in (True, False):
        assert fails(made, m, events, n_minus_one) is None


def only(condition: Node, cell: Node) -> Node:
    return make("where", condition, cell, make("const", value=-1))


def test_cells_that_are_nowhere_are_not_computed() -> None:
    """As those of what is not a number in a cut, and those of weighted cut flows are."""
    first = cut(ZERO, positive(X), 0)
    second = cut(first, make("ge", n := pairs("p"), make("const", value=1)), 1)
    odd = make("eq", make("mod", second, make("const", value=2)), make("const", value=1))
    marked = make("and", passed(first), make("lt", n, make("const", value=0)))
    weight = make("cast", pairs("q"), type=Type("real"))
    m = module(flow=(second, None), marks=(only(marked, ZERO), None), cells=(only(odd, only(positive(Y), n)), None))
    steps = Fill("steps", 50, "steps.cell", "steps.weight")
    ends = {**m.outputs, "steps.cell": only(passed(second), second), "steps.weight": weight}
    m = Module("m", m.inputs, ends, fills=(*m.fills, steps))
    made = code(m)
    assert fails(made, m, [event(9, -1), event(4, 1), event(1, 1)], False) is None
    assert fails(made, m, [event(9, -1, -1), event(4, 1)]) == 0, "the second cut is asked for N - 1"
    assert fails(made, m, [event(9, 1, -1)], False) == 0


def test_checks_are_made_where_they_may_fail() -> None:
    state = cut(ZERO, positive(X), 0)
    few = make("lt", pairs("p"), make("const", value=3))
    every = make("reduce_all", make("or", make("lt", PT, Z), make("not", passed(state))), over=(JET,))
    checks = {
        "few": make("or", make("or", few, make("not", passed(state))), make("not", positive(Y))),
        "not both": make("not", make("and", passed(state), make("lt", Y, make("const", value=-5.0)))),
        "every": every,
    }
    base = module(flow=(state, None))
    m = Module("m", base.inputs, {**base.outputs, **checks}, fills=base.fills, checks=tuple(checks))
    made = code(m)
    fine = [event(9, -1, z=2), event(9, 1, -1, 2), event(2, 1, 1, 2), event(3, -1, -9, 0), event(0, 1, 1, 0)]
    assert fails(made, m, fine) is None
    assert fails(made, m, [event(9, 1, 1, 2)]) == 0
    for bad in (event(4, 1, z=2), event(1, 1, -9, 2), event(1, 1, 1, 0)):
        with pytest.raises(EventError, match="does not hold"):
            compiled(made, m, [bad])


@pytest.mark.parametrize("stage", [8000, 1])
def test_columns_of_skims_are_computed_in_their_events(stage: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "STAGE", stage)
    state, other = cut(ZERO, positive(X), 0), cut(ZERO, positive(Y), 0)
    slot, n = Dim("2", 2), pairs("p")
    rows = make("combinations", PT, dim=JET, dst=Dim("rows", bound=MANY), slot=slot)
    sums = make("reduce_sum", make("gather", PT, rows), over=(slot,))
    base = module(flow=(state, None), flows=(other, None))
    saved = {"passed": passed(state), "sums": sums, "first": make("pick", make("gather", PT, rows), dim=slot, index=0),
             "n": n, "pt": PT, "other": passed(other), "more": make("add", n, n)}  # fmt: skip
    within = {"sums": "passed", "first": "passed", "n": "passed", "pt": "passed", "more": "other"}
    m = Module("m", base.inputs, {**base.outputs, **saved}, fills=base.fills, within=within)
    events = [event(4, 1, -1), event(9, -1, -1), event(0, 1, 1), event(3, -1, 1), event(2, 1, 1), event(9, -1, -1)]
    made, of = code(m), interpret.run(m, events, {})
    got = made.run(*columns(m, events), events=len(events))
    for name, where in within.items():
        for i, n_rows in enumerate(np.cumsum(got.counts["rows"])):
            here = slice(int(n_rows) - int(got.counts["rows"][i]), int(n_rows))
            entries = {"sums": here, "first": here, "pt": slice(*np.cumsum([0, 4, 9, 0, 3, 2, 9])[i : i + 2])}
            if of[where][i]:
                np.testing.assert_array_equal(got.outputs[name][entries.get(name, i)], of[name][i], err_msg=name)
    assert list(got.counts["rows"]) == [6, 0, 0, 0, 1, 0]
    with pytest.raises(EventError):
        made.run(*columns(m, [event(9, 1)]), events=1)


def test_costly_values_of_columns_wait_for_their_region() -> None:
    state = cut(ZERO, positive(X), 0)
    heavy = make("exp", make("sin", PT))
    most, least = make("reduce_max", heavy, over=(JET,)), make("reduce_min", heavy, over=(JET,))
    bins = [make("cast", make("mul", n, make("const", value=8.0)), type=Type("int")) for n in (most, least)]
    m = module(a=(bins[0], passed(state)), b=(bins[1], passed(state)))
    plan = make_plan(prepare(m))
    assert [n.op for n in plan.late] == ["exp"]
    jets = [[0.1 * i * j for i in range(j % 23)] for j in range(200)]
    events = [{**event(0, (-1) ** (i % 3)), "pt": pt} for i, pt in enumerate(jets)]
    same(compiled(code(m), m, events, (3, 90)), expected(m, events))


def test_more_terms_than_are_kept_leave_what_they_have_in_common(monkeypatch: pytest.MonkeyPatch) -> None:
    common = cut(ZERO, positive(X), 0)
    ends = [cut(common, make("gt", Y, make("const", value=float(i))), 1) for i in range(3)]
    n = pairs("p")
    m = module(**{f"f{i}": (make("add", n, make("const", value=i)), passed(end)) for i, end in enumerate(ends)})
    plan = make_plan(prepare(m))
    (sum_,) = (node for node in plan.kept if node.op == "reduce_sum")
    assert len(plan.guards[sum_]) == 3
    monkeypatch.setattr(guards, "MOST", 2)
    plan = make_plan(prepare(m))
    (sum_,) = (node for node in plan.kept if node.op == "reduce_sum")
    assert [{(c.kind, c.of["number"]) for c in term} for term in plan.guards[sum_]] == [{("passed", 0), ("live", 0)}]
    assert fails(code(m), m, [event(9, -1, 5), event(4, 1, 0.5)]) is None


def test_terms() -> None:
    first = cut(ZERO, positive(X), 0)
    second = cut(first, positive(Y), 1)
    asked, done = Condition("live", first), Condition("passed", second)
    assert implied(frozenset({done})) == {done, asked, Condition("passed", first), Condition("live", second)}
    assert shortest(implied(frozenset({done, asked}))) == [done]
    # who passed the second was asked it
    assert either([implied(frozenset({done})), frozenset({asked})]) == {frozenset({asked})}
    assert either([frozenset({done}), frozenset()]) == ALWAYS
    assert implied(frozenset({odd := Condition("odd", second)})) == {odd, asked, Condition("live", second)}
