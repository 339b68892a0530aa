#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make small files of fat jets with their particles: PFNano's branches, events made up from a seed.

    python examples/boosted/make_events.py examples/boosted

A Higgs boson gives two prongs with its mass, whose tracks come from the decays of two b or two c hadrons, away from the
beam; other jets have one hard prong and a soft one. It is no simulation of a detector: with files of a real one,
the programs of this folder stay as they are.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot
from numpy.typing import NDArray

Array = NDArray[Any]
Random = np.random.Generator
Event = dict[str, list[dict[str, float]]]

#: of a hadron: the fraction of its prong's tracks that it gives, and how far from the beam they pass, cm
FLAVOURS = {"b": (0.5, 0.04), "c": (0.35, 0.015), "light": (0.03, 0.02)}
RESOLUTION = 0.002
#: process -> flavours of its prongs, and how often
PROCESSES = {
    "hbb": {("b", "b"): 1.0}, "hcc": {("c", "c"): 1.0},
    "qcd": {("light", "light"): 0.8, ("b", "light"): 0.08, ("c", "light"): 0.12},
}  # fmt: skip
#: file -> events of each process
FILES: Mapping[str, Mapping[str, int]] = {
    "train.root": {"hbb": 1500, "hcc": 1500, "qcd": 1500},
    "hbb.root": {"hbb": 1500}, "hcc.root": {"hcc": 1500}, "qcd.root": {"qcd": 5000},
    "run.root": {"hbb": 400, "hcc": 300, "qcd": 4000},
}  # fmt: skip
#: collection -> its fields and their types, PFNano's
FIELDS = {
    "FatJet": {
        "pt": "f4", "eta": "f4", "phi": "f4", "mass": "f4", "msoftdrop": "f4", "nBHadrons": "i4", "nCHadrons": "i4",
    },
    "PFCands": {"pt": "f4", "eta": "f4", "phi": "f4", "mass": "f4", "d0": "f4", "charge": "i4"},
    "FatJetPFCands": {"jetIdx": "i4", "pFCandsIdx": "i4"},
}  # fmt: skip


def prong(rng: Random, pt: float, eta: float, phi: float, flavour: str) -> list[dict[str, float]]:
    """Particles that share ``pt``, near an axis."""
    fraction, far = FLAVOURS[flavour]
    shares = rng.dirichlet(np.full(4 + rng.poisson(8), 0.7)) * pt
    made = []
    for share in shares[shares > 0.3]:
        charge = int(rng.choice([-1, 0, 1]))
        displaced = charge and rng.uniform() < fraction
        d0 = rng.normal(0, RESOLUTION) + (rng.choice([-1, 1]) * rng.exponential(far) if displaced else 0)
        away = rng.normal(0, 1, 2) * 0.4 / np.sqrt(share + 4)
        made.append(
            {"pt": share, "eta": eta + away[0], "phi": phi + away[1], "mass": 0.14 if charge else 0.0,
             "d0": d0 if charge else 0.0, "charge": charge}
        )  # fmt: skip
    return made


def four_vector(particles: Sequence[Mapping[str, float]]) -> tuple[float, float, float, float]:
    """pt, eta, phi, mass of their sum."""
    pt, eta, phi = (np.array([p[name] for p in particles]) for name in ("pt", "eta", "phi"))
    x, y, z, energy = ((pt * f).sum() for f in (np.cos(phi), np.sin(phi), np.sinh(eta), np.cosh(eta)))
    across = np.hypot(x, y)
    return across, np.arcsinh(z / across), np.arctan2(y, x), np.sqrt(max(energy**2 - across**2 - z**2, 0.0))


def fat_jet(rng: Random, process: str) -> tuple[dict[str, float], list[dict[str, float]]]:
    choices, higgs = PROCESSES[process], process != "qcd"
    flavours = list(choices)[rng.choice(len(choices), p=list(choices.values()))]
    pt, eta, phi = 280 + rng.exponential(90), rng.normal(0, 0.9), rng.uniform(-np.pi, np.pi)
    z = rng.uniform(0.25, 0.75) if higgs else rng.beta(1, 6) * 0.9 + 0.02
    mass = rng.normal(122, 9) if higgs else 25 + rng.exponential(45)
    apart = min(mass / (pt * np.sqrt(z * (1 - z))), 0.8)
    angle = rng.uniform(-np.pi, np.pi)
    step = apart * np.cos(angle), apart * np.sin(angle)
    found = prong(rng, pt * z, eta + (1 - z) * step[0], phi + (1 - z) * step[1], flavours[0])
    found += prong(rng, pt * (1 - z), eta - z * step[0], phi - z * step[1], flavours[1])
    size, rapidity, azimuth, own = four_vector(found)
    jet = {"pt": size, "eta": rapidity, "phi": azimuth, "mass": own, "msoftdrop": own * rng.normal(0.97, 0.04)}
    return jet | {f"n{q.upper()}Hadrons": sum(f == q for f in flavours) for q in "bc"}, found


def event(rng: Random, process: str) -> Event:
    """One jet of the process, and often another one."""
    made: Event = {name: [] for name in FIELDS}
    jets = [fat_jet(rng, process), *(fat_jet(rng, "qcd") for _ in range(rng.poisson(0.5)))]
    for i, (jet, particles) in enumerate(sorted(jets, key=lambda one: -one[0]["pt"])):
        made["FatJet"].append(jet)
        for particle in particles:
            made["FatJetPFCands"].append({"jetIdx": i, "pFCandsIdx": len(made["PFCands"])})
            made["PFCands"].append(particle)
    return made


def columns(events: Sequence[Event]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, fields in FIELDS.items():
        counts = [len(e[name]) for e in events]
        entries = [entry for e in events for entry in e[name]]
        found[name] = ak.zip({f: ak.unflatten(np.array([o[f] for o in entries], t), counts) for f, t in fields.items()})
    numbers = np.arange(1, len(events) + 1)
    return found | {
        "run": np.ones(len(events), "u4"), "luminosityBlock": (1 + numbers // 100).astype("u4"),
        "event": numbers.astype("u8"), "genWeight": np.ones(len(events), "f4"),
    }  # fmt: skip


def make(folder: Path, share: float = 1.0) -> None:
    """All files; of simulated ones a ``share`` of their events, which stand for as many."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, (name, parts) in enumerate(FILES.items()):
        rng = np.random.default_rng(seed + 1)
        part = 1.0 if name == "run.root" else share
        events = [event(rng, process) for process, n in parts.items() for _ in range(int(n * part))]
        made = columns([events[i] for i in rng.permutation(len(events))])
        with uproot.recreate(folder / name) as file:
            types = {n: c.type if isinstance(c, ak.Array) else c.dtype for n, c in made.items()}
            tree = file.mktree("Events", types, field_name=lambda outer, inner: f"{outer}_{inner}" if outer else inner)
            tree.extend(made)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    make(parser.parse_args().folder)
