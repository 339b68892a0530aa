# SPDX-License-Identifier: Apache-2.0
"""Draw the layer profiles of true showers and of those that compiled generators make.

    python examples/generative/profiles.py events.root vae.hepqx gan.hepqx -o profiles.png

Every generator is asked for as many showers, of the same energies.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import uproot
from matplotlib.figure import Figure
from numpy.typing import NDArray

import hepq

matplotlib.use("agg")
Array = NDArray[Any]


def generated(path: Path, energy: Array, seed: int) -> Array:
    """[showers, layers, cells]: fractions of the energy. ``u`` is uniform noise, what else there is normal."""
    sample = hepq.load(path)
    rng = np.random.default_rng(seed)
    inputs = {"e": (np.log(energy)[:, None] - 2.3).astype(np.float32)}
    for value in sample.manifest.inputs:
        if value.name != "e":
            shape = (len(energy), *sample.manifest.static_shape(value.dims))
            drawn = rng.random(shape) if value.name == "u" else rng.normal(size=shape)
            inputs[value.name] = drawn.astype(np.float32)
    return np.asarray(sample(inputs))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("events", type=Path)
    parser.add_argument("generators", type=Path, nargs="+")
    parser.add_argument("-o", "--out", type=Path, default=Path("profiles.png"))
    args = parser.parse_args()
    tree = uproot.open(args.events)["showers"]
    energy = tree["energy"].array(library="np")
    true = tree["cells"].array(library="np") / energy[:, None, None]
    showers = {"true": true} | {path.stem: generated(path, energy, seed=1) for path in args.generators}

    figure = Figure(figsize=(10, 4), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    layers = np.arange(1, true.shape[1] + 1)
    for axes, title, mask in zip(panels, ("E < 3 GeV", "E > 30 GeV"), (energy < 3, energy > 30), strict=True):
        for name, cells in showers.items():
            style = {"color": "black", "lw": 2} if name == "true" else {"ls": "--"}
            axes.stairs(
                cells[mask].sum(axis=2).mean(axis=0), np.append(layers, layers[-1] + 1) - 0.5, label=name, **style
            )
        axes.set(xlabel="layer", title=title)
    panels[0].set(ylabel="mean fraction of the energy")
    panels[1].legend()
    figure.savefig(args.out, dpi=100)
    print(f"{args.out}: mean energy seen, as a fraction")
    for name, cells in showers.items():
        print(f"{name:10} {cells.sum(axis=(1, 2)).mean():.3f}")


if __name__ == "__main__":
    main()
