# SPDX-License-Identifier: Apache-2.0
"""Weights that are added up: exact whatever their size, near and far, however often near goes to far."""

from __future__ import annotations

from dataclasses import replace
from math import inf, nan, nextafter

import numpy as np
import pytest
from numpy.typing import NDArray

from hepq.compiler.ir.infer import make
from hepq.compiler.ir.node import Fill, Module
from hepq.compiler.lower.events import adding, lower, roots
from hepq.compiler.targets.cpu import parse
from hepq.core.types import Type
from hepq.runtime.analysis.sums import Sums, Weighted
from hepq.runtime.engine import event_code
from hepq.runtime.engine.accumulators import NEAREST
from hepq.runtime.engine.event_code import BAD_WEIGHT, EventError, EventProgram
from tests.support.events.fills import program, same

CELL, WEIGHT = make("input", name="cell", type=Type("int")), make("input", name="weight", type=Type("real"))
CELLS = 50
MODULE = Module("m", (CELL, WEIGHT), {"c": CELL, "w": WEIGHT}, fills=(Fill("f", CELLS, "c", "w"),))

#: about every edge: of what is near, of its places, of what is kept, of what may be added; squares that are lost
EDGES = [
    0.0, 1.0, 32.0, nextafter(32.0, 0), nextafter(32.0, inf), *(nextafter(p, inf) for p in NEAREST), 2.0**-86,
    1 + 2.0**-52, 1 / 3, 1e-5, 1e-57, 1e-60, 5e-324, 2.0**-140, 1e18, nextafter(2.0**64, 0),
]  # fmt: skip


@pytest.mark.parametrize("often", [2**20, 1, 4])
@pytest.mark.parametrize("weights", ["edges", "any", "usual"])
def test_sums_are_exact(weights: str, often: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adding, "_OFTEN", often)
    rng = np.random.default_rng(0)
    drawn = {
        "edges": rng.choice([*EDGES, *(-e for e in EDGES)], 3000),
        "any": rng.normal(0, 1, 3000) * 2.0 ** rng.integers(-200, 60, 3000),
        "usual": rng.normal(1, 0.3, 3000),
    }[weights]
    cells = rng.integers(-1, CELLS, len(drawn))
    code = program(MODULE)
    sums = code.accumulators()
    for part in np.split(np.arange(len(drawn)), [1, 10, 11, 2000]):
        code.run({"cell": cells[part], "weight": drawn[part]}, {}, accumulators=sums)
    same(sums.sums(), Sums({"f": Weighted.of(cells, drawn)}))


@pytest.mark.parametrize("often", [2**20, 1, 4])
@pytest.mark.parametrize("fills", [2, 5, roots.TOGETHER + 3])
def test_fills_that_share_a_record_are_exact(fills: int, often: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights of all kinds side by side; some are not added everywhere."""
    monkeypatch.setattr(adding, "_OFTEN", often)
    names, rng, n = [f"w{i}" for i in range(fills)], np.random.default_rng(fills), 2000
    given = [make("input", name=name, type=Type("real")) for name in names]
    there = make("input", name="there", type=Type("bool"))
    module = Module(
        "m", (CELL, there, *given), {"c": CELL, "t": there, **dict(zip(names, given, strict=True))},
        fills=tuple(Fill(f"of {w}", CELLS, "c", w, "t" if i % 3 == 1 else None) for i, w in enumerate(names)),
    )  # fmt: skip
    weights = {name: rng.normal(1, 0.3, n) for name in names}
    weights["w1"] = rng.choice([*EDGES, *(-e for e in EDGES)], n)
    weights[names[-1]] = rng.normal(0, 1, n) * 2.0 ** rng.integers(-200, 60, n)
    cells, passed = rng.integers(-1, CELLS, n), rng.random(n) < 0.4
    code = program(module)
    assert [len(group) for group in code.description.together] == [min(fills, roots.TOGETHER)] + [3] * (fills > 32)
    sums = code.accumulators()
    for part in np.split(np.arange(n), [1, 10, 11, 1500]):
        columns = {name: w[part] for name, w in weights.items()}
        code.run({"cell": cells[part], "there": passed[part], **columns}, {}, accumulators=sums)
    where = [np.where(passed, cells, -1) if i % 3 == 1 else cells for i in range(fills)]
    expected = {f"of {name}": Weighted.of(at, weights[name]) for name, at in zip(names, where, strict=True)}
    same(sums.sums(), Sums(expected))


def test_many_of_one_kind_stay_exact() -> None:
    """So many that near goes to far, of the numbers that fill it soonest."""
    n = 2**20 + 5
    weights: NDArray[np.float64] = np.full(n, nextafter(32.0, 0))
    code = program(MODULE)
    sums = code.accumulators()
    code.run({"cell": np.zeros(n, np.int64), "weight": weights}, {}, accumulators=sums)
    same(sums.sums(), Sums({"f": Weighted.of(np.zeros(n), weights)}))


def test_code_for_another_layout_of_sums_is_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of weights; of counts there is one."""
    code = [lower(m, parse("cpu")) for m in (MODULE, replace(MODULE, fills=(Fill("f", CELLS, "c"),)))]
    monkeypatch.setattr(event_code, "SUMS", "another")
    with pytest.raises(OSError, match="other inputs or outputs"):
        EventProgram(code[0].library, code[0].description)
    EventProgram(code[1].library, code[1].description)


@pytest.mark.parametrize("weight", [nan, inf, -inf, 2.0**64, -(2.0**64)])
def test_what_is_no_weight(weight: float) -> None:
    with pytest.raises(EventError, match="f has a weight that is not a number below") as caught:
        program(MODULE).run({"cell": np.zeros(3, np.int64), "weight": np.array([1.0, weight, 2.0])}, {})
    assert (caught.value.status, caught.value.event) == (BAD_WEIGHT, 1)


def test_what_is_no_weight_among_several() -> None:
    """The error says of which fill."""
    other = make("add", WEIGHT, make("const", value=1.0))
    bad = make("where", make("lt", WEIGHT, make("const", value=5.0)), other, make("const", value=nan))
    module = replace(
        MODULE, outputs={"c": CELL, "w": WEIGHT, "a": other, "b": bad},
        fills=tuple(Fill(f"of {w}", CELLS, "c", w) for w in "wab"),
    )  # fmt: skip
    with pytest.raises(EventError, match="of b has a weight that is not a number below") as caught:
        program(module).run({"cell": np.zeros(3, np.int64), "weight": np.array([1.0, 7.0, 2.0])}, {})
    assert (caught.value.status, caught.value.event, caught.value.detail) == (BAD_WEIGHT, 1, 2)
