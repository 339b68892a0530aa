# SPDX-License-Identifier: Apache-2.0
"""Objects of NanoAOD files by ``std.nanoaod``, against awkward in double precision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

from tests.support.events.object_programs import (
    FILES,
    first_by,
    invariant,
    made,
    nano_file,
    nearest,
    program,
    read,
    same,
    separation,
    vectors,
)  # fmt: skip

KINEMATICS = ("pt", "eta", "phi", "mass")
ITEMS = """
  object lead = Muon by Muon.pt desc take 1
  object good = Jet where Jet.pt > 30 GeV and abs(Jet.eta) < 2.4
  object ossf = combinations(Muon, 2) as a, b where a.charge != b.charge
  object lepton = union(Muon, Electron)
  object near = lepton where lepton.pt > 5 GeV
  object clean = good where all(deltaR(good, near) >= 0.4, over=near)
  object z = ossf by abs(ossf.mass - 91.2 GeV) take 1
  object top = combinations(Jet, 3) as j, k, l by abs(top.mass - 172.5 GeV) take 1
  object tagged = Jet where Jet.btagCSVV2 > 0.5 and Jet.pt > 20 GeV
  input lead_pt = default(lead.pt, -1 GeV) / 1 GeV
  input masses = sum(ossf.mass, over=ossf) / 1 GeV
  input pairs = real(count(ossf))
  input ht = sum(good.pt, over=good) / 1 GeV
  input cleaned = real(count(clean))
  input zmass = default(z.mass, -1 GeV) / 1 GeV
  input bjets = real(count(tagged))
  input significance = MET.pt / sqrt(1 GeV * max(sum(good.pt, over=good), 1 GeV))
  input mu_pt = sum(default(Jet.muon1.pt, 0 GeV), over=Jet) / 1 GeV
  input jet_mu = sum(Probe.mu_pt, over=Probe) / 1 GeV
  input el_pt = sum(default(Jet.electron1.pt, 0 GeV), over=Jet) / 1 GeV
  input topmass = default(top.mass, -1 GeV) / 1 GeV
"""
IMPORTS = """
from std.nanoaod import Muon, Electron, Jet, MET

collection Probe = "Jet_*" {
  mu_pt = double / 2
  double = 2 * default(mu.pt, 0 GeV)
  mu = "muonIdx1": index of Muon
}
"""
WHOLE = ("pairs", "cleaned", "bjets")


def by_awkward(path: Path, tree: str) -> dict[str, Any]:
    columns = [f"{c}_{k}" for c in ("Muon", "Electron", "Jet") for k in KINEMATICS]
    more = ["Muon_charge", "Jet_btagCSVV2", "Jet_muonIdx1", "Jet_electronIdx1", "MET_pt"]
    e = read(path, tree, *columns, *more)
    muon, electron, jet = (
        ak.zip({k: e[f"{c}_{k}"] for k in KINEMATICS}) for c in ("Muon", "Electron", "Jet")
    )  # fmt: skip
    pairs = ak.combinations(ak.zip({"p": vectors(*ak.unzip(muon)), "q": e["Muon_charge"]}, depth_limit=2), 2)
    a, b = ak.unzip(pairs)
    masses = invariant(a.p, b.p)[a.q != b.q]
    good = jet[(jet.pt > 30) & (abs(jet.eta) < 2.4)]
    leptons = ak.concatenate([muon, electron], axis=1)
    one, other = ak.unzip(ak.cartesian([good, leptons[leptons.pt > 5]], nested=True))
    clean = ak.all(separation(one, other) >= 0.4, axis=2)
    ht = ak.sum(good.pt, axis=1)
    triples = invariant(*ak.unzip(ak.combinations(vectors(*ak.unzip(jet)), 3)))

    def referred(index: Any, pt: Any) -> Any:
        known = ak.values_astype(index[index >= 0], "int64")
        return ak.sum(pt[known], axis=1)

    return {
        "lead_pt": first_by(muon.pt, muon.pt), "masses": ak.sum(masses, axis=1), "pairs": ak.num(masses), "ht": ht,
        "cleaned": ak.sum(clean, axis=1), "zmass": nearest(masses, 91.2),
        "bjets": ak.sum((e["Jet_btagCSVV2"] > 0.5) & (jet.pt > 20), axis=1),
        "significance": e["MET_pt"] / np.sqrt(np.maximum(ht, 1)),
        "mu_pt": referred(e["Jet_muonIdx1"], muon.pt), "jet_mu": referred(e["Jet_muonIdx1"], muon.pt),
         "el_pt": referred(e["Jet_electronIdx1"], electron.pt),
        "topmass": nearest(triples, 172.5),
    }  # fmt: skip


@pytest.mark.parametrize("file", ["toy", "nano", "dimuon"])
def test_observables_of_files_are_those_of_awkward(file: str, tmp_path: Path) -> None:
    path, tree = (nano_file(tmp_path / "toy.root"), "Events") if file == "toy" else FILES[file]
    if not path.exists():
        pytest.skip(f"{path} is not there")
    found = made(tmp_path, program(IMPORTS, ITEMS), path, tree)
    same(found, by_awkward(path, tree), WHOLE)
    if file == "toy":
        assert all(len(set(v.tolist())) > 3 for v in found.values())
        pieces = made(tmp_path, program(IMPORTS, ITEMS), path, tree, step=7)
        assert all(np.array_equal(found[k], pieces[k]) for k in found)


def test_an_rntuple_is_read_as_a_tree_is(tmp_path: Path) -> None:
    path, tree = FILES["rntuple"]
    if not path.exists():
        pytest.skip(f"{path} is not there")
    items = """
  object ossf = combinations(Muon, 2) as a, b where a.charge != b.charge
  object z = ossf by abs(ossf.mass - 91.2 GeV) take 1
  input zmass = default(z.mass, -1 GeV) / 1 GeV
  input muons = real(count(Muon))
"""
    found = made(tmp_path, program("from std.nanoaod import Muon", items), path, tree)
    e = read(path, tree, *(f"Muon_{k}" for k in (*KINEMATICS, "charge")))
    p = vectors(*(e[f"Muon_{k}"] for k in KINEMATICS))
    a, b = ak.unzip(ak.combinations(ak.zip({"p": p, "q": e["Muon_charge"]}, depth_limit=2), 2))
    masses = invariant(a.p, b.p)[a.q != b.q]
    same(found, {"zmass": nearest(masses, 91.2), "muons": ak.num(p)}, ("muons",))
