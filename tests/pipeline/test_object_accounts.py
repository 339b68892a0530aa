# SPDX-License-Identifier: Apache-2.0
"""A dataset with objects counts what it leaves out, cuts and puts 0 for, and does with branches what others do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

import hepq
from hepq.compiler.driver.compilation import compile_file
from hepq.core.errors import DataError
from hepq.runtime.events.report import Entries, Report
from tests.pipeline.test_objects import JETS, events

COLLECTIONS = JETS[: JETS.index("dim part")]
Scored = tuple[Report, dict[str, np.ndarray[Any, Any]]]


def scored(folder: Path, program: str, given: ak.Array | None = None) -> Scored:
    """Compiled for good events, verified, and applied to ``given`` as a file."""
    ak.to_parquet(events(), folder / "events.parquet")
    ak.to_parquet(events() if given is None else given, folder / "given.parquet")
    (folder / "m.hepq").write_text(program)
    compile_file(folder / "m.hepq", folder / "m.hepqx")
    model = hepq.load(folder / "m.hepqx")
    assert model.verify().ok
    summary = model.predict(folder / "given.parquet", folder / "s.parquet", progress=False, step=17)
    rows = ak.from_parquet(folder / "s.parquet")
    return summary.report, {name: ak.to_numpy(rows[name]) for name in rows.fields}


def with_nan(given: ak.Array, branch: str, every: int) -> ak.Array:
    values = ak.to_numpy(ak.flatten(given[branch])).copy()
    values[::every] = np.nan
    return ak.with_field(given, ak.unflatten(values, ak.num(given[branch])), branch)


SUMS = (
    COLLECTIONS
    + """
dataset D {
  source events = parquet("events.parquet")
  policy overflow = POLICY
  object hard = Jet where Jet.pt > 20 GeV
  object jet <= 2 = hard by hard.pt desc
  object muon <= 1 = Muon by Muon.pt desc
  select few = SELECT
  input ht = (sum(jet.pt, over=jet) + sum(muon.pt, over=muon)) / 1 GeV
}
model M(ht: real) -> real = ht
"""
)


def sums(policy: str, select: str) -> str:
    return SUMS.replace("POLICY", policy).replace("SELECT", select)


def test_what_bounds_cut_of_objects_that_no_input_is_of_is_counted(tmp_path: Path) -> None:
    report, found = scored(tmp_path, sums("truncate", "true or exists(jet)"))
    jets, muons = (ak.num(x).to_numpy() for x in (events().Jet_pt[events().Jet_pt > 20], events().Muon_pt))
    for name, n, most in (("jet", jets, 2), ("muon", muons, 1)):
        assert report.entries[name] == Entries(n.sum(), 0, np.maximum(n - most, 0).sum(), (n > most).sum())
    assert report.truncated == ((jets > 2) | (muons > 1)).sum()
    assert np.isfinite(found["output"]).all()


def test_overflow_is_an_error_where_a_bound_cuts_objects(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"event 2 of .* has 3 entries in jet") as found:
        scored(tmp_path, sums("error", "MET.pt > -1 GeV"))
    assert found.value.code == "HQ0811"
    assert "keeps 2" in str(found.value)


def test_overflow_is_no_error_where_the_event_is_left_out(tmp_path: Path) -> None:
    report, _ = scored(tmp_path, sums("error", "count(hard) <= 2 and count(Muon) <= 1"))
    assert 0 < report.left_out["few"] == report.truncated < report.events


LOGS = (
    COLLECTIONS
    + """
dim part <= 3
dataset D {
  source events = parquet("events.parquet")
  policy nan = POLICY
  object part <= 3 = Jet where Jet.pt > 30 GeV by Jet.pt desc
  select some = exists(part)
  size = log(max(part.pt, over=part) / 1 GeV)
  slope = log(part.eta + 1)
  input x: real[part] = part.eta + slope
  input y = size + MET.pt / 1 GeV
}
model M(x: real[part], y: real) -> real = sum(x, over=part) + y
"""
)


def test_events_that_are_left_out_have_no_numbers_to_look_at(tmp_path: Path) -> None:
    """The logarithm of nothing is infinite, where there is nothing."""
    program = LOGS.replace("POLICY", "error").replace("log(part.eta + 1)", "0 * part.eta")
    report, found = scored(tmp_path, program)
    none = (ak.num(events().Jet_pt[events().Jet_pt > 30]) == 0).to_numpy()
    assert report.left_out == {"some": none.sum()}
    assert report.not_numbers == ()
    np.testing.assert_array_equal(np.isnan(found["output"]), none)


def below(given: ak.Array) -> ak.Array:
    """Of each event, the logarithms of the first three jets' eta + 1 that are not numbers."""
    hard = given.Jet_pt > 30
    order = ak.argsort(given.Jet_pt[hard], ascending=False, stable=True)
    return ak.Array(given.Jet_eta[hard][order][:, :3] <= -1)


