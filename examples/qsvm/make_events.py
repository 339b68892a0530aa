#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make train.root and test.root: e+e- -> ZH -> qq gamma gamma, and its background, qq gamma gamma without a Higgs.

    pip install pythia8mc==8.316.0
    python examples/qsvm/make_events.py examples/qsvm

240 GeV, the Higgs factories' energy. PYTHIA 8 with its photon and parton showers, before hadrons form. An event has
two isolated photons of more than 25 GeV with |cos theta| < 0.9 and 110 < m(gamma gamma) < 140 GeV; all quarks and
gluons make two jets, one for each half of their rest frame. Energies are smeared: photons by 16 %/sqrt(E) + 1 %
(CEPC CDR, arXiv:1811.10545), jets by 40 %/sqrt(E) + 2 %. A study of real detectors: arXiv:2209.12788.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pythia8mc
import uproot
from numpy.typing import NDArray

Array = NDArray[Any]

PROCESSES = {
    "ZH": ["HiggsSM:ffbar2HZ = on", "25:m0 = 125.0", "25:onMode = off", "25:onIfMatch = 22 22"],
    "qqyy": ["WeakBosonAndParton:ffbar2gmZgm = on", "PhaseSpace:pTHatMin = 15."],
}
COMMON = [
    "Print:quiet = on", "Beams:idA = 11", "Beams:idB = -11", "Beams:eCM = 240.", "HadronLevel:all = off",
    "23:onMode = off", "23:onIfAny = 1 2 3 4 5", "Random:setSeed = on",
]  # fmt: skip
NAMES = ("px", "py", "pz", "energy")


def momenta(particles: ak.Array) -> Array:
    return np.stack([ak.to_numpy(particles[name], allow_missing=False) for name in NAMES], axis=-1)


def mass(p: Array) -> Array:
    found: Array = np.sqrt(np.maximum(p[..., 3] ** 2 - (p[..., :3] ** 2).sum(-1), 0))
    return found


def cosine(a: Array, b: Array) -> Array:
    lengths = np.linalg.norm(a[..., :3], axis=-1) * np.linalg.norm(b[..., :3], axis=-1)
    found: Array = (a[..., :3] * b[..., :3]).sum(-1) / np.maximum(lengths, 1e-9)
    return found


def boosted(p: Array, frame: Array) -> Array:
    """``p`` [events, n, 4] in the rest frame of ``frame`` [events, 4]."""
    m, beta = mass(frame)[:, None], frame[:, None, :3] / frame[:, None, 3:]
    gamma = frame[:, None, 3] / m
    along = (p[..., :3] * beta).sum(-1)
    shift = gamma**2 / (gamma + 1) * along - gamma * p[..., 3]
    return np.concatenate([p[..., :3] + shift[..., None] * beta, (gamma * (p[..., 3] - along))[..., None]], -1)


def jets(partons: ak.Array) -> Array:
    """Two jets [events, 2, 4]: partons by which half of their common rest frame they fly into, harder jet first."""
    p = momenta(ak.fill_none(ak.pad_none(partons, ak.max(ak.num(partons)), axis=1), dict.fromkeys(NAMES, 0.0), axis=1))
    resting = boosted(p, p.sum(1))
    axis = np.take_along_axis(resting, np.argmax(resting[..., 3], 1)[:, None, None], axis=1)
    side = (resting[..., :3] * axis[..., :3]).sum(-1) > 0
    both = np.stack([(p * side[..., None]).sum(1), (p * ~side[..., None]).sum(1)], axis=1)
    return np.take_along_axis(both, np.argsort(-both[..., 3], axis=1)[..., None], axis=1)


def smeared(p: Array, stochastic: float, constant: float, rng: np.random.Generator) -> Array:
    resolution = np.hypot(stochastic / np.sqrt(np.maximum(p[..., 3], 0.1)), constant)
    return p * np.maximum(0.1, 1 + resolution * rng.normal(size=resolution.shape))[..., None]


