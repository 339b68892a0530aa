# SPDX-License-Identifier: Apache-2.0
"""Cut flows of regions with weights among their cuts, against loops in Python: raw, weighted, without each cut."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from tests.analyses.made import Event, made
from tests.analyses.random_programs import HEAD, events

#: a cut or a weight, of an event: None where it is absent
Item = tuple[str, Callable[[Event], float | None]]

TEXT = f"""{HEAD}
analysis A {{
  source top = mc("top.root", xsec=2 pb)
  branch w: real
  cut a = MET.pt > 10 GeV
  weight u = w
  region R {{
    cut two = count(Jet) >= 2
    weight v = Jet[1].pt / 20 GeV
    cut b = Jet[0].pt > 10 GeV
    cut x = MET.x > 0
    weight z = -2 * MET.pt / 40 GeV
  }}
  region S {{
    weight q = 0.5 * w
    cut mu = exists(Muon)
    weight m = max(Muon.pt, over=Muon) / 10 GeV
    weight three = 3
  }}
  region RS extends R, S {{
    cut last = w != 0
  }}
  region SR extends S, R {{
  }}
}}
"""


def jet(event: Event, i: int) -> float | None:
    return float(event["Jet_pt"][i]) if len(event["Jet_pt"]) > i else None


def scaled(x: float | None, by: float) -> float | None:
    return None if x is None else x * by


A: list[Item] = [("cut", lambda e: e["MET_pt"] > 10), ("weight", lambda e: e["w"])]
R: list[Item] = [
    ("cut", lambda e: len(e["Jet_pt"]) >= 2),
    ("weight", lambda e: scaled(jet(e, 1), 1 / 20)),
    ("cut", lambda e: (jet(e, 0) or 0) > 10),
    ("cut", lambda e: e["MET_x"] > 0),
    ("weight", lambda e: -2 * e["MET_pt"] / 40),
]
S: list[Item] = [
    ("weight", lambda e: 0.5 * e["w"]),
    ("cut", lambda e: len(e["Muon_pt"]) > 0),
    ("weight", lambda e: max(e["Muon_pt"]) / 10 if len(e["Muon_pt"]) else None),
    ("weight", lambda e: 3.0),
]
REGIONS = {"": A, "R": A + R, "S": A + S, "RS": A + R + S + [("cut", lambda e: e["w"] != 0)], "SR": A + S + R}


def given() -> list[Event]:
    """Weights of any sign, or none; some momenta are not numbers."""
    rng = np.random.default_rng(1)
    return [
        {**event, "w": float(rng.choice([-1.5, 0, 0.25, 2, -0.5])), **({"MET_x": math.nan} if i % 7 == 0 else {})}
        for i, event in enumerate(events(200, 7))
    ]


def added(of: Sequence[Event], items: Sequence[Item]) -> tuple[int, float, float]:
    """Events that have all weights; these, multiplied, and their squares."""
    weights = [[weigh(e) for _, weigh in items] for e in of]
    products = [math.prod(w for w in ws if w is not None) for ws in weights if None not in ws]
    return len(products), math.fsum(products), math.fsum(p * p for p in products)


@pytest.mark.parametrize("region", REGIONS)
def test_raw_weighted_and_without_each_cut(region: str) -> None:
    of, items = given(), REGIONS[region]
    flow = made(TEXT).run({"top": of}).cut_flow(region, "top")
    assert flow is not None
    places = [i for i, (kind, _) in enumerate(items) if kind == "cut"]
    for row, upto in zip(flow.rows, (0, *(i + 1 for i in places)), strict=True):
        weights = upto + next((i for i, (kind, _) in enumerate(items[upto:]) if kind == "cut"), len(items))
        passed = [e for e in of if all(holds(e) for kind, holds in items[:upto] if kind == "cut")]
        count, *sums = added(passed, [item for item in items[:weights] if item[0] == "weight"])
        assert row.passed.events == count
        assert [row.passed.sum, row.passed.variance] == pytest.approx(sums)
    for row, place in zip(flow.rows[1:], places, strict=True):
        others = [holds for i, (kind, holds) in enumerate(items) if kind == "cut" and i != place]
        passed = [e for e in of if all(holds(e) for holds in others)]
        count, *sums = added(passed, [item for item in items if item[0] == "weight"])
        assert row.without is not None
        assert row.without.events == count, row.cut
        assert [row.without.sum, row.without.variance] == pytest.approx(sums)
