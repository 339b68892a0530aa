# SPDX-License-Identifier: Apache-2.0
"""Speed of analyses: the programs that are measured fill the same histograms; rows, bars and absent peers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

SHARED = Path(__file__).resolve().parents[3] / "shared"
needs_data = pytest.mark.skipif(not (SHARED / "analysis").exists(), reason="the toy events are absent")


@pytest.fixture(autouse=True)
def _from_the_root(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(root))


@needs_data
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("query", ["q5", "q6", "q7", "q8"])
def test_queries_alone_fill_what_awkward_fills(tmp_path: Path, query: str) -> None:
    pytest.importorskip("vector")
    from benchmarks.analyses import adl_awkward
    from benchmarks.analyses.analysis_speed import adl_case, of_hepq
    from benchmarks.events.adl_files import write

    path = write(tmp_path / "adl_0.root", 3000, cluster=1000)
    ours = of_hepq(adl_case(query, path), "run2012b")
    theirs = adl_awkward.run(path, query, adl_awkward.of_uproot)
    assert set(ours) == set(theirs)
    for name, values in theirs.items():
        assert values.sum() == ours[name].sum() > 0
        assert np.abs(values - ours[name]).sum() <= 2


@needs_data
def test_variations_that_are_added(tmp_path: Path) -> None:
    from benchmarks.analyses import run_costs
    from benchmarks.events.adl_files import AGC, write

    path = write(tmp_path / "agc_0.root", 500, layout=AGC)
    none = run_costs.agc_case(path, varied=False).compiled.analysis
    assert none.variations == ()
    assert len(run_costs.agc_case(path).compiled.analysis.variations) == 12
    weights = run_costs.agc_case(path, varied=False, more=run_costs._WEIGHTS).run().result
    assert len(weights.analysis.variations) == run_costs.COPIES
    assert len(weights.varied("r4j1b.ht", "ttbar")) == run_costs.COPIES
    moved = run_costs.agc_case(path, varied=False, more=run_costs._OBJECTS).run().result
    assert moved.varied("r4j1b.ht", "ttbar") == ("more_up",)


def test_ratios_are_medians_of_rounds_and_bins_that_differ_are_counted() -> None:
    from benchmarks.analyses.analysis_speed import Row

    row = Row("q5", {}, {"hepq": [1.0, 2.0, 4.0], "ROOT": [2.0, 6.0, 4.0], "coffea": [3.0, 3.0, 30.0]})
    assert (row.ratio("ROOT"), row.ratio("coffea"), row.least) == (2.0, 3.0, 2.0)
    row.filled = {"hepq": {"h": np.array([5.0, 3.0, 2.0])}, "ROOT": {"h": np.array([5.0, 2.0, 3.0])}}
    assert row.moved("ROOT") == 0.1
    assert Row("q5", {}, {"hepq": [1.0]}).least == float("inf")


def test_bars_of_speed_hold_of_a_million_events_and_equal_bins_always() -> None:
    from rich.console import Console

    from benchmarks.analyses.analysis_speed import LARGE, Row, compared

    same = {"h": np.array([5.0, 3.0, 2.0])}
    row = Row("AGC", {"hepq": lambda: (1.0, {}), "ROOT": lambda: (2.0, {})}, {"hepq": [1.0], "ROOT": [2.0]})
    row.filled = {"hepq": same, "ROOT": same}
    console = Console(quiet=True)
    assert compared([row], LARGE - 1, console)
    assert not compared([row], LARGE, console)
    row.filled["ROOT"] = {"h": np.array([5.0, 2.0, 3.0])}
    assert not compared([row], LARGE - 1, console)


def test_root_is_absent_without_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from benchmarks.analyses import root_peer
    from benchmarks.shared.data import Absent

    monkeypatch.setattr(root_peer, "find_spec", lambda name: None)
    with pytest.raises(Absent, match="ROOT is not installed"):
        root_peer.built(tmp_path / "a.cxx", tmp_path)
