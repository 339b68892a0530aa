# SPDX-License-Identifier: Apache-2.0
"""Fields of objects that variations replace: what follows from them, and nothing else, changes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from hepq.runtime.analysis.results import Result
from tests.analyses.made import Event, made

HEAD = """
collection Jet = "Jet_*" {
  pt: GeV
  eta: real
  phi: rad
  mass: GeV
  px = pt * cos(phi)
  double = 2 * px
}
collection Muon = "Muon_*" {
  pt: GeV
  eta: real
  phi: rad
  mass = 0.1 GeV
  px = pt * cos(phi)
}
collection Photon = "Jet_*" {
  pt: GeV
  eta: real
  phi: rad
  energy = "mass": GeV
  px = pt * cos(phi)
}
collection Part of Jet = "Part_*" {
  Jet: index of Jet
  pt: GeV
}
record MET = "MET_*" {
  pt: GeV
  phi: rad
}
"""
PT = "in bins(500, 0 GeV, 500 GeV)"
PX = "in bins(999, -500 GeV, 500 GeV)"


def momenta(rng: np.random.Generator, n: int) -> dict[str, Any]:
    return {
        "pt": rng.exponential(40, n), "eta": rng.normal(0, 1, n), "phi": rng.uniform(-math.pi, math.pi, n),
        "mass": rng.uniform(1, 5, n),
    }  # fmt: skip


def event(rng: np.random.Generator) -> Event:
    jets, muons = (int(n) for n in rng.integers(0, 5, 2))
    parts = np.sort(rng.integers(0, jets, 2 * jets)) if jets else np.zeros(0, int)
    return {
        "Part_Jet": parts, "Part_pt": rng.exponential(5, len(parts)),
        "MET_pt": rng.exponential(30), "MET_phi": rng.uniform(-3, 3),
        **{f"Jet_{name}": values for name, values in momenta(rng, jets).items()},
        **{f"Muon_{name}": values for name, values in momenta(rng, muons).items()},
    }  # fmt: skip


def run(text: str) -> Result:
    rng = np.random.default_rng(3)
    text = f'{HEAD}\nanalysis A {{\n  source top = mc("top.root", xsec=2 pb)\n{text}\n}}\n'
    return made(text).run({"top": [event(rng) for _ in range(60)]})


def equal(result: Result, name: str, variation: str, other: str) -> None:
    """A varied histogram is the nominal one of what is meant, and is not its own nominal one."""
    found, nominal, wanted = (
        result.cells(*one).values for one in ((name, "top", variation), (name, "top"), (other, "top"))
    )
    assert wanted.any()
    assert not np.array_equal(found, nominal)
    np.testing.assert_array_equal(found, wanted)


def test_momentum_that_jets_moved_may_be_varied_too() -> None:
    """Its new value was taken for that of the file's own, and moved by the jets once more."""
    for moved in ("", "Jet.pt = 1.25 * Jet.pt"):
        result = run(f"""
  {moved}
  met = propagate(MET, Jet)
  vary u {{ up {{ met.pt = met.pt + 10 GeV }} }}
  vary v {{ up {{ met.pt = met.pt + 20 GeV\n Jet.pt = 2 * Jet.pt }} }}
  hist met = met.pt {PT}
  hist own = MET.pt {PT}
  hist ten = met.pt + 10 GeV {PT}
  hist twenty = met.pt + 20 GeV {PT}
""")
        equal(result, "met", "u_up", "ten")
        equal(result, "met", "v_up", "twenty")
        assert result.varied("own", "top") == ()


def test_a_field_said_anew_of_one_hides_no_variation_of_the_other() -> None:
    result = run(f"""
  met = propagate(MET, Jet)
  met.pt = 2 * met.pt
  vary u {{ up {{ MET.pt = MET.pt + 10 GeV }} down {{ met.pt = met.pt + 3 GeV }} }}
  hist met = met.pt {PT}
  hist three = met.pt + 3 GeV {PT}
  hist ten = 2 * (MET.pt + 10 GeV) {PT}
""")
    equal(result, "met", "u_up", "ten")
    equal(result, "met", "u_down", "three")