def select(batch: ak.Array, rng: np.random.Generator) -> Array:
    """[events, 4, 4]: two photons, then two jets, of the events that pass."""
    fields = {"px": batch.p.px, "py": batch.p.py, "pz": batch.p.pz, "energy": batch.p.e}
    particles = ak.with_field(ak.with_field(ak.zip(fields), batch.id, "id"), batch.status, "status")
    particles = particles[(particles.status > 0) & (particles.energy > 0)]
    photons = particles[(particles.id == 22) & (particles.energy > 20)]
    partons = particles[(abs(particles.id) <= 5) | (particles.id == 21)]
    enough = (ak.num(photons) >= 2) & (ak.num(partons) >= 2)
    photons, partons = photons[enough], partons[enough]
    if len(photons) == 0:
        return np.zeros((0, 4, 4))
    pair = momenta(photons[ak.argsort(photons.energy, axis=1, ascending=False)][:, :2][list(NAMES)])
    found = np.concatenate(
        [smeared(pair, 0.16, 0.01, rng), smeared(jets(partons[list(NAMES)]), 0.40, 0.02, rng)], axis=1
    )
    a, b, first, second = (found[:, i] for i in range(4))
    passed = (found[:, :2, 3] > 25).all(1) & (np.abs(a[:, 2]) < 0.9 * a[:, 3]) & (np.abs(b[:, 2]) < 0.9 * b[:, 3])
    passed &= (mass(a + b) > 110) & (mass(a + b) < 140)
    for photon in (a, b):
        passed &= (cosine(photon, first) < 0.9) & (cosine(photon, second) < 0.9)
    kept: Array = found[passed]
    return kept


def generate(process: str, events: int, seed: int) -> Array:
    pythia, rng = pythia8mc.Pythia("", False), np.random.default_rng(seed)
    for setting in [*COMMON, *PROCESSES[process], f"Random:seed = {seed}"]:
        if not pythia.readString(setting):
            sys.exit(f"PYTHIA refused the setting: {setting}")
    if not pythia.init():
        sys.exit("PYTHIA did not start")
    found, tried = np.zeros((0, 4, 4)), 0
    while len(found) < events:
        batch = ak.drop_none(pythia.nextBatch(2000, "none").prt)
        tried += len(batch)
        found = np.concatenate([found, select(batch, rng)])
        print(f"\r{process}: {min(len(found), events)} of {events}, {tried} collisions", end="", flush=True)
    print()
    return found[:events]


def write(path: Path, events: Array, label: Array) -> None:
    data = {
        f"{name}_{component}": events[:, i, j].astype(np.float32)
        for i, name in enumerate(("photon1", "photon2", "jet1", "jet2"))
        for j, component in enumerate(NAMES)
    }
    data |= {f"label_{process}": label == i for i, process in enumerate(PROCESSES)}
    with uproot.recreate(path, compression=uproot.LZMA(9)) as file:
        file.mktree("tree", {name: values.dtype for name, values in data.items()})
        file["tree"].extend(data)
    print(f"{path}: {len(events)} events, {path.stat().st_size / 2**10:.0f} KiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder of train.root and test.root")
    parser.add_argument("--train", type=int, default=300, help="training events of each class")
    parser.add_argument("--test", type=int, default=450, help="test events of each class")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    made = [generate(process, args.train + args.test, args.seed + i) for i, process in enumerate(PROCESSES)]
    rng = np.random.default_rng(args.seed)
    for name, part in (("train", slice(args.train)), ("test", slice(args.train, None))):
        events = np.concatenate([found[part] for found in made])
        label = np.repeat(np.arange(len(made)), [len(found[part]) for found in made])
        order = rng.permutation(len(events))
        write(args.out / f"{name}.root", events[order], label[order])


if __name__ == "__main__":
    main()
