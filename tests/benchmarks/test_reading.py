# SPDX-License-Identifier: Apache-2.0
"""The readers that are measured read the same numbers of the same chunks."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

from tests.support.events.object_programs import SHARED

SAMPLE = SHARED / "analysis/data/Run2012B_SingleMu-1000.root"
pytestmark = pytest.mark.skipif(not SAMPLE.exists(), reason="the first events of Run2012B_SingleMu are not here")


@pytest.fixture(autouse=True)
def _from_the_root(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(root))


def test_all_read_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.events import adl_files, reading

    path = adl_files.write(tmp_path / "a.root", 2500, cluster=1000)
    assert reading.same(path)
    with uproot.open(path) as file:
        jets = file["Events"]["Jet_pt"].array()
    for read in (*reading.PEERS.values(), reading.by_baskets):
        assert ak.array_equal(ak.concatenate([chunk["Jet_pt"] for chunk in read(path)]), jets)
    for read in (reading.ours, reading.flattened):
        chunks = [chunk["Jet_pt"] for chunk in read(path)]
        np.testing.assert_array_equal(np.concatenate([c[1] for c in chunks]), ak.to_numpy(ak.num(jets)))
        np.testing.assert_array_equal(np.concatenate([c[2] for c in chunks]), ak.to_numpy(ak.flatten(jets)))
    other = adl_files.write(tmp_path / "b.root", 2500, seed=1, cluster=1000)
    monkeypatch.setattr(reading, "ours", lambda _, read=reading.ours: read(other))
    assert not reading.same(path)


@pytest.mark.parametrize(("bar", "status"), [(0.0, 0), (1e9, 1)])
def test_the_bar_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], bar: float, status: int
) -> None:
    from benchmarks.events import adl_files, reading

    path = adl_files.write(tmp_path / "a.root", 500, cluster=200)
    monkeypatch.setattr(reading, "BAR", bar)
    assert reading.main([str(path), "--rounds", "1"]) == status
    assert "uproot ÷ hepq" in capsys.readouterr().out