@pytest.mark.parametrize(
    "made", ["Jet where Jet.pt > 20 GeV by Jet.pt desc", "union(Jet, Muon)", "union(Muon, Photon)"]
)
def test_four_vectors_follow_fields_of_made_objects(made: str) -> None:
    """They were those of the file."""
    result = run(f"""
  object one = {made}
  object other = one where one.eta < 1
  object pair = combinations(one, 2) as a, b
  vary u {{ up {{ one.pt = 2 * one.pt }} }}
  hist px = one.p4.px {PX}
  hist px_ = 2 * one.pt * cos(one.phi) {PX}
  hist other = other.p4.px {PX}
  hist other_ = 2 * other.pt * cos(other.phi) {PX}
  hist pair = pair.p4.px {PX}
  hist pair_ = 2 * (pair.a.pt * cos(pair.a.phi) + pair.b.pt * cos(pair.b.phi)) {PX}
""")
    for name in ("px", "other", "pair"):
        equal(result, name, "u_up", f"{name}_")


def test_formulas_of_collections_follow_fields_of_made_objects() -> None:
    result = run(f"""
  object one = Jet where Jet.eta > -1
  object other = one where one.eta < 1
  vary u {{ up {{ one.pt = 2 * one.pt }} down {{ Jet.pt = 2 * Jet.pt }} }}
  vary v {{ up {{ other.phi = 0 rad }} }}
  hist one = one.double {PX}
  hist one_ = 2 * one.double {PX}
  hist other = other.double {PX}
  hist other_ = 2 * other.pt {PX}
""")
    equal(result, "one", "u_up", "one_")
    equal(result, "one", "u_down", "one_")
    equal(result, "other", "v_up", "other_")


def test_lists_are_of_objects_whose_fields_are_said_anew() -> None:
    """What the lists were counted before was the file's."""
    result = run(f"""
  n = count(Part)
  hist n = n in integers(0, 9)
  Jet.pt = 2 * Jet.pt
  object part = Part where Part.pt > 1 GeV
  vary u {{ up {{ Jet.pt = 3 * Jet.pt }} }}
  hist owner = part.Jet.pt {PT}
  hist six = 3 * part.Jet.pt {PT}
""")
    equal(result, "owner", "u_up", "six")
    rng = np.random.default_rng(3)
    pts = [2 * e["Jet_pt"][e["Part_Jet"][e["Part_pt"] > 1]] for e in (event(rng) for _ in range(60))]
    wanted = np.histogram(np.concatenate(pts), 500, (0, 500))[0]
    np.testing.assert_array_equal(result.cells("owner", "top").values[1:-1], wanted)


def test_formulas_and_four_vectors_of_unions_follow_their_fields() -> None:
    """They were those of the collections; photons have no mass, and so a union with them has none."""
    result = run(f"""
  object all = union(Muon, Photon)
  object some = all where all.eta < 1
  object few = some where some.eta > -1 by some.pt desc
  vary u {{ up {{ all.pt = 2 * all.pt }} }}
  vary v {{ up {{ few.pt = 2 * few.pt }} }}
  hist all = all.px {PX}
  hist all_ = 2 * all.px {PX}
  hist few = few.px {PX}
  hist few_ = 2 * few.px {PX}
  hist p4 = few.p4.px {PX}
""")
    equal(result, "all", "u_up", "all_")
    for variation in ("u_up", "v_up"):
        equal(result, "few", variation, "few_")
        equal(result, "p4", variation, "few_")


def test_two_variations_of_one_full_name_are_not_one() -> None:
    """They were varied together in silence."""
    with pytest.raises(AssertionError, match="`jes` with `b_up` and `jes_b` with `up` are both called `jes_b_up`"):
        run(f"""
  vary jes {{ b_up {{ Jet.pt = 2 * Jet.pt }} }}
  vary jes_b {{ up {{ Muon.pt = 2 * Muon.pt }} }}
  hist pt = Jet.pt {PT}
""")
