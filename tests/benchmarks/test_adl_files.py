# SPDX-License-Identifier: Apache-2.0
"""Files of ADL-like events: the columns, and that what physics keeps is kept."""

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


def test_events_are_those_of_the_sample_turned_and_scaled(tmp_path: Path) -> None:
    from benchmarks.events import adl_files

    tree = uproot.open(adl_files.write(tmp_path / "a.root", 2500, cluster=1000))["Events"]
    events, given = tree.arrays(), adl_files.sample()
    assert tree.num_entries == 2500
    assert tree["MET_pt"].entry_offsets == [0, 1000, 2000, 2500]
    assert set(adl_files.COLUMNS) | {"nMuon", "nElectron", "nJet"} == set(tree.keys())
    rng = np.random.default_rng(0)
    which = rng.integers(0, 1000, 1000)
    for name in ("Muon", "Electron", "Jet"):
        counts = ak.num(given[f"{name}_pt"])
        assert ak.all(events[f"n{name}"][:1000] == counts[which])
        assert ak.all(abs(events[f"{name}_phi"]) <= np.float32(np.pi))
    assert ak.all(events["Muon_charge"][:1000] == given["Muon_charge"][which])
    scale = events["MET_pt"][:1000] / given["MET_pt"][which]
    np.testing.assert_allclose(ak.flatten(events["Jet_pt"][:1000] / given["Jet_pt"][which] / scale), 1, rtol=1e-5)
    assert 0.9 < ak.min(scale) < ak.max(scale) < 1.1
    turned = events["MET_phi"][:1000] - given["MET_phi"][which]
    apart = events["Muon_phi"][:1000] - given["Muon_phi"][which] - turned
    np.testing.assert_allclose(np.cos(ak.to_numpy(ak.flatten(apart))), 1, atol=1e-5)
    assert len(np.unique(ak.to_numpy(events["MET_phi"]))) > 2400
