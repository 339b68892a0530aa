# SPDX-License-Identifier: Apache-2.0
"""A dataset with objects from text and files to scores: compiled, read, verified, trained, against plain loops."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

import hepq
from hepq.compiler.driver.compilation import Compilation, compile_file
from hepq.compiler.driver.options import Options
from hepq.compiler.lower.cpu.tir import const
from hepq.compiler.lower.events.mathfn import FUNCTIONS
from hepq.compiler.train.data.events import training_set
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.core.errors import ArtifactError, DataError
from hepq.runtime.artifact.artifact import Artifact, write

JETS = """
collection Jet = "Jet_*" {
  pt, mass: GeV
  eta, phi: real
  tag: int
}
collection Muon = "Muon_*" {
  pt, mass: MeV
  eta, phi: real
  jet = "jetIdx": index of Jet
}
record MET = "MET_*" { pt: GeV }

dim part <= 2
dim feat = 2
dim obs = 4

dataset D {
  source events = parquet("events.parquet")
  object good = Jet where Jet.pt > 30 GeV
  object part <= 2 = good by good.pt desc
  object best = combinations(good, 2) as a, b by abs((a.p4 + b.p4).mass - 91 GeV) take 1
  select some = exists(good)
  select balanced = MET.pt < 100 GeV
  input x: real[part, feat] = stack(part.pt / 1 GeV, part.eta, dim=feat)
  input y: real[obs] = stack(
    default(best.mass, -1 GeV) / 1 GeV,
    sum(default(Muon.jet.pt, 0 GeV), over=Muon) / 1 GeV,
    max(good.pt, over=good) / 1 GeV,
    real(sum(good.tag, over=good)),
    dim=obs
  )
}
model M(x: real[part, feat], y: real[obs]) {
  return (jets=sum(x, over=part), event=y)
}
"""


def events(n: int = 60, seed: int = 0) -> ak.Array:
    rng = np.random.default_rng(seed)
    jets, muons = rng.poisson(2.5, n), rng.poisson(1, n)
    j, m = int(jets.sum()), int(muons.sum())
    most = np.repeat(jets, muons)
    columns: dict[str, Any] = {
        "Jet_pt": rng.exponential(30, j) + 10, "Jet_eta": rng.normal(0, 1, j), "Jet_phi": rng.uniform(-3, 3, j),
        "Jet_mass": rng.uniform(1, 8, j), "Jet_tag": rng.integers(0, 6, j).astype(np.int32),
    }  # fmt: skip
    lists = {k: ak.unflatten(v.astype(np.float32) if v.dtype == float else v, jets) for k, v in columns.items()}
    columns = {
        "Muon_pt": rng.exponential(30000, m), "Muon_eta": rng.normal(0, 1, m), "Muon_phi": rng.uniform(-3, 3, m),
        "Muon_mass": np.full(m, 105.7),
    }  # fmt: skip
    lists |= {k: ak.unflatten(v.astype(np.float32), muons) for k, v in columns.items()}
    lists["Muon_jetIdx"] = ak.unflatten((rng.integers(0, 99, m) % (most + 1) - 1).astype(np.int32), muons)
    return ak.Array(lists | {"MET_pt": rng.exponential(50, n).astype(np.float32)})


def p4(pt: float, eta: float, phi: float, mass: float) -> np.ndarray[Any, Any]:
    energy = math.hypot(pt * math.cosh(eta), mass)
    return np.array([pt * math.cos(phi), pt * math.sin(phi), pt * math.sinh(eta), energy])


def invariant(p: np.ndarray[Any, Any]) -> float:
    return math.sqrt(max(0.0, p[3] ** 2 - (p[:3] ** 2).sum()))


def by_hand(event: Any) -> tuple[bool, list[float], list[float]]:
    """Whether the event is selected, and both outputs."""
    jets = [dict(zip(("pt", "eta", "phi", "mass", "tag"), row, strict=True)) for row in zip(
        *(event[f"Jet_{f}"].to_list() for f in ("pt", "eta", "phi", "mass", "tag")), strict=True)]  # fmt: skip
    good = [jet for jet in jets if jet["pt"] > 30]
    first = sorted(good, key=lambda jet: -jet["pt"])[:2]
    vectors = [p4(*(jet[f] for f in ("pt", "eta", "phi", "mass"))) for jet in good]
    masses = [invariant(a + b) for i, a in enumerate(vectors) for b in vectors[i + 1 :]]
    best = min(masses, key=lambda m: abs(m - 91), default=-1.0)
    muons = sum(jets[i]["pt"] for i in event["Muon_jetIdx"].to_list() if i >= 0)
    y = [best, muons, max((j["pt"] for j in good), default=0), float(sum(j["tag"] for j in good))]
    x = [sum(j["pt"] for j in first), sum(j["eta"] for j in first)]
    return bool(good) and event["MET_pt"] < 100, x, y


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("objects")
    (folder / "m.hepq").write_text(JETS)
    ak.to_parquet(events(), folder / "events.parquet")
    compile_file(folder / "m.hepq", folder / "m.hepqx")
    return folder / "m.hepqx"


def test_scores_are_those_of_plain_loops_one_row_an_event(artifact: Path, tmp_path: Path) -> None:
    model = hepq.load(artifact)
    summary = model.predict(artifact.parent / "events.parquet", tmp_path / "s.parquet", keep=["MET_pt"], progress=False)
    scores, given = ak.from_parquet(tmp_path / "s.parquet"), events()
    np.testing.assert_array_equal(scores.MET_pt, given.MET_pt)
    expected = [by_hand(event) for event in given]
    for row, (selected, x, y) in zip(scores, expected, strict=True):
        wanted = (x, y) if selected else ([np.nan] * 2, [np.nan] * 4)
        np.testing.assert_allclose(row.jets, wanted[0], rtol=2e-6, atol=1e-5)
        np.testing.assert_allclose(row.event, wanted[1], rtol=2e-6, atol=1e-4)
    without = sum(not any(pt > 30 for pt in event.Jet_pt) for event in given)
    chosen = sum(s for s, _, _ in expected)
    assert summary.report.left_out == {"some": without, "balanced": len(given) - without - chosen}
    assert (summary.report.events, summary.report.selected) == (len(given), chosen)
    good = [sum(pt > 30 for pt in event.Jet_pt) for event in given]
    cut = summary.report.entries["part"]
    assert (cut.read, cut.cut, cut.over) == (sum(good), sum(max(0, n - 2) for n in good), sum(n > 2 for n in good))


def test_arrays_in_memory_are_read_as_files_are_in_any_pieces(artifact: Path) -> None:
    model, given = hepq.load(artifact), events()
    whole, parts = model(given)["event"], [model(given[i : i + 7])["event"] for i in range(0, len(given), 7)]
    np.testing.assert_array_equal(whole, np.concatenate(parts))
    assert model(given[:0])["event"].shape == (0, 4)


def test_a_rebuilt_artifact_gives_the_same(artifact: Path) -> None:
    again = hepq.load(artifact, rebuild=True)
    np.testing.assert_array_equal(again(events())["event"], hepq.load(artifact)(events())["event"])


def test_verifying_replays_the_objects(artifact: Path) -> None:
    found = hepq.load(artifact).verify()
    assert found.ok
    assert {c.output for c in found.checks if c.check == "objects"} >= {"x", "y", "select some", "cut part"}


def test_a_wrong_rule_of_the_event_code_makes_compiling_fail(
    artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = FUNCTIONS["sinh"]
    monkeypatch.setitem(FUNCTIONS, "sinh", lambda *args: right(*args) * const(1.001, "float64"))
    with pytest.raises(HepqError, match="HQ0765"):
        compile_file(artifact.with_suffix(".hepq"), tmp_path / "m.hepqx")
    assert not (tmp_path / "m.hepqx").exists()


def test_an_event_program_that_is_not_the_manifests_is_refused(artifact: Path, tmp_path: Path) -> None:
    opened = Artifact.open(artifact)
    stage = opened.manifest.stage
    assert stage is not None
    fewer = stage.model_copy(update={"branches": stage.branches[1:]})
    write(tmp_path / "f.hepqx", opened.manifest.model_copy(update={"stage": fewer}), opened.members)
    with pytest.raises(ArtifactError) as found:
        hepq.load(tmp_path / "f.hepqx")
    assert found.value.code in ("HQ0825", "HQ0890")


@pytest.mark.parametrize(
    ("column", "value", "code", "words"),
    [
        ("Muon_jetIdx", [[5]], "HQ0845", "entry 0"),
        ("Muon_jetIdx", [[-2]], "HQ0845", "event 0"),
        ("Muon_jetIdx", [[0.5]], "HQ0807", "whole"),
        ("Jet_eta", [[0.0]], "HQ0812", "Jet"),
        ("Jet_eta", [0.0], "HQ0806", "Jet_eta"),
        ("MET_pt", [[1.0, 2.0]], "HQ0806", "MET_pt"),
    ],
)
def test_bad_data_is_named(artifact: Path, column: str, value: Any, code: str, words: str) -> None:
    good = {
        "Jet_pt": [[50.0, 40.0]], "Jet_eta": [[0.0, 1.0]], "Jet_phi": [[0.0, 1.0]], "Jet_mass": [[5.0, 5.0]],
        "Jet_tag": [[0, 1]], "Muon_pt": [[1e4]], "Muon_eta": [[0.0]], "Muon_phi": [[0.0]], "Muon_mass": [[105.0]],
        "Muon_jetIdx": [[1]], "MET_pt": [10.0],
    }  # fmt: skip
    model = hepq.load(artifact)
    assert np.isfinite(model({k: ak.Array(v) for k, v in good.items()})["event"]).all()
    with pytest.raises(DataError) as found:
        model({k: ak.Array(v) for k, v in (good | {column: value}).items()})
    assert found.value.code == code
    assert words in str(found.value)


TRAINING = (
    JETS[: JETS.index("model M")]
    + """
