# SPDX-License-Identifier: Apache-2.0
"""The analyses of ``examples/analyses``: each is checked, compiled and run; numbers of three against loops in NumPy."""

from __future__ import annotations

import json
import runpy
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from numpy.typing import NDArray

from hepq.compiler.backends.analysis import compiled
from hepq.compiler.driver.analysis import build_analysis
from hepq.core.diagnostics.diagnostic import Sink
from hepq.core.diagnostics.render import render_text
from hepq.lang.checker import check
from hepq.lang.format.program import format_source
from hepq.lang.modules import load
from hepq.runtime.analysis.engine import Options, Run, run
from hepq.runtime.analysis.fits.likelihood import fit
from hepq.runtime.analysis.results import Result
from tests.analyses.test_adl import NAMES

EXAMPLES = Path(__file__).resolve().parents[2] / "examples/analyses"
PROGRAMS = sorted(EXAMPLES.glob("*.hepq"))
SHARED = Path(__file__).resolve().parents[3] / "shared/analysis"
SHARE = 1.0
Vector = NDArray[np.float64]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("events")
    runpy.run_path(str(EXAMPLES / "make_events.py"))["make"](folder, SHARE)
    return folder


@pytest.fixture(scope="module")
def runs(files: Path) -> Mapping[str, Run]:
    return {path.stem: _run(path, files) for path in PROGRAMS}


def _run(path: Path, files: Path) -> Run:
    sink = Sink()
    program = load(path, path.read_text(encoding="utf-8"), sink)
    check(program, sink)
    assert not sink.items, render_text(sink.items)
    analysis, modules = build_analysis(program, sink)
    return run(compiled(analysis, modules, program=str(path)), Options(folder=files, skims=files))


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda p: p.stem)
def test_layout(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert format_source(text) == text


def test_all_of_them_fill_all_of_their_histograms(runs: Mapping[str, Run]) -> None:
    assert list(runs) == ["adl", "eft", "h4l", "ttbar", "zmumu"]
    for done in runs.values():
        result = done.result
        assert not done.failed
        for histogram in result.analysis.histograms:
            assert sum(result.cells(histogram.name, s.name).entries.sum() for s in result.analysis.sources) > 20
        assert result.unchanging() == ()


def test_variations_do_what_they_say(runs: Mapping[str, Run]) -> None:
    ttbar = runs["ttbar"].result
    assert ttbar.varied("one_tag.ht", "ttbar") == ("jes_up", "jes_down", "jer_up", "btag_up", "btag_down")
    centres = (np.arange(22) - 0.5) * 30 + 120
    down, up = ((ttbar.cells("one_tag.ht", "ttbar", f"jes_{d}").values * centres).sum() for d in ("down", "up"))
    assert up > down
    factors = [ttbar.cells("two_tags.mass", "ttbar", v).values.sum() for v in ("btag_down", "nominal", "btag_up")]
    assert factors[0] < factors[1] < factors[2]
    h4l = runs["h4l"].result
    up, nominal = (h4l.cells("four.mass", "zz", v).values.sum() for v in ("lepton_id_up", "nominal"))
    assert up / nominal == pytest.approx((0.98 / 0.97) ** 4)


@pytest.mark.parametrize(("name", "true"), [("ttbar", 1), ("h4l", 1), ("eft", 0)])
def test_fits_find_what_data_are_made_of(runs: Mapping[str, Run], name: str, true: float) -> None:
    result = runs[name].result
    (declared,) = result.analysis.fits
    found = fit(result, declared)
    strength = found[found.poi]
    assert abs(strength.value - true) < 3 * max(strength.error, 0.03)
    assert 0 < strength.error < 0.5
    assert not found.asimov


def _arrays(path: Path) -> ak.Array:
    with uproot.open(path) as file:
        return file["Events"].arrays()


def _momentum(pt: float, eta: float, phi: float, mass: float) -> Vector:
    p = np.array([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)])
    return np.array([*p, np.sqrt(p @ p + mass**2)])


def _mass(p: Vector) -> float:
    return float(np.sqrt(max(p[3] ** 2 - p[:3] @ p[:3], 0)))


def _objects(event: Any, name: str, fields: str, kind: int = 0) -> list[dict[str, Any]]:
    wanted = ["pt", "eta", "phi", "mass", *fields.split()]
    columns = {f: np.asarray(event[f"{name}_{f}"], float) for f in wanted}
    made = [{f: column[i] for f, column in columns.items()} for i in range(len(columns["pt"]))]
    return [o | {"kind": kind, "p": _momentum(o["pt"], o["eta"], o["phi"], o["mass"])} for o in made]


def _filled(values: list[float], edges: Vector) -> Vector:
    return np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1).astype(float)


