#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make small files for the analyses of this folder: NanoAOD's branches, events made up from a seed.

    python examples/analyses/make_events.py examples/analyses

They have the masses, momenta and decays that an analysis needs to find something, and are no simulation of a detector.
Files of data are of the same processes, of other events, in the proportions of the programs' cross-sections.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot
from numpy.typing import NDArray

Array = NDArray[Any]
Random = np.random.Generator
#: branches of an event: a number, or a record; of collections, lists of records
Event = dict[str, Any]

MUON, ELECTRON = 0.10566, 0.000511
#: resolution of jets
SMEARED = 0.1


@dataclass(frozen=True)
class Momentum:
    """GeV; px, py, pz, energy."""

    px: float
    py: float
    pz: float
    energy: float

    @property
    def fields(self) -> dict[str, float]:
        pt, p = np.hypot(self.px, self.py), np.sqrt(self.px**2 + self.py**2 + self.pz**2)
        mass = np.sqrt(max(self.energy**2 - p**2, 0.0))
        return {"pt": pt, "eta": np.arcsinh(self.pz / pt), "phi": np.arctan2(self.py, self.px), "mass": mass}

    def boosted(self, by: Momentum) -> Momentum:
        """From the rest frame of ``by``."""
        mass = np.sqrt(by.energy**2 - by.px**2 - by.py**2 - by.pz**2)
        along = (self.px * by.px + self.py * by.py + self.pz * by.pz) / mass
        more = along / (by.energy + mass) + self.energy / mass
        energy = (by.energy * self.energy + mass * along) / mass
        return Momentum(self.px + more * by.px, self.py + more * by.py, self.pz + more * by.pz, energy)


def produced(rng: Random, mass: float, pt: float) -> Momentum:
    """A particle with a transverse momentum of about ``pt``, and a rapidity of about 0."""
    size, phi, rapidity = rng.exponential(pt), rng.uniform(-np.pi, np.pi), rng.normal(0, 0.8)
    across = np.hypot(mass, size)
    return Momentum(size * np.cos(phi), size * np.sin(phi), across * np.sinh(rapidity), across * np.cosh(rapidity))


def decayed(rng: Random, of: Momentum, mass: float, masses: tuple[float, float]) -> tuple[Momentum, Momentum]:
    """Two particles, in any direction of the rest frame of ``of``, whose mass is ``mass``."""
    first, second = masses
    p = np.sqrt((mass**2 - (first + second) ** 2) * (mass**2 - (first - second) ** 2)) / (2 * mass)
    z, phi = rng.uniform(-1, 1), rng.uniform(-np.pi, np.pi)
    x, y, z = p * np.sqrt(1 - z**2) * np.cos(phi), p * np.sqrt(1 - z**2) * np.sin(phi), p * z
    made = Momentum(x, y, z, np.hypot(first, p)), Momentum(-x, -y, -z, np.hypot(second, p))
    return made[0].boosted(of), made[1].boosted(of)


def resonance(rng: Random, mass: float, width: float) -> float:
    """A mass by a Breit-Wigner cut at seven widths."""
    return float(mass + width / 2 * np.tan(rng.uniform(-1, 1) * np.arctan(14)))


# --- objects


def muon(rng: Random, p: Momentum, charge: int) -> dict[str, float]:
    f = p.fields
    good = rng.uniform() < 0.95 - 0.5 * np.exp(-f["pt"] / 15)
    isolation = rng.exponential(0.04)
    f["pt"] *= rng.normal(1, 0.015)
    return f | {
        "charge": charge, "tightId": good, "pfRelIso04_all": isolation, "pfRelIso03_all": isolation,
    }  # fmt: skip


def electron(rng: Random, p: Momentum, charge: int) -> dict[str, float]:
    f = p.fields
    f["pt"] *= rng.normal(1, 0.02)
    return f | {"charge": charge, "cutBased": 4 if rng.uniform() < 0.85 else 2, "pfRelIso03_all": rng.exponential(0.05)}


def jet(rng: Random, p: Momentum, flavour: int) -> dict[str, float]:
    f = p.fields
    scale = rng.normal(1, SMEARED)
    tag = rng.beta(3, 1) if flavour == 5 else rng.beta(1, 8)
    return f | {
        "pt": f["pt"] * scale, "mass": f["mass"] * scale, "hadronFlavour": flavour, "btagDeepFlavB": tag, "btag": tag,
    }  # fmt: skip


def radiated(rng: Random, mean: float, pt: float = 25) -> list[dict[str, float]]:
    """Jets of gluons and light quarks of at least 20 GeV."""
    made = []
    for _ in range(rng.poisson(mean)):
        size, phi, eta = 20 + rng.exponential(pt), rng.uniform(-np.pi, np.pi), rng.normal(0, 1.3)
        z = size * np.sinh(eta)
        p = Momentum(size * np.cos(phi), size * np.sin(phi), z, np.sqrt(size**2 + z**2 + (size / 8) ** 2))
        made.append(jet(rng, p, 0))
    return made


