# SPDX-License-Identifier: Apache-2.0
"""The Analysis Grand Challenge on toy and real events, and Z bosons of a flat tree: every number against a peer's.

Histograms, cut flows and missing momentum of all variations against those that awkward made, checked with RDataFrame;
that of the noise against awkward fed with the noise that the program saves. The workspace of the fit is fitted by pyhf
alone. The bars: sums of weights and of their squares equal to 1e-12, numbers of events exact, means of the missing
momentum to 1e-7.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.analyses import agc_awkward
from benchmarks.analyses.running import DATA, REFERENCE, Case, there
from benchmarks.shared.data import SHARED
from benchmarks.shared.interleaved import need
from hepq.runtime.analysis.fits.likelihood import fit
from hepq.runtime.analysis.fits.templates import templates
from hepq.runtime.analysis.fits.workspace import workspace
from hepq.runtime.analysis.results import Result

PROGRAM, FLAT = Path(__file__).with_suffix(".hepq"), Path(__file__).with_name("zmumu.hepq")
TOY, REAL = DATA / "toy_ttbar.root", SHARED / "nano/nanoAOD_2015_CMS_Open_Data_ttbar.root"
SAME, MEAN, ERROR = 1e-12, 1e-7, 0.05
#: what is added to the program: missing momentum, and the noise that was drawn
MOMENTUM = [
    ("import Electron, Muon, Jet", "import Electron, Muon, Jet, MET"),
    ("  weight norm", """  met = propagate(MET, Jet)
  save smears = smear
  hist momentum[weight=met.pt / 1 GeV] = met.pt in bins(40, 0 GeV, 200 GeV)
  weight norm"""),
    ("count(muon) == 1\n", "count(muon) == 1\n    hist met = met.pt in bins(40, 0 GeV, 200 GeV)\n"),
]  # fmt: skip
#: names of our histograms, and of the cuts before them, in the reference
HISTOGRAMS = {"r4j1b.ht": "4j1b", "r4j2b.mbjj": "4j2b", "one_lepton.met": "met_after_one_lepton"}
CUTS = {"r4j1b": "4j1b", "r4j2b": "4j2b"}
OBJECTS = ("nominal", "pt_scale_up", "pt_res_up")


@dataclass(frozen=True)
class Row:
    """``apart`` may be as large as ``bar``."""

    what: str
    number: int
    apart: float
    bar: float

    @property
    def met(self) -> bool:
        return self.apart <= self.bar


def apart(ours: Any, theirs: Any) -> float:
    """The largest relative difference."""
    a, b = np.asarray(ours, float), np.asarray(theirs, float)
    return float((np.abs(a - b) / np.where(b == 0, 1, np.abs(b))).max()) if a.shape == b.shape else float("inf")


def smears(folder: Path) -> Any:
    """The noise of each jet of ttbar, as the program saved it."""
    with uproot.open(folder / "smears.root") as file:
        return file["ttbar/nominal"]["smear"].array()


def events(path: Path) -> Any:
    with uproot.open(path) as file:
        return file["Events"].arrays([*agc_awkward.COLUMNS, "MET_pt", "MET_phi"])


def published(result: Result, reference: dict[str, Any]) -> Iterator[Row]:
    """Rows of what does not follow from the noise, which the reference draws in a way of its own."""
    sums, counts, number = [0.0], [0.0], 0
    for name, theirs in HISTOGRAMS.items():
        known = [v for v in result.variations if v != "pt_res_up" and f"{theirs}_{v}" in reference["hists"]]
        for variation in known:
            wanted, cells = reference["hists"][f"{theirs}_{variation}"], result.cells(name, "ttbar", variation)
            sums += [apart(cells.values, wanted["sumw_with_flow"]), apart(cells.variances, wanted["sumw2_with_flow"])]
            counts.append(abs(int(cells.entries.sum()) - wanted["entries"]))
            number += 1
    yield Row("histograms: sums of weights and of squares", number, max(sums), SAME)
    yield Row("entries", number, max(counts), 0)
    flows = []
    for region, theirs in CUTS.items():
        for variation in OBJECTS[:2]:
            flow = result.cut_flow(region, "ttbar", variation)
            ours = [row.passed.events for row in flow.rows] if flow else []
            flows.append(float(ours != [n for _, n in reference["cutflow"][f"{variation}.{theirs}"]]))
    yield Row("cut flows", len(flows), max(flows), 0)
    means = {v: mean_momentum(result, v) for v in OBJECTS[:2]}
    means = {v: apart(mean, reference["cutflow"][f"{v}.mean met, all events"]) for v, mean in means.items()}
    yield Row("means of missing momentum", len(means), max(means.values()), MEAN)


def mean_momentum(result: Result, variation: str) -> float:
    cells = result.cells("momentum", "ttbar", variation)
    return float(cells.values.sum() / cells.entries.sum())


def noise(result: Result, given: Any, smear: Any) -> Iterator[Row]:
    """Rows of the variation that the noise makes, and of the others too, against awkward in float64."""
    peer = agc_awkward.Filling(len(given), exact=True)
    peer.add(given, smear)
    sums = [0.0]
    for name in agc_awkward.REGIONS:
        cells, (values, variances) = result.cells(name, "ttbar", "pt_res_up"), peer.cells(name, "pt_res_up")
        sums += [apart(cells.values, values), apart(cells.variances, variances)]
    yield Row("awkward, with the same noise: histograms", 2, max(sums), SAME)
    flows = []
    for region, last in (("r4j1b", "one_tag"), ("r4j2b", "two_tags")):
        flow = result.cut_flow(region, "ttbar", "pt_res_up")
        counts = peer.passed[""] | peer.passed["pt_res_up"]
        wanted = [counts["all"], counts["one_lepton"], counts["jets"], counts[last]]
        flows.append(float([row.passed.events for row in flow.rows] != wanted) if flow else 1.0)
    yield Row("awkward, with the same noise: cut flows", len(flows), max(flows), 0)
    yield Row("awkward, with the same noise: missing momentum", 1, _moved(result, given, smear), MEAN)


def _moved(result: Result, given: Any, smear: Any) -> float:
    """How far the mean of the missing momentum is from what jets that are smeared leave."""
    pt, phi, met, at = (ak.values_astype(given[n], np.float64) for n in ("Jet_pt", "Jet_phi", "MET_pt", "MET_phi"))
    gained = pt * smear - pt
    x = met * np.cos(at) - ak.sum(gained * np.cos(phi), axis=1)
    y = met * np.sin(at) - ak.sum(gained * np.sin(phi), axis=1)
    return apart(mean_momentum(result, "pt_res_up"), float(ak.mean(np.hypot(x, y))))


def fitted(result: Result) -> Iterator[Row]:
    """pyhf's own minimiser on our workspace: it finds what was put in, and the likelihood falls by ½ at our error."""
    import pyhf

    ours = fit(result, "Xsec")
    made = pyhf.Workspace(workspace(templates(result, "Xsec")))
    model = made.model()
    data, error = made.data(model), ours[ours.poi].error
    pyhf.set_backend("numpy", pyhf.optimize.minuit_optimizer())
    best, nll = pyhf.infer.mle.fit(data, model, return_fitted_val=True)
    away = [pyhf.infer.mle.fixed_poi_fit(x, data, model, return_fitted_val=True)[1] for x in (1 - error, 1 + error)]
    yield Row(f"fit by pyhf: {ours.poi} of what is expected", 1, abs(best[model.config.poi_index] - 1), 1e-3)
    yield Row(f"fit by pyhf: -2 ln L rises by 1 at ±{error:.3f}", 1, abs(float(sum(away) / 2 - nll) - 1), ERROR)


