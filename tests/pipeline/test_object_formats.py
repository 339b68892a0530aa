# SPDX-License-Identifier: Apache-2.0
"""Objects of files of ATLAS, Delphes, FCC and others, against awkward in double precision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

from hepq.core.errors import DataError
from tests.support.events.object_programs import (
    FILES,
    edm4hep_file,
    first_by,
    invariant,
    made,
    nearest,
    program,
    read,
    same,
    vectors,
)  # fmt: skip


def file(name: str) -> tuple[Path, str]:
    path, tree = FILES[name]
    if not path.exists():
        pytest.skip(f"{path} is not there")
    return path, tree


PHYSLITE = """
  object pair = combinations(Electron, 2) as a, b where a.charge != b.charge
  object z = pair by abs(pair.mass - 91.2 GeV) take 1
  object lead = Jet by Jet.pt desc take 1
  object medium = Electron where Electron.DFCommonElectronsLHMedium and Electron.ptvarcone30 < 0.1 * Electron.pt
  input zmass = default(z.mass, -1 GeV) / 1 GeV
  input mediums = real(count(medium))
  input lead_pt = default(lead.pt, -1 GeV) / 1 GeV
  input ht = sum(if Jet.pt > 20 GeV then Jet.pt else 0 GeV, over=Jet) / 1 GeV
  input b = sum(Jet.btagging.GN2v00_pb, over=Jet)
  input muon_energy = sum(Muon.p4.energy, over=Muon) / 1 GeV
  input truth = sum(default(Electron.truth.energy, 0 GeV), over=Electron) / 1 GeV
  input tracks = sum(default(ElectronTrack.track.pt, 0 GeV), over=ElectronTrack) / 1 GeV
  input muon_track = sum(default(Muon.track.pt, 0 GeV), over=Muon) / 1 GeV
  input ghosts = sum(default(JetTrack.track.pt, 0 GeV), over=JetTrack) / 1 GeV
  busy = sum(JetVertex.NumTrkPt500, by=JetVertex.Jet)
  object crowded = Jet where busy > 3 and count(by=JetTrack.Jet) > 1
  input crowded_pt = sum(crowded.pt, over=crowded) / 1 GeV
  input share = sum(sum(default(JetTrack.track.pt, 0 GeV), by=JetTrack.Jet)[crowded] / crowded.pt, over=crowded)
  input counted = real(sum(JetVertex.NumTrkPt500, over=JetVertex))
  input soft = sum(MetCore.pt, over=MetCore) / 1 GeV
  input soft_phi = sum(MetCore.phi, over=MetCore)
  input charge = real(sum(Electron.charge, over=Electron))
