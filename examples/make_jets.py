# SPDX-License-Identifier: Apache-2.0
"""Labelled jets with JetClass-like branches, from PYTHIA 8 and FastJet.

    pip install pythia8mc==8.316.0 fastjet vector
    python examples/make_jets.py --process Tbqq --jets 1000 --seed 1 --out Tbqq.root

13 TeV proton collisions, anti-kT jets with R = 0.8, 500 < pT < 650 GeV, |eta| < 2. A signal jet has every quark
and lepton of its resonance's decay within R of its axis, as in JetClass (arXiv:2202.03772). By default particles
go through a toy detector: tracks are smeared and sometimes lost, the rest is summed in calorimeter cells; with
--truth they are kept as generated. GeV, mm, rad. Expect 0.5 to 10 jets a second.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import awkward as ak
import fastjet
import numpy as np
import pythia8mc
import uproot
import vector
from numpy.typing import NDArray

vector.register_awkward()

Array = NDArray[Any]
Particles = dict[str, Array]

R = 0.8
HIGGS_AND_NEUTRINOS = [
    "HiggsSM:ffbar2HZ = on", "23:onMode = off", "23:onIfAny = 12 14 16", "25:onMode = off",
]  # fmt: skip
W_TO_QUARKS = ["24:onMode = off", "24:onIfAny = 1 2 3 4 5"]
W_TO_LEPTONS = ["24:onMode = off", "24:onIfAny = 11 13"]
TOP_PAIRS = ["Top:gg2ttbar = on", "Top:qqbar2ttbar = on"]
#: JetClass label -> PYTHIA settings
PROCESSES = {
    "QCD": ["HardQCD:all = on"],
    "Hbb": [*HIGGS_AND_NEUTRINOS, "25:onIfMatch = 5 -5"],
    "Hcc": [*HIGGS_AND_NEUTRINOS, "25:onIfMatch = 4 -4"],
    "Hgg": [*HIGGS_AND_NEUTRINOS, "25:onIfMatch = 21 21"],
    "H4q": [*HIGGS_AND_NEUTRINOS, "25:onIfMatch = 24 -24", *W_TO_QUARKS],
    "Hqql": [
        *HIGGS_AND_NEUTRINOS, "25:onIfMatch = 24 -24",
        "24:onMode = off", "24:onPosIfAny = 1 2 3 4 5", "24:onNegIfAny = 11 13",
    ],
    "Zqq": [
        "WeakBosonAndParton:qqbar2gmZg = on", "WeakBosonAndParton:qg2gmZq = on", "WeakZ0:gmZmode = 2",
        "23:onMode = off", "23:onIfAny = 1 2 3 4 5",
    ],
    "Wqq": ["WeakBosonAndParton:qqbar2Wg = on", "WeakBosonAndParton:qg2Wq = on", *W_TO_QUARKS],
    "Tbqq": [*TOP_PAIRS, *W_TO_QUARKS],
    "Tbl": [*TOP_PAIRS, *W_TO_LEPTONS],
}  # fmt: skip
RESONANCE = {"H": 25, "Z": 23, "W": 24, "T": 6}
NEUTRINOS = (12, 14, 16)


@dataclass(frozen=True)
class Batch:
    """Particles of many collisions, one after another; ``first[i]:first[i + 1]`` are collision i's."""

    first: Array
    id: Array
    status: Array
    daughters: tuple[Array, Array]
    px: Array
    py: Array
    pz: Array
    energy: Array
    d0: Array
    dz: Array

    @classmethod
    def generate(cls, pythia: Any, size: int) -> Batch:
        particles = ak.drop_none(pythia.nextBatch(size, "none").prt)
        flat = ak.flatten(particles)
        px, py, pz, energy = (ak.to_numpy(flat.p[name]) for name in ("px", "py", "pz", "e"))
        x, y, z = (np.nan_to_num(ak.to_numpy(ak.fill_none(flat.vProd[name], 0.0))) for name in ("px", "py", "pz"))
        pt = np.hypot(px, py) + 1e-12
        return cls(
            first=np.r_[0, np.cumsum(ak.to_numpy(ak.num(particles)))],
            id=ak.to_numpy(flat.id),
            status=ak.to_numpy(flat.status),
            daughters=(ak.to_numpy(flat.daughter1), ak.to_numpy(flat.daughter2)),
            px=px, py=py, pz=pz, energy=energy,
            d0=(x * py - y * px) / pt,
            dz=z - (x * px + y * py) / pt * pz / pt,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.first) - 1

    def detectable(self, pythia: Any) -> Particles:
        """Stable particles other than neutrinos."""
        kind = np.abs(self.id)
        keep = (self.status > 0) & ~np.isin(kind, NEUTRINOS) & (np.hypot(self.px, self.py) > 1e-3)
        kinds, inverse = np.unique(self.id, return_inverse=True)
        charge = np.array([pythia.particleData.charge(int(k)) for k in kinds])[inverse].round().astype(int)
        event = np.repeat(np.arange(len(self)), np.diff(self.first))
        out = {
            "event": event, "px": self.px, "py": self.py, "pz": self.pz, "energy": self.energy, "charge": charge,
            "d0": np.where(charge != 0, self.d0, 0.0), "dz": np.where(charge != 0, self.dz, 0.0),
            "d0err": np.zeros(len(event)), "dzerr": np.zeros(len(event)),
            "electron": kind == 11, "muon": kind == 13, "photon": kind == 22,
        }  # fmt: skip
        return {name: values[keep] for name, values in out.items()}


