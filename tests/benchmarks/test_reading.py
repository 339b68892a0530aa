# SPDX-License-Identifier: Apache-2.0
"""The readers that are measured read the same numbers of the same chunks."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

from tests.support.object_programs import SHARED

SAMPLE = SHARED / "analysis/data/Run2012B_SingleMu-1000.root"
pytestmark = pytest.mark.skipif(not SAMPLE.exists(), reason="the first events of Run2012B_SingleMu are not here")


@pytest.fixture(autouse=True)
def _from_the_root(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(root))
    from benchmarks.events import adl_files

    monkeypatch.setattr(adl_files, "SAMPLE", SAMPLE)


def test_all_read_the_same(tmp_path: Path) -> None:
    from benchmarks.events import adl_files, reading

    path = adl_files.write(tmp_path / "a.root", 2500, cluster=1000)
    assert reading.same(path, 700)
    assert {name: reading.exhausted(read(path, 700)) for name, read in reading.READERS.items()} == dict.fromkeys(
        reading.READERS, 4
    )
    with uproot.open(path) as file:
        jets = ak.to_numpy(ak.flatten(file["Events"]["Jet_pt"].array()))
    mine = np.concatenate([chunk["Jet_pt"].contents for chunk in reading.flat(path, 700)])
    np.testing.assert_array_equal(mine, jets)


@pytest.mark.parametrize(("bar", "status"), [(0.0, 0), (1e9, 1)])
def test_the_bar_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], bar: float, status: int
) -> None:
    from benchmarks.events import adl_files, reading

    path = adl_files.write(tmp_path / "a.root", 500, cluster=200)
    monkeypatch.setattr(reading, "BAR", bar)
    assert reading.main([str(path), "--rounds", "1"]) == status
    assert "uproot ÷ hepq" in capsys.readouterr().out