"""


def test_physlite_is_that_of_awkward(tmp_path: Path) -> None:
    path, tree = file("physlite")
    names = "Muon, Electron, Jet, MetCore, ElectronTrack, GSFTrack, Track, JetTrack, JetVertex"
    found = made(tmp_path, program(f"from std.physlite import {names}", PHYSLITE), path, tree)
    el, jet, mu = "AnalysisElectronsAuxDyn", "AnalysisJetsAuxDyn", "AnalysisMuonsAuxDyn"
    columns = [f"{el}.{k}" for k in ("pt", "eta", "phi", "m", "charge", "DFCommonElectronsLHMedium")]
    columns += [f"{el}.ptvarcone30_Nonprompt_All_MaxWeightTTVALooseCone_pt1000", f"{el}.TruthLink.m_persIndex"]
    columns += [f"{mu}.{k}" for k in ("pt", "eta", "phi")] + [f"{jet}.pt", f"{jet}.NumTrkPt500"]
    columns += [f"{mu}.inDetTrackParticleLink.{k}" for k in ("m_persKey", "m_persIndex")]
    columns += ["TruthElectronsAuxDyn.e", "BTagging_AntiKt4EMPFlowAuxDyn.GN2v00_pb"]
    columns += [f"{t}AuxDyn.{k}" for t in ("InDetTrackParticles", "GSFTrackParticles") for k in ("qOverP", "theta")]
    columns += [f"MET_Core_AnalysisMETAuxDyn.{k}" for k in ("mpx", "mpy")]
    e = read(path, tree, *columns)
    links = read(path, tree, f"{el}.trackParticleLinks", f"{jet}.GhostTrack")
    p4 = vectors(*(e[f"{el}.{k}"] for k in ("pt", "eta", "phi", "m")))
    a, b = ak.unzip(ak.combinations(ak.zip({"p": p4, "q": e[f"{el}.charge"]}, depth_limit=2), 2))
    mass = invariant(a.p, b.p)[a.q != b.q] / 1000
    loose = e[f"{el}.ptvarcone30_Nonprompt_All_MaxWeightTTVALooseCone_pt1000"] < 0.1 * e[f"{el}.pt"]
    pts = {
        t: np.sin(e[f"{t}AuxDyn.theta"]) / abs(e[f"{t}AuxDyn.qOverP"]) / 1000
        for t in ("InDetTrackParticles", "GSFTrackParticles")
    }

    def linked(link: Any, values: Any, key: int) -> Any:
        mine = ak.flatten(link.m_persIndex[link.m_persKey == key], axis=2)
        return ak.sum(values[ak.values_astype(mine, "int64")], axis=1)

    muon = vectors(e[f"{mu}.pt"], e[f"{mu}.eta"], e[f"{mu}.phi"], 105.6584)
    truth = e[f"{el}.TruthLink.m_persIndex"]
    truth = ak.values_astype(truth[truth < 2**32 - 1], "int64")
    mine = e[f"{mu}.inDetTrackParticleLink.m_persKey"] == 490246363
    index = ak.values_astype(e[f"{mu}.inDetTrackParticleLink.m_persIndex"][mine], "int64")
    mpx, mpy = (e[f"MET_Core_AnalysisMETAuxDyn.{k}"] for k in ("mpx", "mpy"))
    ghosts = links[f"{jet}.GhostTrack"]
    crowded = (ak.sum(e[f"{jet}.NumTrkPt500"], axis=2) > 3) & (ak.num(ghosts, axis=2) > 1)
    held = ak.where(ghosts.m_persKey == 490246363, ak.values_astype(ghosts.m_persIndex, "int64"), -1)
    track_pts = pts["InDetTrackParticles"].tolist()
    in_jets = ak.from_iter([
        [sum(row[i] for i in jet if i >= 0) for jet in jets] for jets, row in zip(held.tolist(), track_pts, strict=True)
    ])  # fmt: skip
    expected = {
        "crowded_pt": ak.sum(e[f"{jet}.pt"][crowded], axis=1) / 1000,
        "share": ak.sum((in_jets / (e[f"{jet}.pt"] / 1000))[crowded], axis=1),
        "zmass": nearest(mass, 91.2), "mediums": ak.sum(loose & (e[f"{el}.DFCommonElectronsLHMedium"] != 0), axis=1),
        "lead_pt": first_by(e[f"{jet}.pt"], e[f"{jet}.pt"] / 1000),
        "ht": ak.sum(e[f"{jet}.pt"][e[f"{jet}.pt"] > 20000], axis=1) / 1000,
        "b": ak.sum(e["BTagging_AntiKt4EMPFlowAuxDyn.GN2v00_pb"], axis=1), "muon_energy": ak.sum(muon.e, axis=1) / 1000,
        "truth": ak.sum(e["TruthElectronsAuxDyn.e"][truth], axis=1) / 1000,
        "tracks": linked(links[f"{el}.trackParticleLinks"], pts["GSFTrackParticles"], 776133387),
        "muon_track": ak.sum(pts["InDetTrackParticles"][index], axis=1),
        "ghosts": linked(links[f"{jet}.GhostTrack"], pts["InDetTrackParticles"], 490246363),
        "counted": ak.sum(ak.sum(e[f"{jet}.NumTrkPt500"], axis=2), axis=1),
        "soft": ak.sum(np.hypot(mpx, mpy), axis=1) / 1000, "soft_phi": ak.sum(np.arctan2(mpy, mpx), axis=1),
        "charge": ak.sum(e[f"{el}.charge"], axis=1),
    }  # fmt: skip
    same(found, expected, ("mediums", "counted", "charge"))
    assert all(len(set(v.tolist())) > 2 for v in found.values())


DELPHES = """
  object lepton = union(Muon, Electron)
  object lead = Jet by Jet.pt desc take 1
  object pair = combinations(Jet, 2) as a, b
  object w = pair by abs(pair.mass - 80.4 GeV) take 1
  input met = MET.pt / 1 GeV
  input significance = MET.pt / sqrt(1 GeV * ScalarHT.ht)
  input lepton_energy = sum(lepton.p4.energy, over=lepton) / 1 GeV
  input lead_pt = default(lead.pt, -1 GeV) / 1 GeV
  input wmass = default(w.mass, -1 GeV) / 1 GeV
  input tau = sum(Jet.nSubjettiness[1], over=Jet)
  input bjets = real(sum(Jet.btag, over=Jet))
  input constituents = sum(default(JetConstituent.candidate.pt, 0 GeV), over=JetConstituent) / 1 GeV
  input generated = sum(default(Electron.particle.pt, 0 GeV) + 0 * Electron.pt, over=Electron) / 1 GeV
  input mothers = sum(default(Particle.mother1.mass, 0 GeV), over=Particle) / 1 GeV