def test_particles_that_are_dropped_are_counted(tmp_path: Path) -> None:
    report, _ = scored(tmp_path, LOGS.replace("POLICY", "drop"))
    odd = int(ak.sum(below(events())))
    assert odd == report.dropped == report.entries["part"].dropped > 0
    (one,) = report.not_numbers
    assert (one.what, one.name, one.done, one.values) == ("input", "x", "dropped", odd)


def test_variables_that_become_0_are_counted(tmp_path: Path) -> None:
    report, found = scored(tmp_path, LOGS.replace("POLICY", "zero"))
    odd = below(events())
    (one,) = report.not_numbers
    assert (one.what, one.name, one.done) == ("variable", "slope", "zeroed")
    assert (one.values, one.events) == (ak.sum(odd), ak.sum(ak.any(odd, axis=1)))
    assert one.event == int(np.flatnonzero(ak.any(odd, axis=1))[0])
    assert (np.isnan(found["output"]) == (ak.num(odd) == 0).to_numpy()).all()


def test_nan_that_a_condition_hides_is_counted(tmp_path: Path) -> None:
    given = with_nan(events(), "Jet_pt", 9)
    report, _ = scored(tmp_path, sums("truncate", "true or exists(jet)"), given)
    (one,) = report.not_numbers
    odd = np.isnan(given.Jet_pt)
    assert (one.what, one.name, one.values, one.events) == (
        "branch",
        "Jet_pt",
        ak.sum(odd),
        ak.sum(ak.any(odd, axis=1)),
    )


def test_objects_may_have_the_names_of_what_others_are_chosen_from(tmp_path: Path) -> None:
    report, _ = scored(
        tmp_path,
        COLLECTIONS
        + """
dim top_all <= 2
dataset D {
  source events = parquet("events.parquet")
  object top = combinations(Jet, 2) as a, b where a.pt > b.pt
  object top_all <= 2 = Jet by Jet.pt desc
  select some = exists(top)
  input pt: real[top_all] = top_all.pt / 1 GeV
}
model M(pt: real[top_all]) -> real = sum(pt, over=top_all)
""",
    )
    assert list(report.entries) == ["top_all"]
    assert report.entries["top_all"].read == ak.count(events().Jet_pt)


BRANCHES = """
dim part <= 3
dim k = 3
dataset D {
  source events = parquet("events.parquet")
  branch pt = "Jet_pt", eta = "Jet_eta": real[part]
  branch tag = "Jet_tag": int[part]
  branch met = "MET_pt": GeV
  SELECT
  input x: real[part] = pt + eta + position(part)
  input y: real[k] = stack(count(part), sum(pt * tag, over=part), max(eta, over=part, empty=0) + met / 1 GeV, dim=k)
  ORDER
}
model M(x: real[part], y: real[k]) { return (x=sum(x, over=part), y=y) }
"""


@pytest.mark.parametrize("order", ["", "order part by eta desc", "order part by hypot(pt, eta)"])
def test_branches_are_ordered_and_cut_as_without_objects(tmp_path: Path, order: str) -> None:
    program = BRANCHES.replace("ORDER", order)
    plain, wanted = scored(tmp_path, program.replace("SELECT", ""))
    report, found = scored(tmp_path, program.replace("SELECT", "select all = met > -1 GeV"))
    assert replace(report, left_out={}) == plain
    assert plain.truncated > 0
    for name, values in wanted.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-5, atol=1e-5)


def test_objects_are_chosen_from_those_of_which_there_is_one_at_most(tmp_path: Path) -> None:
    _, found = scored(
        tmp_path,
        COLLECTIONS
        + """
dataset D {
  source events = parquet("events.parquet")
  object two <= 2 = Jet by Jet.pt desc
  object pair = combinations(two, 2) as a, b where a.pt < 2 * b.pt by pair.mass
  object lead = Jet by Jet.pt desc take 1
  object good = lead where lead.pt > 40 GeV and abs(lead.eta) < 1
  input n: real = count(pair) + 10 * count(good)
}
model M(n: real) -> real = n
""",
    )
    order = ak.argsort(events().Jet_pt, ascending=False, stable=True)
    pt, eta = ak.fill_none(ak.pad_none(events().Jet_pt[order], 2), 0), ak.pad_none(events().Jet_eta[order], 1)
    close = (pt[:, 1] > 0) & (pt[:, 0] < 2 * pt[:, 1])
    good = (pt[:, 0] > 40) & (abs(ak.fill_none(eta[:, 0], 9)) < 1)
    np.testing.assert_array_equal(found["output"], close + 10 * good)
