# SPDX-License-Identifier: Apache-2.0
"""A whole analysis in machine code against the reference, to the bit, with N - 1 and without; what is computed when."""

from __future__ import annotations

import numpy as np
import pytest

from hepq.compiler.ir import interpret
from hepq.compiler.lower.events.conditions import ALWAYS
from hepq.compiler.lower.events.plan import make_plan
from hepq.compiler.lower.events.prepare import prepare
from tests.analyses.made import made
from tests.support.events.fills import compiled, expected, program, same
from tests.support.events.programs import columns

TEXT = """
collection Jet = "Jet_*" {
  pt: GeV
  eta: real
  phi: rad
  mass: GeV
  tag: real
}
collection Muon = "Muon_*" {
  pt: GeV
  eta: real
  phi: rad
  mass: GeV
}

analysis A {
  source top = mc("top.root", xsec=2 pb)
  branch w: real
  object muon = Muon where Muon.pt > 10 GeV
  object jet = Jet where Jet.pt > 30 GeV and all(deltaR(Jet, muon) > 0.4, over=muon)
  weight own = w
  vary energy { up { Jet.pt = 1.03 * Jet.pt } }
  vary size { up { own = 1.1 * w } down { own = 0.9 * w } }
  cut one = count(muon) >= 1
  region few {
    cut jets = count(jet) >= 2
    hist ht = sum(jet.pt, over=jet) in bins(20, 0 GeV, 400 GeV)
  }
  region many extends few {
    cut more = count(jet) >= 3
    weight tagged = 1 + jet[0].tag
    object trijet = combinations(jet, 3) as a, b, c
    object best = trijet by trijet.pt desc take 1
    hist mass = best.mass in bins(20, 0 GeV, 400 GeV)
    save tops = mass=best.mass, jets=count(jet)
  }
}
"""


def events(n: int) -> list[dict[str, np.ndarray]]:
    rng = np.random.default_rng(1)
    found = []
    for _ in range(n):
        event = {"w": np.asarray(rng.normal(1, 0.3))}
        for name, count in (("Jet", int(rng.integers(0, 7))), ("Muon", int(rng.integers(0, 3)))):
            values = {"pt": rng.exponential(50, count), "eta": rng.normal(0, 1.5, count), "mass": np.full(count, 5.0),
                      "phi": rng.uniform(-3, 3, count), "tag": rng.uniform(size=count)}  # fmt: skip
            event |= {f"{name}_{field}": x for field, x in values.items()}
        found.append(event)
    return found


@pytest.mark.parametrize("n_minus_one", [True, False])
def test_an_analysis_counts_what_the_reference_counts(n_minus_one: bool) -> None:
    analysis = made(TEXT)
    module = analysis.modules["mc"]
    read = [analysis.inputs("mc", event) for event in events(300)]
    code = program(module)
    wanted = expected(module, read, n_minus_one)
    same(compiled(code, module, read, (100, 3), n_minus_one=n_minus_one), wanted)
    assert sum(len(wanted[name].cells) > 0 for name in wanted) > 15


def test_skims_hold_what_the_reference_finds() -> None:
    analysis = made(TEXT)
    module = analysis.modules["mc"]
    read = [analysis.inputs("mc", event) for event in events(300)]
    wanted, got = interpret.run(module, read, {}), program(module).run(*columns(module, read), events=len(read))
    for variation, saves in analysis.analysis.programs["mc"].saves.items():
        (saved,) = saves.values()
        passed = np.flatnonzero(wanted[saved.passed])
        assert 5 < len(passed) < 150, variation
        for column in saved.columns.values():
            found, each = got.outputs[column.name], np.stack(wanted[column.name])
            np.testing.assert_allclose(found[passed], each[passed], 1e-12)
            assert not found[np.setdiff1d(np.arange(len(read)), passed)].any(), "of others there is nothing"


def test_trijets_are_made_in_the_region_that_asks_for_them() -> None:
    plan = make_plan(prepare(made(TEXT).modules["mc"]))
    best = [n for n in plan.kept if n.op == "argsort" and n["dst"].name.startswith("best")]
    assert len(best) == 2, "of the nominal events and of the varied"
    assert all(plan.guards[n] != ALWAYS for n in best)