def test_tag_and_probe_is_that_of_loops(runs: Mapping[str, Run], files: Path) -> None:
    events = _arrays(files / "zmumu_data.root")
    pts = np.array([10, 20, 30, 45, 100])
    expected = np.zeros((62, 6, 2))
    masses: list[float] = []
    for event in events:
        muons = _objects(event, "Muon", "charge tightId pfRelIso04_all")
        good = [bool(m["tightId"]) and m["pfRelIso04_all"] < np.float32(0.15) for m in muons]
        tags = [m for m, g in zip(muons, good, strict=True) if g and m["pt"] > 26 and abs(m["eta"]) < 2.4]
        if not event["HLT_IsoMu24"]:
            continue
        for probe, passing in zip(muons, good, strict=True):
            own = [t for t in tags if t["charge"] != probe["charge"]]
            if probe["pt"] > 10 and abs(probe["eta"]) < 2.4 and len(own) == 1:
                place = np.searchsorted(np.linspace(60, 120, 61), _mass(own[0]["p"] + probe["p"]), side="right")
                expected[place, np.searchsorted(pts, probe["pt"], side="right"), int(passing)] += 1
        if len(tags) == 2 and tags[0]["charge"] != tags[1]["charge"]:
            masses.append(_mass(tags[0]["p"] + tags[1]["p"]))
    result = runs["zmumu"].result
    np.testing.assert_array_equal(result.cells("probes.mass", "run").values, expected)
    np.testing.assert_array_equal(
        result.cells("selected.mass", "run").values, _filled(masses, np.linspace(60, 120, 61))
    )
    assert expected[..., 0].sum() > 20


def _four_leptons(event: Any) -> tuple[float, float, float] | None:
    """Masses of all four, of the first and of the second pair."""
    muons = [m for m in _objects(event, "Muon", "charge pfRelIso04_all") if m["pt"] > 5 and abs(m["eta"]) < 2.4]
    electrons = _objects(event, "Electron", "charge pfRelIso03_all", kind=1)
    leptons = [m for m in muons if m["pfRelIso04_all"] < 0.35]
    leptons += [e for e in electrons if e["pt"] > 7 and abs(e["eta"]) < 2.5 and e["pfRelIso03_all"] < 0.35]
    leptons.sort(key=lambda o: -o["pt"])
    if len(leptons) < 4 or leptons[0]["pt"] <= 20 or leptons[1]["pt"] <= 10:
        return None
    pairs = []
    for _ in range(2):
        found = [
            (abs(mass - 91.2), i, j, mass)
            for i, a in enumerate(leptons)
            for j, b in enumerate(leptons[i + 1 :], i + 1)
            if a["charge"] != b["charge"] and a["kind"] == b["kind"]
            if 12 < (mass := _mass(a["p"] + b["p"])) < 120
        ]
        if not found:
            return None
        _, i, j, mass = min(found)
        pairs.append((mass, leptons[i]["p"] + leptons[j]["p"]))
        leptons = [o for k, o in enumerate(leptons) if k not in (i, j)]
    if pairs[0][0] <= 40:
        return None
    return _mass(pairs[0][1] + pairs[1][1]), pairs[0][0], pairs[1][0]


@pytest.mark.parametrize("source", ["higgs", "zz"])
def test_four_leptons_are_those_of_loops(runs: Mapping[str, Run], files: Path, source: str) -> None:
    found = [masses for event in _arrays(files / f"{source}.root") if (masses := _four_leptons(event))]
    cells = runs["h4l"].result.cells("four.mass", source)
    np.testing.assert_array_equal(cells.entries, _filled([m for m, _, _ in found], np.linspace(70, 190, 41)))
    flow = runs["h4l"].result.cut_flow("four", source)
    assert flow is not None
    assert flow.rows[-1].passed.events == len(found) > 100


def test_shapes_are_those_of_eigenvalues(runs: Mapping[str, Run], files: Path) -> None:
    values = []
    for event in _arrays(files / "eft_data.root"):
        jets = [j for j in _objects(event, "Jet", "") if j["pt"] > 50 and abs(j["eta"]) < 2.5]
        if len(jets) >= 3 and sum(j["pt"] for j in jets) > 500:
            p = np.array([j["p"][:3] for j in jets])
            values.append(1.5 * np.sort(np.linalg.eigvalsh(p.T @ p / (p**2).sum()))[:2].sum())
    result: Result = runs["eft"].result
    np.testing.assert_array_equal(result.cells("sphericity", "run").values, _filled(values, np.linspace(0, 1, 21)))


@pytest.mark.skipif(not SHARED.exists(), reason="../shared is not there")
def test_queries_are_those_of_the_reference(tmp_path: Path) -> None:
    shutil.copy(SHARED / "data/Run2012B_SingleMu-1000.root", tmp_path / "run2012b.root")
    result = _run(EXAMPLES / "adl.hepq", tmp_path).result
    reference = json.loads((SHARED / "reference/adl_1000.json").read_text(encoding="utf-8"))
    assert set(reference) >= set(NAMES)
    for theirs, ours in NAMES.items():
        np.testing.assert_array_equal(result.cells(ours, "run2012b").entries, reference[theirs]["counts_with_flow"])