"""


def test_delphes_is_that_of_awkward(tmp_path: Path) -> None:
    path, tree = file("delphes")
    names = "Muon, Electron, Jet, MET, ScalarHT, JetConstituent, ParticleFlowCandidate, Particle"
    found = made(tmp_path, program(f"from std.delphes import {names}", DELPHES), path, tree)
    columns = [f"{c}.{k}" for c in ("Muon", "Electron", "Jet") for k in ("PT", "Eta", "Phi")]
    columns += ["Jet.Mass", "Jet.Tau[5]", "Jet.BTag", "MissingET.MET", "ScalarHT.HT", "Particle.Mass", "Particle.M1"]
    columns += ["Particle.PT", "ParticleFlowCandidate.PT", "ParticleFlowCandidate.fUniqueID"]
    e = read(path, tree, *columns)
    links = read(path, tree, "Jet.Constituents", "Electron.Particle")
    jets = vectors(*(e[f"Jet.{k}"] for k in ("PT", "Eta", "Phi", "Mass")))
    energies = {
        c: ak.sum(vectors(e[f"{c}.PT"], e[f"{c}.Eta"], e[f"{c}.Phi"], mass).e, axis=1)
        for c, mass in (("Muon", 0.1056584), ("Electron", 0.000510999))
    }
    ids, pts = (e[f"ParticleFlowCandidate.{k}"].tolist() for k in ("fUniqueID", "PT"))
    by_number = [dict(zip(*row, strict=True)) for row in zip(ids, pts, strict=True)]
    refs = ak.flatten(links["Jet.Constituents"].refs, axis=2).tolist()
    places = ak.values_astype(e["Particle.M1"], "int64").tolist()
    mothers = [sum(m[i] for i in index if i >= 0) for m, index in zip(e["Particle.Mass"].tolist(), places, strict=True)]
    expected = {
        "met": e["MissingET.MET"][:, 0], "lead_pt": first_by(e["Jet.PT"], e["Jet.PT"]),
        "significance": e["MissingET.MET"][:, 0] / np.sqrt(e["ScalarHT.HT"][:, 0]),
        "lepton_energy": energies["Muon"] + energies["Electron"],
        "wmass": nearest(invariant(*ak.unzip(ak.combinations(jets, 2))), 80.4),
        "tau": ak.sum(e["Jet.Tau[5]"][:, :, 1], axis=1), "bjets": ak.sum(e["Jet.BTag"], axis=1),
        "constituents": [sum(known[r] for r in row if r in known) for known, row in zip(by_number, refs, strict=True)],
        # numbers of generated particles are their places, from 1
        "generated": ak.sum(e["Particle.PT"][ak.values_astype(links["Electron.Particle"].ref, "int64") - 1], axis=1),
        "mothers": mothers,
    }  # fmt: skip
    same(found, expected, ("bjets",))
    constant = {"tau", "bjets"}  # 0 in this file
    assert all(len(set(v.tolist())) > 1 for k, v in found.items() if k not in constant)


def test_records_in_branches_have_paths(tmp_path: Path) -> None:
    path, tree = file("hzz")
    declared = """