def lepton(rng: Random, p: Momentum, charge: int, event: Event) -> None:
    """A muon or an electron, as often."""
    if rng.uniform() < 0.5:
        event["Muon"].append(muon(rng, p, charge))
    else:
        event["Electron"].append(electron(rng, p, charge))


def empty() -> Event:
    return {"Muon": [], "Electron": [], "Jet": []}


def met(rng: Random, event: Event, neutrino: Momentum | None = None) -> None:
    """What a neutrino carries away, and what jets are measured wrong by."""
    x, y = rng.normal(0, 10, 2) + ((neutrino.px, neutrino.py) if neutrino else (0.0, 0.0))
    event["MET"] = {"pt": np.hypot(x, y), "phi": np.arctan2(y, x), "sumEt": rng.exponential(300)}


# --- processes


def z_to_leptons(rng: Random, muons: float = 1.0) -> Event:
    event = empty()
    mass = resonance(rng, 91.19, 2.5)
    pair = decayed(rng, produced(rng, mass, 15), mass, (MUON, MUON))
    is_muon = rng.uniform() < muons
    for p, charge in zip(pair, rng.permutation([-1, 1]), strict=True):
        event["Muon" if is_muon else "Electron"].append((muon if is_muon else electron)(rng, p, int(charge)))
    event["Jet"] = radiated(rng, 1.5)
    met(rng, event)
    event["HLT_IsoMu24"] = any(m["pt"] > 24 and m["tightId"] for m in event["Muon"])
    return event


def top_pair(rng: Random) -> Event:
    """t t -> l nu b, q q b"""
    event = empty()
    tops = [produced(rng, 172.5, 80) for _ in range(2)]
    for i, top in enumerate(tops):
        w_mass = resonance(rng, 80.4, 2.1)
        w, b = decayed(rng, top, 172.5, (w_mass, 4.8))
        event["Jet"].append(jet(rng, b, 5))
        first, second = decayed(rng, w, w_mass, (0.0, 0.0))
        if i:
            event["Jet"] += [jet(rng, first, 0), jet(rng, second, 0)]
        else:
            lepton(rng, first, int(rng.choice([-1, 1])), event)
            neutrino = second
    event["Jet"] += radiated(rng, 1)
    met(rng, event, neutrino)
    return event


def w_and_jets(rng: Random) -> Event:
    event = empty()
    mass = resonance(rng, 80.4, 2.1)
    charged, neutrino = decayed(rng, produced(rng, mass, 40), mass, (0.0, 0.0))
    lepton(rng, charged, int(rng.choice([-1, 1])), event)
    event["Jet"] = radiated(rng, 4.5)
    met(rng, event, neutrino)
    return event


def four_leptons(rng: Random, mass: float, z: Momentum, z_mass: float, other: Momentum, other_mass: float) -> Event:
    event = empty()
    for boson, own in ((z, z_mass), (other, other_mass)):
        flavour, lepton_mass, make = [("Muon", MUON, muon), ("Electron", ELECTRON, electron)][int(rng.integers(2))]
        for p, charge in zip(decayed(rng, boson, own, (lepton_mass, lepton_mass)), (-1, 1), strict=True):
            event[flavour].append(make(rng, p, charge))
    event["Jet"] = radiated(rng, 1)
    met(rng, event)
    return event


def higgs(rng: Random) -> Event:
    z_mass, other = min(resonance(rng, 91.19, 2.5), 105.0), rng.uniform(14, 19)
    first, second = decayed(rng, produced(rng, 125.0, 30), 125.0, (z_mass, other))
    return four_leptons(rng, 125.0, first, z_mass, second, other)


def zz(rng: Random) -> Event:
    masses = resonance(rng, 91.19, 2.5), resonance(rng, 91.19, 2.5)
    pair = produced(rng, masses[0], 20), produced(rng, masses[1], 20)
    return four_leptons(rng, 0.0, pair[0], masses[0], pair[1], masses[1])


def jets_of(rng: Random, scale: float, fraction: float) -> Event:
    """Many jets of ``scale`` GeV together; across the two hardest ones goes ``fraction`` of it."""
    event = empty()
    total = 400 + rng.exponential(scale)
    phi, eta = rng.uniform(-np.pi, np.pi), rng.normal(0, 0.6)
    soft = rng.dirichlet(np.ones(int(rng.integers(1, 5)))) * fraction * total
    hard = (total - soft.sum()) / 2
    for size, at, rapidity in [(hard, phi, eta), (hard, phi + np.pi, -eta)] + [
        (float(s), rng.uniform(-np.pi, np.pi), rng.normal(0, 0.8)) for s in soft
    ]:
        z = size * np.sinh(rapidity)
        p = Momentum(size * np.cos(at), size * np.sin(at), z, np.sqrt(size**2 + z**2 + (size / 8) ** 2))
        event["Jet"].append(jet(rng, p, 0))
    met(rng, event)
    return event


