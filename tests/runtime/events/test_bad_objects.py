# SPDX-License-Identifier: Apache-2.0
"""Files whose objects do not fit together: what is said, and that nothing is half written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

import hepq
from hepq.compiler.driver.compilation import compile_file
from hepq.core.errors import DataError
from hepq.runtime.artifact.stage import EventStage, StageBranch
from hepq.runtime.events.stage import collected
from hepq.runtime.model import Model
from tests.support.events.object_programs import write

PROGRAM = """
collection Muon = "Muon_*" { pt: GeV charge: int }
collection Jet = "Jet_*" {
  pt: GeV
  muon = "muonIdx": index of Muon
  best = "bestIdx": entry of Muon
}
collection Cand of Jet = "Cand_*" {
  Jet = "jetIdx": index of Jet
  pt: GeV
}
collection Track of Jet = "Track_*" {
  Jet = "ends": ends of Jet
  pt: GeV
}
collection Hit of Jet = "Jet_hit_*" { e, t: GeV }
collection Cell = "Cell_*" { e: GeV  id: int  of_muon = "muonId": index of Muon by charge }
record MET = "MET_*" { pt: GeV }

dataset D {
  source s = root("a.root", tree="t")
  object four = combinations(Muon, 4)
  select some = MET.pt > 0 GeV
  input m = sum(default(Jet.muon.pt, 0 GeV), over=Jet) / 1 GeV + sum(Jet.best.pt, over=Jet) / 1 GeV
  input c = sum(Cand.pt * Cand.Jet.pt, over=Cand) / 1 GeV^2
  input t = sum(Track.pt * Track.Jet.pt, over=Track) / 1 GeV^2
  input h = sum(Hit.e * Hit.t * Hit.Jet.pt, over=Hit) / 1 GeV^3
  input q = real(sum(Muon.charge, over=Muon)) + real(count(four))
  input k = sum(default(Cell.of_muon.pt, 0 GeV) + Cell.e, over=Cell) / 1 GeV
}
model M(m: real, c: real, t: real, h: real, q: real, k: real) {
  return (m=m, c=c, t=t, h=h, q=q, k=k)
}
"""
#: three events, the second without anything
GOOD: dict[str, Any] = {
    "Muon_pt": [[10.0, 20.0], [], [30.0]], "Muon_charge": [[1, -1], [], [1]],
    "Jet_pt": [[1.0, 2.0, 3.0], [], [4.0]], "Jet_muonIdx": [[-1, 1, 0], [], [0]], "Jet_bestIdx": [[0, 1, 1], [], [0]],
    "Cand_pt": [[1.0, 2.0, 3.0], [], [4.0, 5.0]], "Cand_jetIdx": [[0, 0, 2], [], [0, 0]],
    "Track_pt": [[1.0, 2.0, 3.0], [], []], "Track_ends": [[1, 1, 3], [], [0]],
    "Jet_hit_e": [[[1.0], [], [2.0, 3.0]], [], [[]]], "Jet_hit_t": [[[1.0], [], [2.0, 3.0]], [], [[]]],
    "Cell_e": [[1.0, 2.0], [], []], "Cell_muonId": [[-1, 7], [], []], "MET_pt": [1.0, 2.0, 3.0],
}  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("bad")
    (folder / "m.hepq").write_text(PROGRAM)
    compile_file(folder / "m.hepq", folder / "m.hepqx")
    return hepq.load(folder / "m.hepqx")


def parquet(path: Path, columns: dict[str, Any]) -> Path:
    ak.to_parquet(ak.Array({k: ak.Array(v) for k, v in columns.items()}), path)
    return path


def test_what_fits_together_is_read(model: Model, tmp_path: Path) -> None:
    found = model(ak.Array(GOOD))
    assert found["m"].tolist() == [20 + 10 + 10 + 20 + 20, 0, 60]
    assert found["c"].tolist() == [1 + 2 + 9, 0, 36]
    assert found["t"].tolist() == [1 + 6 + 9, 0, 0]
    assert found["h"].tolist() == [1 + 3 * (4 + 9), 0, 0]
    assert found["k"].tolist() == [3 + 20, 0, 0]
    out = model.predict(parquet(tmp_path / "a.parquet", GOOD), tmp_path / "s.root", progress=False, step=1)
    assert out.report.selected == 3


def test_branches_of_different_lengths(model: Model) -> None:
    for name in ("MET_pt", "Muon_pt"):
        with pytest.raises(DataError, match="different lengths") as caught:
            model({branch: values[:2] if branch == name else values for branch, values in GOOD.items()})
        assert caught.value.code == "HQ0813"
        assert f'"{name}" has 2' in str(caught.value)


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"Jet_muonIdx": [[-1, 2, 0], [], [0]]}, "HQ0845", "event 0, entry 1, it is 2; the event has 2"),
    ({"Jet_muonIdx": [[-1, 1, 0], [], [-3]]}, "HQ0845", "event 2, entry 0, it is -3"),
    ({"Jet_bestIdx": [[0, 1, 1], [], [-1]]}, "HQ0845", "declare it `index of Muon`"),
    ({"Jet_muonIdx": [[-1, 1], [], [0]]}, "HQ0812", "in event 0"),
    ({"Cand_jetIdx": [[0, 2, 0], [], [0, 0]]}, "HQ0839", "event 0, entry 2 goes back to an earlier Jet"),
    ({"Cand_jetIdx": [[0, 0, 2], [], [0, 1]]}, "HQ0845", "event 2, entry 1, it is 1"),
    ({"Cand_jetIdx": [[0, 0, 2], [], [-1, 0]]}, "HQ0845", "event 2, entry 0, it is -1"),
    ({"Track_ends": [[1, 1, 2], [], [0]]}, "HQ0839", 'in event 0, "Track_ends" does not share out the 3 of Track'),
    ({"Track_ends": [[2, 1, 3], [], [0]]}, "HQ0839", "in event 0"),
    ({"Track_ends": [[1, 1, 3], [], [1]]}, "HQ0839", "in event 2"),
    ({"Jet_hit_e": [[[1.0], [], [2.0]], [], [[]]]}, "HQ0839", "in event 0"),
    ({"Jet_hit_e": [[[1.0], [], [2.0, 3.0]], [[]], [[]]]}, "HQ0839", "in event 1"),
    ({"Jet_hit_e": [[[1.0], []], [], [[]]], "Jet_hit_t": [[[1.0], []], [], [[]]]}, "HQ0839", "has 2 lists for 3"),
    ({"Jet_hit_e": [[1.0, 2.0, 3.0], [], [4.0]]}, "HQ0806", "Jet_hit_e"),
    ({"Jet_pt": [[[1.0], [2.0], [3.0]], [], [[4.0]]]}, "HQ0806", "Jet_pt"),
    ({"Muon_charge": [[1, -1], [], [0.5]]}, "HQ0807", "in event 2, entry 0, it is 0.5"),
    ({"Muon_charge": [[1, -1], [], [np.inf]]}, "HQ0807", "in event 2, entry 0, it is inf"),
    ({"Muon_charge": ak.unflatten(np.array([1, 2**63 + 5, 1], "u8"), [2, 0, 1])}, "HQ0814", "entry 1 holds 92"),
    ({"Muon_charge": ak.Array([[1.0, 2.0**63], [], [1.0]])}, "HQ0814", "event 0, entry 1 holds 9.2"),
    ({"Jet_muonIdx": ak.unflatten(np.array([0, 2**63 + 5, 0, 0], "u8"), [3, 0, 1])}, "HQ0814", "event 0, entry 1"),
    ({"Jet_muonIdx": [[0, np.nan, 0], [], [0]]}, "HQ0807", "event 0, entry 1, it is nan"),
    ({"MET_pt": [[1.0], [2.0, 2.5], [3.0]]}, "HQ0806", "event 1 has 2 values"),
    ({"MET_pt": [1.0, None, 3.0]}, "HQ0815", "event 1"),
    ({"Muon_pt": [["a", "b"], [], ["c"]]}, "HQ0807", "Muon_pt"),
    ({"Muon_pt": None}, "HQ0805", "Muon_pt"),
    (
        {"Muon_pt": [[10.0, 20.0], [], [30.0] * 200], "Muon_charge": [[1, -1], [], [1] * 200]}, "HQ0844",
        "event 2 of",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "code", "words"), BAD, ids=[f"{c}-{next(iter(d))}-{i}" for i, (d, c, _) in enumerate(BAD)]
)
def test_what_does_not_fit_is_named(
    model: Model, tmp_path: Path, change: dict[str, Any], code: str, words: str
) -> None:
    columns = {k: v for k, v in (GOOD | change).items() if v is not None}
    path = parquet(tmp_path / "bad.parquet", columns)
    good = parquet(tmp_path / "good.parquet", GOOD)
    with pytest.raises(DataError) as found:
        model.predict([good, path], tmp_path / "s.root", progress=False, step=2)
    assert found.value.code == code
    assert words in str(found.value)
    assert str(path) in str(found.value)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.parquet", "good.parquet"]


def test_links_of_several_containers_need_a_key(model: Model, tmp_path: Path) -> None:
    links = [[(5, 0), (7, 1), (0, 2**32 - 1)], [], [(5, 0)]]
    made = [[{"m_persKey": k, "m_persIndex": i} for k, i in row] for row in links]
    given = ak.Array(GOOD | {"Jet_muonIdx": made})
    with pytest.raises(DataError, match="several collections") as found:
        model(given)
    assert (found.value.code, "5, 7" in str(found.value)) == ("HQ0845", True)
    one = ak.Array(
        GOOD | {"Jet_muonIdx": [[{**link, "m_persKey": link["m_persKey"] and 5} for link in row] for row in made]}
    )
    assert model(one)["m"].tolist() == [10 + 20 + 50, 0, 60]


def test_a_truncated_file_leaves_nothing(model: Model, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    n = rng.poisson(3, 4000)
    total = int(n.sum())
    lists = {k: ak.unflatten(rng.normal(size=total).astype(np.float32), n) for k in ("Muon_pt", "Jet_pt")}
    path = write(tmp_path / "a.root", "t", {**lists, "MET_pt": rng.normal(size=4000)})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError) as found:
        model.predict(path, tmp_path / "s.root", progress=False)
    assert (found.value.code, str(path) in str(found.value)) == ("HQ0803", True)
    assert [p.name for p in tmp_path.iterdir()] == ["a.root"]


def test_events_that_are_all_left_out_are_said(model: Model, tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", GOOD | {"MET_pt": [-1.0, -2.0, -3.0]})
    summary = model.predict(path, tmp_path / "s.root", progress=False)
    assert (summary.report.events, summary.report.selected, summary.report.left_out) == (3, 0, {"some": 3})
    assert np.isnan(model({k: ak.Array(v) for k, v in (GOOD | {"MET_pt": [-1.0, -2.0, -3.0]}).items()})["m"]).all()


@pytest.mark.parametrize(
    ("dim", "given", "wanted"),
    [("Jet", [[[1.0, 2.0]], []], "real[Jet, 3]"), ("", [[1.0, 2.0], [3.0, 4.0]], "real[3]")],
)
def test_the_shape_that_a_branch_must_have_is_said(dim: str, given: Any, wanted: str) -> None:
    stage = EventStage(branches=(StageBranch(name="v", branch="v", dim=dim, shape=(3,)),), inputs=())
    with pytest.raises(DataError) as caught:
        collected(stage, {"v": ak.Array(given)}, "the events")
    assert caught.value.code == "HQ0806"
    assert wanted in str(caught.value)