collection Muon = "muon*" {
  px = "p4.fP.fX", py = "p4.fP.fY", pz = "p4.fP.fZ", energy = "p4.fE": GeV
  charge = "q": int
}
collection Jet = "jet*" { px = "p4.fP.fX", py = "p4.fP.fY", pz = "p4.fP.fZ", energy = "p4.fE": GeV id: bool }
record MET = "MET.*" { px = "fX", py = "fY": GeV  pt = hypot(px, py) }
"""
    items = """
  object pair = combinations(Muon, 2) as a, b where a.charge != b.charge
  object z = pair by abs(pair.mass - 91.2 GeV) take 1
  input zmass = default(z.mass, -1 GeV) / 1 GeV
  input ht = sum(if Jet.id then pt(Jet) else 0 GeV, over=Jet) / 1 GeV
  input met = MET.pt / 1 GeV
"""
    found = made(tmp_path, program("from std.hep import pt", items, declared), path, tree, step=1000)
    e = read(path, tree, "muonp4", "muonq", "jetp4", "jetid", "MET")
    mu, jet = (e[f"{k}p4"] for k in ("muon", "jet"))
    p4 = ak.zip({"x": mu.fP.fX, "y": mu.fP.fY, "z": mu.fP.fZ, "e": mu.fE})
    a, b = ak.unzip(ak.combinations(ak.zip({"p": p4, "q": e["muonq"]}, depth_limit=2), 2))
    good = e["jetid"] != 0
    expected = {
        "zmass": nearest(invariant(a.p, b.p)[a.q != b.q], 91.2),
        "ht": ak.sum(np.hypot(jet.fP.fX, jet.fP.fY)[good], axis=1), "met": np.hypot(e["MET"].fX, e["MET"].fY),
    }  # fmt: skip
    same(found, expected)


RECORDS = """
collection Jet = "Jet.*" { pt: GeV  x = "p.x": int }
record MET = "MET.*" { pt: GeV }
"""


@pytest.mark.parametrize("ending", ["parquet", "root"])
def test_records_of_other_files_have_paths(ending: str, tmp_path: Path) -> None:
    jets = [[{"pt": 1.0, "p": {"x": 3}}], [], [{"pt": 2.0, "p": {"x": 1}}, {"pt": 3.0, "p": {"x": 4}}]]
    given = {"Jet": ak.Array(jets), "MET": ak.Array([{"pt": 1.0}, {"pt": 2.0}, {"pt": 3.0}])}
    path = tmp_path / f"a.{ending}"
    if ending == "parquet":
        ak.to_parquet(ak.Array(given), path)
    else:
        with uproot.recreate(path) as out:
            out.mkrntuple("t", {k: v.type.content for k, v in given.items()}).extend(given)
    items = "  input x = sum(Jet.pt * Jet.x, over=Jet) / 1 GeV\n  input y = MET.pt / 1 GeV"
    text = program("", items, RECORDS)
    found = made(tmp_path, text, path, None if ending == "parquet" else "t")
    same(found, {"x": np.array([3.0, 0, 14]), "y": np.array([1.0, 2, 3])})
    with pytest.raises(DataError, match=r"Jet\.p\.z") as error:
        made(tmp_path, text.replace("p.x", "p.z"), path, None if ending == "parquet" else "t")
    assert error.value.code == "HQ0805"


EDM = """
  object z = combinations(Muon, 2) as a, b where a.charge != b.charge
  object best = z by abs(z.mass - 91.2 GeV) take 1
  input zmass = default(best.mass, -1 GeV) / 1 GeV
  recoil2 = (240 GeV - default(best.p4.energy, 240 GeV))^2 - default(best.momentum, 0 GeV)^2
  input recoil = sqrt(max(recoil2, 0 GeV^2)) / 1 GeV
  input visible = sum(ReconstructedParticle.energy, over=ReconstructedParticle) / 1 GeV
  input missing = MissingET.pt / 1 GeV
  shares = JetConstituent.particle.energy * JetConstituent.Jet.energy
  input parts = sum(shares, over=JetConstituent) / 1 GeV^2
  input parents = sum(ParticleParent.parent.energy * ParticleParent.Particle.mass, over=ParticleParent) / 1 GeV^2
  off = abs(MCRecoAssociation.reconstructed.energy - MCRecoAssociation.generated.energy)
  input matched = sum(off, over=MCRecoAssociation) / 1 GeV