def wrap(angle: Array) -> Array:
    return (angle + np.pi) % (2 * np.pi) - np.pi


def pseudorapidity(particles: Particles) -> Array:
    return np.arcsinh(particles["pz"] / np.maximum(np.hypot(particles["px"], particles["py"]), 1e-9))


def tracks(particles: Particles, rng: np.random.Generator) -> tuple[Particles, Array]:
    """Smeared tracks, and which particles left one."""
    pt, eta = np.hypot(particles["px"], particles["py"]), pseudorapidity(particles)
    muon = particles["muon"]
    inside = (particles["charge"] != 0) & (pt > 0.5) & (np.abs(eta) < 2.5)
    seen = inside & (rng.random(len(pt)) < np.where(muon, 0.98, 0.95))
    resolution = np.where(muon, 0.01, np.sqrt(0.01**2 + (1.5e-4 * pt) ** 2))
    scale = 1 + resolution * rng.normal(size=len(pt))
    smeared = {name: particles[name] * scale for name in ("px", "py", "pz", "energy")}
    out = {name: values[seen] for name, values in (particles | smeared).items()}
    out["photon"] = np.zeros(seen.sum(), bool)
    return out, seen


def cells(
    particles: Particles, size: float, stochastic: float, constant: float, threshold: float, rng: np.random.Generator
) -> Particles:
    """Energy sums in (eta, phi) cells of ``size``, smeared, as massless particles at the cells' centres."""
    phi = np.arctan2(particles["py"], particles["px"])
    row = np.floor(pseudorapidity(particles) / size).astype(np.int64) + 5000
    column = np.floor((phi + np.pi) / size).astype(np.int64)
    key, inverse = np.unique((particles["event"].astype(np.int64) * 10000 + row) * 1000 + column, return_inverse=True)
    energy = np.bincount(inverse, particles["energy"])
    resolution = np.sqrt(stochastic**2 / np.maximum(energy, 0.1) + constant**2)
    energy = energy * np.maximum(0, 1 + resolution * rng.normal(size=len(energy)))
    seen = energy > threshold
    key, energy = key[seen], energy[seen]
    eta = (key // 1000 % 10000 - 5000 + 0.5) * size
    phi = (key % 1000 + 0.5) * size - np.pi
    pt = energy / np.cosh(eta)
    out = {name: np.zeros(len(key)) for name in ("charge", "d0", "dz", "d0err", "dzerr")}
    out |= {name: np.zeros(len(key), bool) for name in ("electron", "muon")}
    out |= {"event": key // 10_000_000, "px": pt * np.cos(phi), "py": pt * np.sin(phi), "pz": pt * np.sinh(eta)}
    return out | {"energy": energy, "photon": np.full(len(key), size < 0.05)}


def detector(particles: Particles, rng: np.random.Generator) -> Particles:
    """A toy particle flow: tracks, then ECAL and HCAL cells of what left no track."""
    track, seen = tracks(particles, rng)
    pt, eta = np.hypot(particles["px"], particles["py"]), pseudorapidity(particles)
    rest = ~seen & ~particles["muon"] & ((pt > 0.5) | (particles["charge"] == 0)) & (np.abs(eta) < 5)
    electromagnetic = particles["photon"] | particles["electron"]
    ecal = cells({k: v[rest & electromagnetic] for k, v in particles.items()}, 0.0174, 0.05, 0.005, 0.5, rng)
    hcal = cells({k: v[rest & ~electromagnetic] for k, v in particles.items()}, 0.087, 1.0, 0.05, 1.0, rng)
    out = {name: np.concatenate([track[name], ecal[name], hcal[name]]) for name in track}
    pt, charged = np.hypot(out["px"], out["py"]), out["charge"] != 0
    for name, floor, slope in (("d0", 0.010, 0.09), ("dz", 0.02, 0.12)):
        error = np.where(charged, np.sqrt(floor**2 + (slope / np.maximum(pt, 0.5)) ** 2), 0.0)
        out[name] = np.where(charged, out[name] + error * rng.normal(size=len(pt)), 0.0)
        out[name + "err"] = error
    return out


def decays(process: str, batch: Batch, event: int) -> list[Array]:
    """For each resonance of the process in this event: where its final quarks and leptons are in the batch."""
    start, end = batch.first[event], batch.first[event + 1]
    kind = np.abs(batch.id[start:end])
    first, last = (d[start:end] for d in batch.daughters)

    def children(i: int) -> list[int]:
        return [k for k in range(first[i], last[i] + 1) if k > 0] if first[i] > 0 else []

    def end_of_chain(i: int) -> int:
        while same := [k for k in children(i) if batch.id[start + k] == batch.id[start + i]]:
            i = same[0]
        return i

    def leaves(i: int) -> Iterator[int]:
        for k in children(end_of_chain(i)):
            if kind[k] in (23, 24):
                yield from leaves(k)
            elif kind[k] <= 5 or kind[k] in (11, 13, 15) or (kind[k] == 21 and process == "Hgg"):
                yield k

    resonances = np.flatnonzero(kind == RESONANCE[process[0]]).tolist()
    found = [start + np.array(list(leaves(i)), np.int64) for i in resonances if end_of_chain(i) == i]
    return [indices for indices in found if len(indices)]


def select(process: str, batch: Batch, particles: ak.Array, args: argparse.Namespace) -> Iterator[ak.Array]:
    """The constituents of each wanted jet: of the two hardest of an event, those in range and matched."""
    momenta = ak.zip({name: particles[name] for name in ("px", "py", "pz", "E")}, with_name="Momentum4D")
    clustering = fastjet.ClusterSequence(momenta, fastjet.JetDefinition(fastjet.antikt_algorithm, R))
    jets, members = clustering.inclusive_jets(min_pt=args.ptmin), clustering.constituent_index(min_pt=args.ptmin)
    jets = ak.with_name(ak.zip({name: jets[name] for name in ("px", "py", "pz", "E")}), "Momentum4D")
    for event in np.flatnonzero(ak.num(jets)).tolist():
        left = [] if process == "QCD" else decays(process, batch, event)
        for jet in np.argsort(-np.asarray(jets[event].pt))[:2]:
            pt, eta, phi = (float(getattr(jets[event], name)[jet]) for name in ("pt", "eta", "phi"))
            if not (args.ptmin <= pt <= args.ptmax and abs(eta) < args.etamax):
                continue
            if process != "QCD":
                inside = [q for q in left if all_within(batch, q, eta, phi)]
                if not inside:
                    continue
                left = [q for q in left if q is not inside[-1]]
            yield particles[event][members[event][jet]]


def all_within(batch: Batch, indices: Array, eta: float, phi: float) -> bool:
    px, py, pz = batch.px[indices], batch.py[indices], batch.pz[indices]
    return bool(np.all(np.hypot(np.arcsinh(pz / np.hypot(px, py)) - eta, wrap(np.arctan2(py, px) - phi)) < R))


def soft_drop_mass(momenta: ak.Array) -> Array:
    """Groomed mass, beta = 0, z = 0.1 (arXiv:1402.2657)."""
    clustering = fastjet.ClusterSequence(momenta, fastjet.JetDefinition(fastjet.cambridge_algorithm, 10.0))
    mass = clustering.exclusive_jets_softdrop_grooming(njets=1, beta=0.0, symmetry_cut=0.1, R0=R).msoftdrop
    return np.asarray(ak.to_numpy(ak.fill_none(ak.firsts(mass) if mass.ndim > 1 else mass, 0.0)))


def subjettiness(momenta: ak.Array, axes: int) -> Array:
    """N-subjettiness with exclusive kT axes (arXiv:1011.2268); 0 for jets of fewer than N particles."""
    enough = ak.num(momenta) >= axes
    momenta = momenta[enough]
    clustering = fastjet.ClusterSequence(momenta, fastjet.JetDefinition(fastjet.kt_algorithm, 10.0))
    axis = clustering.exclusive_jets(n_jets=axes)
    axis = ak.with_name(ak.zip({name: axis[name] for name in ("px", "py", "pz", "E")}), "Momentum4D")
    distance = ak.min(momenta[:, :, None].deltaR(axis[:, None, :]), axis=2)
    out = np.zeros(len(enough))
    out[ak.to_numpy(enough)] = ak.sum(momenta.pt * distance, axis=1) / (R * ak.sum(momenta.pt, axis=1))
    return out


def branches(process: str, jets: ak.Array) -> dict[str, Any]:
    """What goes to the file: particles by descending pT, jet variables, one-hot labels."""
    jets = ak.with_name(jets, "Momentum4D")
    jets = jets[ak.argsort(jets.pt, axis=1, ascending=False)]
    components = ("px", "py", "pz", "E")
    momenta = ak.zip({name: jets[name] for name in components}, with_name="Momentum4D")
    total = ak.zip({name: ak.sum(jets[name], axis=1) for name in components}, with_name="Momentum4D")
    side = ak.where(total.eta >= 0, 1.0, -1.0)
    charged, lepton = jets.charge != 0, jets.electron | jets.muon
    dphi = ak.unflatten(wrap(ak.to_numpy(ak.flatten(jets.phi - total.phi))), ak.num(jets))
    real = {
        "px": jets.px, "py": jets.py, "pz": jets.pz, "energy": jets.E, "deta": (jets.eta - total.eta) * side,
        "dphi": dphi, "d0val": jets.d0, "d0err": jets.d0err, "dzval": jets.dz, "dzerr": jets.dzerr,
        "charge": jets.charge,
    }  # fmt: skip
    kinds = {
        "isChargedHadron": charged & ~lepton, "isNeutralHadron": ~charged & ~jets.photon, "isPhoton": jets.photon,
        "isElectron": jets.electron, "isMuon": jets.muon,
    }  # fmt: skip
    out: dict[str, Any] = {"part": ak.zip({k: ak.values_astype(v, np.float32) for k, v in real.items()} | kinds)}
    jet = {"pt": total.pt, "eta": total.eta, "phi": total.phi, "energy": total.E, "mass": total.mass}
    jet |= {"nparticles": ak.num(jets), "sdmass": soft_drop_mass(momenta)}
    jet |= {f"tau{n}": subjettiness(momenta, n) for n in (1, 2, 3, 4)}
    out |= {f"jet_{name}": np.asarray(values, np.float32) for name, values in jet.items()}
    return out | {f"label_{name}": np.full(len(jets), name == process) for name in PROCESSES}


def start_pythia(process: str, args: argparse.Namespace) -> Any:
    pythia = pythia8mc.Pythia("", False)
    settings = [
        "Print:quiet = on", "Next:numberShowEvent = 0", "Beams:eCM = 13000.", "Tune:pp = 14",
        "Random:setSeed = on", f"Random:seed = {args.seed}",
        f"PhaseSpace:pTHatMin = {args.ptmin * 0.9}", f"PhaseSpace:pTHatMax = {args.ptmax * 1.5}",
        "ParticleDecays:limitTau0 = on", "ParticleDecays:tau0Max = 10", *PROCESSES[process],
    ]  # fmt: skip
    for setting in settings:
        if not pythia.readString(setting):
            sys.exit(f"PYTHIA refused the setting: {setting}")
    if not pythia.init():
        sys.exit("PYTHIA did not start")
    return pythia


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--process", choices=PROCESSES, required=True)
    parser.add_argument("--jets", type=int, default=1000)
    parser.add_argument("--out", required=True, help="ROOT file to write")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ptmin", type=float, default=500, help="GeV")
    parser.add_argument("--ptmax", type=float, default=650, help="GeV")
    parser.add_argument("--etamax", type=float, default=2.0)
    parser.add_argument("--truth", action="store_true", help="no detector")
    parser.add_argument("--batch", type=int, default=250, help="collisions at a time")
    args = parser.parse_args()
    pythia, rng = start_pythia(args.process, args), np.random.default_rng(args.seed)
    jets: list[ak.Array] = []
    start, events = time.perf_counter(), 0
    while len(jets) < args.jets:
        batch = Batch.generate(pythia, args.batch)
        events += len(batch)
        seen = batch.detectable(pythia)
        if args.truth:
            seen = {name: values[np.abs(pseudorapidity(seen)) < 5] for name, values in seen.items()}
        else:
            seen = detector(seen, rng)
        order = np.argsort(seen["event"], kind="stable")
        counts = np.bincount(seen.pop("event"), minlength=len(batch))
        seen["E"] = seen.pop("energy")
        fields = {name: values[order] for name, values in seen.items()}
        jets += select(args.process, batch, ak.unflatten(ak.zip(fields, with_name="Momentum4D"), counts), args)
        done = min(len(jets), args.jets)
        print(f"\r{args.process}: {done} of {args.jets} jets, {events} collisions", end="", flush=True)
    print(f", {len(jets) / (time.perf_counter() - start):.1f} jets/s")
    data = branches(args.process, ak.concatenate([jet[np.newaxis] for jet in jets[: args.jets]]))
    types = {name: x.type.content if name == "part" else x.dtype for name, x in data.items()}
    with uproot.recreate(args.out) as file:
        file.mktree("tree", types, counter_name=lambda name: "n" + name)
        file["tree"].extend(data)


if __name__ == "__main__":
    main()