model M(x: real[part, feat], y: real[obs]) -> real {
  param w: real ~ 1
  return sum(x, over=[part, feat]) + w * sum(y, over=obs)
}
train T {
  loss = (M(x, y) - y[1])^2
}
"""
)


def test_training_reads_what_predicting_does(artifact: Path, tmp_path: Path) -> None:
    (tmp_path / "m.hepq").write_text(TRAINING)
    found = training_set(tmp_path / "m.hepq", [artifact.parent / "events.parquet"], Options())
    expected = [by_hand(event) for event in events()]
    assert (found.truth >= 0).tolist() == [s for s, _, _ in expected]
    for i, (selected, _, y) in enumerate(expected):
        if selected:
            np.testing.assert_allclose(found.table.event(i)["y"], y, rtol=2e-6, atol=1e-4)


EACH = """
collection Fat = "Fat_*" { mass: GeV }
collection Cand of Fat = "Fat_cand_*" {
  pt: GeV
}
dim part <= 2

dataset D {
  source events = parquet("events.parquet")
  each Fat
  object part <= 2 = Cand where Cand.pt > 1 GeV by Cand.pt desc
  select several = count(Fat) != 1
  input x: real[part] = part.pt / (Cand.Fat.mass[part] + 1 GeV)
  input m = Fat.mass / 1 GeV
}
model M(x: real[part], m: real) -> real = sum(x, over=part) + 100 * m
"""


def test_a_model_of_each_entry_scores_lists(tmp_path: Path) -> None:
    (tmp_path / "m.hepq").write_text(EACH)
    masses = [[], [3.0], [1.0, 2.0], [4.0, 5.0, 6.0]]
    cands = [[], [[9.0]], [[], [0.5, 2.0]], [[3.0, 7.0, 5.0], [1.5], []]]
    given = ak.Array({"Fat_mass": ak.values_astype(ak.Array(masses), np.float32), "Fat_cand_pt": ak.Array(cands)})
    ak.to_parquet(given, tmp_path / "events.parquet")
    compile_file(tmp_path / "m.hepq", tmp_path / "m.hepqx")
    model = hepq.load(tmp_path / "m.hepqx")
    out = model(given)
    expected = [
        [] if len(m) == 1 else [
            sum(sorted((p for p in c if p > 1), reverse=True)[:2]) / (mass + 1) + 100 * mass if any(p > 1 for p in c)
            else math.nan for mass, c in zip(m, cs, strict=True)
        ] for m, cs in zip(masses, cands, strict=True)
    ]  # fmt: skip
    assert ak.num(out).to_list() == [len(m) for m in masses]
    assert np.isnan(out[1][0])
    for row, wanted in zip(out[[0, 2, 3]], [expected[i] for i in (0, 2, 3)], strict=True):
        np.testing.assert_allclose(row, wanted, rtol=1e-6)
    summary = model.predict(tmp_path / "events.parquet", tmp_path / "s.parquet", progress=False)
    assert ak.from_parquet(tmp_path / "s.parquet").output.type == ak.from_parquet(tmp_path / "s.parquet").output.type
    assert ak.num(ak.from_parquet(tmp_path / "s.parquet").output).to_list() == [0, 1, 2, 3]
    assert summary.report.left_out == {"several": 1}


def test_events_are_one_program_of_the_reference(artifact: Path) -> None:
    """Every output of the event program, for events that no file has."""
    program = Compilation(artifact.with_suffix(".hepq"), Options()).check()
    assert program.golden_events is not None
    assert program.golden_events.events == 16


LABELLED = EACH.replace("dim part <= 2", "dim part <= 2\ndim cls = [light, heavy]").replace(
    "  input m", "  label truth: cls = { heavy: Fat.mass > 2.5 GeV, light: otherwise }\n  input m"
)


def test_labels_by_rules_of_objects(tmp_path: Path) -> None:
    (tmp_path / "m.hepq").write_text(
        LABELLED.replace(
            "-> real = sum(x, over=part) + 100 * m",
            """-> real[cls] {
  p = 1 / (1 + exp(2.5 - m))
  return stack(1 - p, p, dim=cls) + 0 * sum(x, over=part)
}""",
        )
    )
    masses = [[], [3.0], [1.0, 2.0], [4.0, 5.0, 2.0]]
    cands = [[], [[9.0]], [[7.0], [2.0]], [[3.0, 7.0, 5.0], [1.5], [8.0]]]
    ak.to_parquet(ak.Array({"Fat_mass": masses, "Fat_cand_pt": cands}), tmp_path / "events.parquet")
    compile_file(tmp_path / "m.hepq", tmp_path / "m.hepqx")
    summary = hepq.load(tmp_path / "m.hepqx").predict(
        tmp_path / "events.parquet", tmp_path / "s.parquet", progress=False
    )  # fmt: skip
    assert summary.report.labels is not None
    assert summary.report.labels.classes == {"light": 3, "heavy": 2}
    assert summary.auc == {"light": 1.0, "heavy": 1.0}
    found = training_set(tmp_path / "m.hepq", [tmp_path / "events.parquet"], Options())
    assert found.truth.tolist() == [-1, 0, 0, 1, 1, 0]


DEFAULTS = """
collection Jet = "Jet_*" { pt: GeV }
dataset D {
  source events = parquet("events.parquet")
  branch w: real else 2
  object good = Jet where Jet.pt > 30 GeV
  input x = w * count(good)
}
model M(x: real) -> real = x
"""


def test_branches_that_files_lack_have_their_default(tmp_path: Path) -> None:
    (tmp_path / "m.hepq").write_text(DEFAULTS)
    given = events()
    ak.to_parquet(given, tmp_path / "events.parquet")
    ak.to_parquet(ak.with_field(given, np.full(len(given), 5.0), "w"), tmp_path / "whole.parquet")
    compile_file(tmp_path / "m.hepq", tmp_path / "m.hepqx")
    model, n = hepq.load(tmp_path / "m.hepqx"), ak.to_numpy(ak.sum(given.Jet_pt > 30, axis=1))
    np.testing.assert_array_equal(model(given), 2 * n)
    files = [tmp_path / "events.parquet", tmp_path / "whole.parquet"]
    summary = model.predict(files, tmp_path / "s.parquet", progress=False, step=7)
    np.testing.assert_array_equal(ak.from_parquet(tmp_path / "s.parquet").output, np.concatenate([2 * n, 5 * n]))
    assert {b: (d.value, d.files, d.events) for b, d in summary.report.defaults.items()} == {"w": (2.0, 1, len(given))}