"""


def test_edm4hep_is_that_of_loops(tmp_path: Path) -> None:
    path = edm4hep_file(tmp_path / "fcc.root")
    names = "ReconstructedParticle, Muon, Jet, JetConstituent, Particle, ParticleParent, MissingET, MCRecoAssociation"
    found = made(tmp_path, program(f"from std.edm4hep import {names}", EDM), path, "events")
    keys = ("momentum.x", "momentum.y", "momentum.z", "energy", "charge")
    columns = [f"ReconstructedParticles.{k}" for k in keys] + ["Muon_objIdx.index", "MissingET.momentum.x"]
    columns += ["MissingET.momentum.y", "Jet.energy", "Jet.particles_end", "_Jet_particles.index"]
    columns += [f"Particle.{k}" for k in ("momentum.x", "momentum.y", "momentum.z", "mass", "parents_end")]
    columns += ["_Particle_parents.index", "_MCRecoAssociations_rec.index", "_MCRecoAssociations_sim.index"]
    e = read(path, "events", *columns)
    rows = [dict(zip(e, values, strict=True)) for values in zip(*(v.tolist() for v in e.values()), strict=True)]
    expected: dict[str, list[float]] = {k: [] for k in found}
    for row in rows:
        px, py, pz, energy, q = (np.array(row[f"ReconstructedParticles.{k}"]) for k in keys)
        muons = [int(i) for i in row["Muon_objIdx.index"]]
        p = np.array([px, py, pz, energy])
        sums = [p[:, i] + p[:, j] for n, i in enumerate(muons) for j in muons[n + 1 :] if q[i] != q[j]]
        masses = [np.sqrt(max(s[3] ** 2 - (s[:3] ** 2).sum(), 0)) for s in sums]
        best = min(range(len(sums)), key=lambda i: abs(masses[i] - 91.2), default=None)
        expected["zmass"].append(-1 if best is None else masses[best])
        left = 0.0 if best is None else (240 - sums[best][3]) ** 2 - (sums[best][:3] ** 2).sum()
        expected["recoil"].append(np.sqrt(max(left, 0)))
        expected["visible"].append(energy.sum())
        expected["missing"].append(np.hypot(row["MissingET.momentum.x"][0], row["MissingET.momentum.y"][0]))
        mc = [np.array(row[f"Particle.{k}"]) for k in ("momentum.x", "momentum.y", "momentum.z", "mass")]
        true = np.sqrt(sum(v**2 for v in mc))
        for name, ends, index, parts, whole in (
            ("parts", "Jet.particles_end", "_Jet_particles.index", energy, np.array(row["Jet.energy"])),
            ("parents", "Particle.parents_end", "_Particle_parents.index", true, mc[3]),
        ):
            begins = [0, *row[ends]]
            expected[name].append(
                sum(
                    parts[int(i)] * whole[n]
                    for n in range(len(whole))
                    for i in row[index][int(begins[n]) : int(begins[n + 1])]
                )
            )
        pairs = zip(row["_MCRecoAssociations_rec.index"], row["_MCRecoAssociations_sim.index"], strict=True)
        expected["matched"].append(sum(abs(energy[int(r)] - true[int(s)]) for r, s in pairs))
    same(found, expected)
    assert all(len(set(v.tolist())) > 2 for v in found.values())