def flat(reference: dict[str, Any]) -> Iterator[Row]:
    """Z bosons of a flat tree."""
    result = Case.of(FLAT, there(SHARED / "nano/uproot-Zmumu.root").parent).run().result
    flow = result.cut_flow("peak", "pairs")
    counts = [row.passed.events for row in flow.rows] if flow else []
    yield Row("Z bosons: cut flow", 1, float(counts != [n for _, n in reference["cutflow"]]), 0)
    cells: NDArray[np.int64] = result.cells("peak.mass", "pairs").entries
    yield Row("Z bosons: histogram", 1, float((cells != reference["mass"]["sumw_with_flow"]).sum()), 0)


def rows(reference: dict[str, Any]) -> Iterator[tuple[str, Row]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        result = Case.of(PROGRAM, there(TOY).parent, MOMENTUM).run(skims=folder).result
        given, smear = events(TOY), smears(folder)
    for row in (*published(result, reference["agc_toy_ttbar"]), *noise(result, given, smear), *fitted(result)):
        yield "toy", row
    [wjets] = [line for line in PROGRAM.read_text(encoding="utf-8").splitlines() if "source wjets" in line]
    replaced = [*MOMENTUM, ("toy_ttbar.root", str(there(REAL))), (f"{wjets}\n", "")]
    with tempfile.TemporaryDirectory() as name:
        result = Case.of(PROGRAM, DATA, replaced).run(skims=Path(name)).result
        given, smear = events(REAL), smears(Path(name))
    for row in (*published(result, reference["agc_real200"]), *noise(result, given, smear)):
        yield "real", row
    for row in flat(reference["zmumu_flat"]):
        yield "real", row


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks agc", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the same: it takes seconds")
    parser.parse_args(argv)
    need("vector", "correctionlib", "pyhf")
    reference = json.loads(there(REFERENCE / "analyses.json").read_text(encoding="utf-8"))
    table, found = Table("events", "what", "of", "largest difference", "bar", ""), []
    for of, row in rows(reference):
        found.append(row)
        table.add_row(of, row.what, str(row.number), f"{row.apart:.1e}", f"{row.bar:g}", "" if row.met else "MISSED")
    console = Console()
    console.print(table)
    met = all(row.met for row in found)
    console.print("met" if met else "MISSED")
    return 0 if met else 1
