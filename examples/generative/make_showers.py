# SPDX-License-Identifier: Apache-2.0
"""Toy showers of photons and charged pions in a segmented crystal calorimeter.

    python examples/generative/make_showers.py --showers 1200 --seed 1 --out examples/generative/showers.root

Energies from 1 to 100 GeV, as many per unit of log E everywhere. Eight layers of 3 X0 of lead tungstate, each of 3 x 3
cells of 2.2 cm (one Moliere radius); the beam hits the central cell.

Photons: dE/dt is a gamma distribution in the depth t, whose maximum and shape fluctuate together from shower to shower
(Grindhammer and Peters, hep-ex/0001020, homogeneous media); energy falls exponentially with the distance from the
axis, wider with depth. Pions start at a depth that is exponential in the interaction length, are longer and wider, and
lose a fraction that varies, invisible. Cells fluctuate by 5 % / sqrt(E / GeV); those below 2 MeV read zero.

One TTree `showers`: `energy` (GeV), `cells` [8, 3 x 3] (GeV), `label_photon`, `label_pion`, and `sample`: 0 or 1, two
mixtures in which 80 % and 20 % are pions.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import uproot
from numpy.typing import NDArray
from scipy.stats import gamma

Array = NDArray[Any]

LAYERS, SIDE = 8, 3
#: depth of a layer and interaction length, radiation lengths
DEPTH, INTERACTION = 3.0, 22.8
#: critical energy of lead tungstate, GeV
CRITICAL = 0.00964
#: side of a cell, Moliere radii
CELL = 1.0
#: GeV
THRESHOLD = 0.002
#: steps over which a cell's share of a layer is integrated, per side
FINE = 9
PIONS_IN_SAMPLE = (0.8, 0.2)


def photon_profile(energy: Array, rng: np.random.Generator) -> Array:
    """[showers, LAYERS]: the fraction of the energy in each layer."""
    log_y = np.log(energy / CRITICAL)
    spread_depth, spread_shape = 1 / (-1.4 + 1.26 * log_y), 1 / (-0.58 + 0.86 * log_y)
    correlation = 0.705 - 0.023 * log_y
    a, b = rng.normal(size=(2, len(energy)))
    log_depth = np.log(log_y - 0.858) + spread_depth * a
    log_shape = np.log(0.21 + (0.492 + 2.38 / 68.4) * log_y)
    log_shape += spread_shape * (correlation * a + np.sqrt(1 - correlation**2) * b)
    shape = np.maximum(np.exp(log_shape), 1.05)
    return _layers(shape, (shape - 1) / np.exp(log_depth))


def pion_profile(energy: Array, rng: np.random.Generator) -> Array:
    """The same of pions: nothing before the first interaction."""
    n = len(energy)
    start = rng.exponential(INTERACTION / 2, n)
    shape = np.exp(rng.normal(np.log(2.5), 0.3, n))
    visible = rng.beta(6, 3, n)[:, None]
    return visible * _layers(shape, 0.25 * np.exp(rng.normal(0, 0.2, n)), start)


def _layers(shape: Array, rate: Array, start: Array | float = 0.0) -> Array:
    edges = DEPTH * np.arange(LAYERS + 1)[:, None]
    inside: Array = np.diff(gamma.cdf(np.maximum(edges - start, 0) * rate, shape), axis=0).T
    return inside


def shares(width: Array, rng: np.random.Generator) -> Array:
    """[showers, LAYERS, SIDE**2]: of a layer's energy, what each cell sees of exp(-r / width) around the axis."""
    n = len(width)
    impact = rng.uniform(-CELL / 2, CELL / 2, (2, n, 1))
    at = ((np.arange(SIDE * FINE) + 0.5) / FINE - SIDE / 2) * CELL
    x, y = at - impact
    r = np.hypot(x[:, None, :, None], y[:, None, None, :])
    density = np.exp(-r / width[:, :, None, None])
    cells = density.reshape(n, LAYERS, SIDE, FINE, SIDE, FINE).sum(axis=(3, 5))
    # the integral over the plane is 2 pi width^2
    whole = 2 * np.pi * width**2 * (FINE / CELL) ** 2
    found: Array = cells.reshape(n, LAYERS, -1) / np.maximum(whole[..., None], cells.sum(axis=(2, 3))[..., None])
    return found


def showers(pion: Array, rng: np.random.Generator) -> dict[str, Array]:
    """Branches of the tree. ``pion`` [showers]: which are of pions."""
    n = len(pion)
    energy = np.exp(rng.uniform(np.log(1), np.log(100), n))
    profile = np.where(pion[:, None], pion_profile(energy, rng), photon_profile(energy, rng))
    depth = np.arange(LAYERS) / LAYERS
    width = np.where(pion[:, None], 0.45 + 0.35 * depth, 0.15 + 0.25 * depth)
    width = width * np.exp(rng.normal(0, 0.1, (n, 1)))
    mean = (energy[:, None] * profile)[..., None] * shares(width, rng)
    cells = mean + 0.05 * np.sqrt(mean) * rng.normal(size=mean.shape)
    cells[cells < THRESHOLD] = 0
    # in each sample, the pions that its fraction wants: by Bayes' rule, as many events in both
    first = np.where(pion, PIONS_IN_SAMPLE[0], 1 - PIONS_IN_SAMPLE[0])
    return {
        "energy": _short(energy), "cells": _short(cells),
        "label_photon": (~pion).astype(np.int32), "label_pion": pion.astype(np.int32),
        "sample": (rng.random(n) > first).astype(np.int32),
    }  # fmt: skip


def _short(values: Array) -> Array:
    """To 11 bits, 0.05 %, which compress."""
    bits = values.astype(np.float32).view(np.uint32)
    rounded: Array = ((bits + (1 << 12)) & ~np.uint32((1 << 13) - 1)).view(np.float32)
    return rounded


def write(path: Path, pion: Array, seed: int) -> None:
    """Write a shower for each entry of ``pion``."""
    branches = showers(pion, np.random.default_rng(seed))
    with uproot.recreate(path, compression=uproot.LZMA(9)) as file:
        tree = file.mktree("showers", {name: (v.dtype, v.shape[1:]) for name, v in branches.items()})
        tree.extend(branches)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--showers", type=int, default=4000)
    parser.add_argument("--pions", type=float, default=0.0, help="their fraction")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("showers.root"))
    args = parser.parse_args()
    write(args.out, np.arange(args.showers) % 1000 < 1000 * args.pions, args.seed)


if __name__ == "__main__":
    main()