def qcd(rng: Random) -> Event:
    return jets_of(rng, 250, float(rng.beta(1.5, 5)))


def quadratic(rng: Random) -> Event:
    return jets_of(rng, 700, float(rng.beta(4, 4)))


def any_process(rng: Random) -> Event:
    """For the queries: events with few and many leptons and jets."""
    make = (top_pair, w_and_jets, zz, lambda rng: z_to_leptons(rng, 0.5))[int(rng.integers(4))]
    return make(rng)


# --- files

Process = Callable[[Random], Event]
#: file -> its process and number of events; a data file has parts of several
SIMULATED: Mapping[str, tuple[Process, int]] = {
    "dy.root": (z_to_leptons, 3000), "ttbar.root": (top_pair, 3000), "wjets.root": (w_and_jets, 3000),
    "higgs.root": (higgs, 1500), "zz.root": (zz, 1500), "qcd.root": (qcd, 3000), "quadratic.root": (quadratic, 1500),
}  # fmt: skip
DATA: Mapping[str, Sequence[tuple[Process, int]]] = {
    "zmumu_data.root": ((z_to_leptons, 2000),),
    "ttbar_data.root": ((top_pair, 1000), (w_and_jets, 1500)),
    "h4l_data.root": ((higgs, 150), (zz, 300)),
    "eft_data.root": ((qcd, 3000),),
    "run2012b.root": ((any_process, 1000),),
}
#: of collections: fields and their types, NanoAOD's
FIELDS = {
    "Muon": {
        "pt": "f4", "eta": "f4", "phi": "f4", "mass": "f4", "charge": "i4", "tightId": "?", "pfRelIso04_all": "f4",
        "pfRelIso03_all": "f4",
    },
    "Electron": {
        "pt": "f4", "eta": "f4", "phi": "f4", "mass": "f4", "charge": "i4", "cutBased": "i4", "pfRelIso03_all": "f4",
    },
    "Jet": {
        "pt": "f4", "eta": "f4", "phi": "f4", "mass": "f4", "hadronFlavour": "i4", "btagDeepFlavB": "f4", "btag": "f4",
    },
}  # fmt: skip


def columns(events: Sequence[Event], rng: Random, simulated: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, fields in FIELDS.items():
        counts = [len(e[name]) for e in events]
        # the hardest first, as files have them
        entries = [o for e in events for o in sorted(e[name], key=lambda o: -o["pt"])]
        found[name] = ak.zip({f: ak.unflatten(np.array([o[f] for o in entries], t), counts) for f, t in fields.items()})
    found["MET"] = ak.zip({f: np.array([e["MET"][f] for e in events], "f4") for f in ("pt", "phi", "sumEt")})
    found["HLT_IsoMu24"] = np.array([e.get("HLT_IsoMu24", True) for e in events])
    found["run"] = np.full(len(events), 1 if simulated else 193093, "u4")
    found["luminosityBlock"] = np.array([1 + i // 100 for i in range(len(events))], "u4")
    found["event"] = np.arange(1, len(events) + 1, dtype="u8")
    if simulated:
        found["genWeight"] = np.where(rng.uniform(size=len(events)) < 0.05, -1.0, 1.0).astype("f4")
    return found


def write(path: Path, events: Sequence[Event], rng: Random, simulated: bool) -> None:
    """``Events``, and of simulation ``Runs`` with the sum of its weights."""
    made = columns(events, rng, simulated)
    with uproot.recreate(path) as file:
        types = {name: column.type if isinstance(column, ak.Array) else column.dtype for name, column in made.items()}
        tree = file.mktree("Events", types, field_name=lambda outer, inner: f"{outer}_{inner}" if outer else inner)
        tree.extend(made)
        if simulated:
            file["Runs"] = {"genEventSumw": np.array([float(made["genWeight"].sum())])}


def make(folder: Path, share: float = 1.0) -> None:
    """All files; of simulated ones a ``share`` of their events, which stand for as many."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, (name, (process, n)) in enumerate(SIMULATED.items()):
        rng = np.random.default_rng(seed + 1)
        write(folder / name, [process(rng) for _ in range(int(n * share))], rng, simulated=True)
    for seed, (name, parts) in enumerate(DATA.items()):
        rng = np.random.default_rng(seed + 101)
        events = [process(rng) for process, n in parts for _ in range(n)]
        write(folder / name, events, rng, simulated=False)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    make(parser.parse_args().folder)
