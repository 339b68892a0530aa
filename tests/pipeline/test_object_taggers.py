# SPDX-License-Identifier: Apache-2.0
"""Taggers of the jets of events: every jet of every event in one call, scores as lists in the files' order."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import uproot

import hepq
from hepq.compiler.driver.compilation import compile_file
from hepq.compiler.driver.options import Options
from tests.support.events.object_programs import nano_file

TAGGER = """
from std.nanoaod import FatJet, FatJetPFCands
from std.taggers import ParticleNet

dim part <= 16
dim feat = 3
dim xy = 2
dim cls = [QCD, top]

dataset Jets {
  source s = root("toy.root", tree="Events")
  each FatJet
  object part <= 16 = FatJetPFCands by FatJetPFCands.candidate.pt desc
  cand = part.candidate
  eta = cand.eta - part.FatJet.eta
  phi = cand.phi - part.FatJet.phi
  input x: real[part, feat] = stack(log(cand.pt / 1 GeV), eta, phi, dim=feat)
  input points: real[part, xy] = stack(eta, phi, dim=xy)
}

model Tagger(points: real[part, xy], x: real[part, feat]) -> real[cls] =
  ParticleNet[cls, k=4, convs=[[8, 8], [16, 16]], hidden=[16], drop=0, name="net"](points, x)
"""
SUMS = """
from std.nanoaod import FatJet, FatJetPFCands
dim part <= 16
dataset Jets {
  source s = root("toy.root", tree="Events")
  each FatJet
  object part <= 16 = FatJetPFCands by FatJetPFCands.candidate.pt desc
  select several = count(FatJet) > 0
  input pt: real[part] = part.candidate.pt / part.FatJet.pt
  input mass = FatJet.mass / 1 GeV
}
model Sum(pt: real[part], mass: real) {
  return (n=sum(pt, over=part), mass=mass)
}
"""


def test_each_jet_of_an_event_is_scored_by_particle_net(tmp_path: Path) -> None:
    path = nano_file(tmp_path / "toy.root", 60)
    (tmp_path / "m.hepq").write_text(TAGGER)
    compile_file(tmp_path / "m.hepq", tmp_path / "m.hepqx", Options(init=1))
    model = hepq.load(tmp_path / "m.hepqx")
    summary = model.predict(path, tmp_path / "s.root", keep=["event"], progress=False, step=17)
    with uproot.open(tmp_path / "s.root") as file:
        scores = file["tree"].arrays()
    with uproot.open(path) as file:
        e = file["Events"].arrays(["FatJet_eta", "FatJet_phi", "FatJetPFCands_jetIdx", "FatJetPFCands_pFCandsIdx",
                                   "PFCands_pt", "PFCands_eta", "PFCands_phi", "event"])  # fmt: skip
    assert scores.event.tolist() == e.event.tolist()
    top = scores["output_top"]
    assert ak.num(top).tolist() == ak.num(e.FatJet_eta).tolist()
    # the same network, on jets of its own that were taken apart here
    whole = TAGGER[: TAGGER.index("dataset")] + TAGGER[TAGGER.index("model") :]
    (tmp_path / "n.hepq").write_text(whole.replace("from std.nanoaod import FatJet, FatJetPFCands\n", ""))
    compile_file(tmp_path / "n.hepq", tmp_path / "n.hepqx", Options(init=1))
    rows = []
    for event in e:
        for j in range(len(event.FatJet_eta)):
            index = event.FatJetPFCands_pFCandsIdx[event.FatJetPFCands_jetIdx == j]
            index = index[ak.argsort(event.PFCands_pt[index], ascending=False, stable=True)]
            eta, phi = event.PFCands_eta[index] - event.FatJet_eta[j], event.PFCands_phi[index] - event.FatJet_phi[j]
            rows.append({"x": np.stack([np.log(event.PFCands_pt[index]), eta, phi], axis=-1).tolist(),
                         "points": np.stack([eta, phi], axis=-1).tolist()})  # fmt: skip
    alone = hepq.load(tmp_path / "n.hepqx")
    columns = {k: ak.from_iter([row[k] for row in rows]) for k in ("x", "points")}
    wanted = np.asarray(
        alone({k: ak.to_regular(ak.values_astype(v, "float32"), axis=2) for k, v in columns.items()})["top"]
    )
    np.testing.assert_allclose(ak.to_numpy(ak.flatten(top)), wanted, rtol=1e-4, atol=1e-5)
    assert summary.report.events == 60


def test_values_of_each_jet_are_those_of_awkward(tmp_path: Path) -> None:
    path = nano_file(tmp_path / "toy.root")
    (tmp_path / "m.hepq").write_text(SUMS)
    compile_file(tmp_path / "m.hepq", tmp_path / "m.hepqx")
    model = hepq.load(tmp_path / "m.hepqx")
    summary = model.predict(path, tmp_path / "s.root", progress=False, step=50)
    with uproot.open(tmp_path / "s.root") as file:
        found = file["tree"].arrays()
    with uproot.open(path) as file:
        e = file["Events"].arrays(filter_name=["FatJet*", "PFCands_pt"])
    pt = e.PFCands_pt[e.FatJetPFCands_pFCandsIdx]
    places = ak.local_index(e.FatJet_pt)
    owner, mine = ak.unzip(ak.cartesian([places, e.FatJetPFCands_jetIdx], nested=True))
    shares = ak.sum(ak.where(owner == mine, ak.broadcast_arrays(pt[:, None], owner)[0], 0), axis=2) / e.FatJet_pt
    empty = ak.sum(owner == mine, axis=2) == 0
    assert ak.num(found["n"]).tolist() == ak.num(e.FatJet_pt).tolist()
    flat, wanted = (ak.to_numpy(ak.flatten(a)) for a in (found["n"], ak.where(empty, np.nan, shares)))
    np.testing.assert_allclose(flat, wanted, rtol=2e-6)
    assert summary.report.left_out == {"several": int(ak.sum(ak.num(e.FatJet_pt) == 0))}
