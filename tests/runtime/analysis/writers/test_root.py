# SPDX-License-Identifier: Apache-2.0
"""Histograms in ROOT files, read back by uproot."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import uproot

from hepq.core.errors import DataError
from hepq.runtime.analysis.description import Axis, Histogram
from hepq.runtime.analysis.results import Result
from hepq.runtime.analysis.writers.names import identifiers
from hepq.runtime.analysis.writers.root import write_root
from tests.runtime.analysis.toy import ANALYSIS, result


@pytest.fixture(scope="module")
def made() -> Result:
    return result()


@pytest.fixture(scope="module")
def file(made: Result, tmp_path_factory: pytest.TempPathFactory) -> uproot.ReadOnlyDirectory:
    path = tmp_path_factory.mktemp("root") / "toy.root"
    assert write_root(made, path) == []
    return uproot.open(path)


def test_histograms(made: Result, file: uproot.ReadOnlyDirectory) -> None:
    for source in ("run", "ttbar", "wjets"):
        for variation in ("nominal", *made.varied("sr.ht", source)):
            found = file[f"sr_ht/{source}/{variation}"]
            cells = made.cells("sr.ht", source, variation)
            assert found.classname == "TH1D"
            assert (found.values(flow=True) == cells.values).all()
            assert (found.variances(flow=True) == cells.variances).all()
            assert found.member("fEntries") == cells.entries.sum()
            assert found.axis().edges().tolist() == np.linspace(100, 500, 9).tolist()
            assert found.axis().member("fTitle") == "ht [GeV]"
    assert file["sr_ht/run"].keys() == ["nominal;1"]
    assert str(file["sr_ht/ttbar/unchanged"]) == "never_up"


def test_categories_have_histograms_of_their_own(made: Result, file: uproot.ReadOnlyDirectory) -> None:
    cells = made.cells("sr.map", "ttbar", "btag_up")
    for i, name in enumerate(("b", "light")):
        found = file[f"sr_map_{name}/ttbar/btag_up"]
        assert found.classname == "TH2D"
        assert (found.values(flow=True) == cells.values[:, :, i]).all()
        assert (found.variances(flow=True) == cells.variances[:, :, i]).all()
        assert found.axis("y").edges().tolist() == [-2.5, -1, 1, 2.5]


def test_statistics_that_root_keeps(file: uproot.ReadOnlyDirectory) -> None:
    found = file["sr_map_b/ttbar/nominal"]
    values, x, y = found.values(), *(found.axis(a).centers() for a in "xy")
    assert found.member("fTsumw") == pytest.approx(values.sum())
    assert found.member("fTsumwx2") == pytest.approx((values * x[:, None] ** 2).sum())
    assert found.member("fTsumwxy") == pytest.approx((values * x[:, None] * y).sum())


def test_cut_flows(made: Result, file: uproot.ReadOnlyDirectory) -> None:
    flow = made.cut_flow("sr", "ttbar", "btag_up")
    assert flow is not None
    found = file["cutflow/sr/ttbar/btag_up"]
    assert found.axis().labels() == ["all events", "jets", "tag"]
    assert [label.bases[0].member("@fUniqueID") for label in found.axis().member("fLabels")] == [1, 2, 3]
    assert found.values().tolist() == [row.passed.sum for row in flow.rows]
    assert found.variances().tolist() == [row.passed.variance for row in flow.rows]
    assert file["cutflow_events/sr/ttbar/btag_up"].values().tolist() == [row.passed.events for row in flow.rows]
    alone = file["n_minus_one/sr/ttbar/btag_up"]
    assert alone.axis().labels() == ["jets", "tag"]
    assert alone.values().tolist() == [row.without.sum for row in flow.rows if row.without]


def test_provenance(made: Result, file: uproot.ReadOnlyDirectory) -> None:
    assert json.loads(str(file["provenance"])) == made.provenance.model_dump(mode="json")


def test_what_root_cannot_hold(made: Result, tmp_path: Path) -> None:
    axis = Axis(name="x", kind="regular", bins=1, edges=(0, 1))
    wide = Histogram(name="wide", region="", axes=(axis,) * 4)
    more = ANALYSIS.model_copy(update={"histograms": (*ANALYSIS.histograms, wide)})
    assert write_root(replace(made, analysis=more), tmp_path / "a.root") == [
        "wide has 4 axes, and a ROOT histogram at most 3"
    ]
    with pytest.raises(DataError, match="HQ0817"):
        write_root(made, tmp_path / "a.txt")


def test_nothing_half_written(made: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hepq.runtime.analysis.writers.root._steps", fail)
    with pytest.raises(KeyboardInterrupt):
        write_root(made, tmp_path / "a.root")
    assert not list(tmp_path.iterdir())


def test_names() -> None:
    assert identifiers(["r.ht", "r_ht", "btag[0]_up", "", "nominal"]) == {
        "r.ht": "r_ht", "r_ht": "r_ht_2", "btag[0]_up": "btag_0_up", "": "all", "nominal": "nominal",
    }  # fmt: skip
