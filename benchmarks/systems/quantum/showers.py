# SPDX-License-Identifier: Apache-2.0
"""Quantum generative adversarial networks of toy showers, beside a classical one with about as many weights.

Showers of 8 layers, of 4 layers of 4 rings, of 4 layers of 2 by 2 cells. How far is a generator? The Kullback-Leibler
divergence of its mean energies of pixels from the true ones; and, said beside it, the Wasserstein distance between
made and true energies of a pixel, whose mean over pixels also sees fluctuations.
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import wasserstein_distance

from benchmarks.systems.row import Reached, Row, no_worse, seeds
from benchmarks.systems.trained import sized, trained
from hepq.compiler.driver.compilation import build_file
from hepq.compiler.driver.options import Options
from hepq.compiler.lower.torch.module import to_torch

Array = np.ndarray[Any, Any]
PROGRAM = Path(__file__).with_suffix(".hepq")
SEEDS, TRAINED, JUDGED = 5, 2000, 4000
#: training -> what samples its generator
MODELS = {"Style": "Style", "Quantum": "Style", "Network": "Classical"}
#: pixels along the shower, and across it: of how many places each is, at these distances from the axis
SHAPES = {"1-D": (8, [0.0]), "2-D": (4, [0.0, 0.7, 1.4, 2.1]), "3-D": (4, [0.3, 0.9, 0.9, 1.3])}


def showers(shape: str, count: int, rng: np.random.Generator) -> Array:
    """Parts of the energy in each pixel, the layers outermost: where a shower is deepest varies, and how wide it is."""
    layers, across = SHAPES[shape]
    depth = (np.arange(layers) + 0.5) * 8 / layers
    top, length, width = rng.normal(3, 0.7, count), rng.normal(1.6, 0.2, count), rng.normal(0.9, 0.12, count)
    along = np.exp(-(((depth - top[:, None]) / length[:, None]) ** 2) / 2)
    beside = np.exp(-np.array(across) / width[:, None])
    mean = (along[:, :, None] * beside[:, None, :]).reshape(count, -1)
    energy = mean * rng.gamma(20, 1 / 20, mean.shape)
    return np.asarray(energy / energy.sum(axis=1, keepdims=True))


def sizes(pixels: int) -> dict[str, int]:
    """Of the program: as many qubits as number the pixels, a network with about as many weights as the circuit."""
    return {"dim pixel": pixels, "dim wire": pixels.bit_length() - 1, "const hidden": 3 if pixels == 8 else 2}


def made(path: Path, kind: str, weights: dict[str, Array], rng: np.random.Generator) -> Array:
    """Showers of a trained generator."""
    module = build_file(path, Options(model=MODELS[kind], use_dataset=False)).module
    (noise,) = module.inputs
    z = rng.normal(size=(JUDGED, noise.type.dims[0].size or 0)).astype("f4")
    net = to_torch(module, {p: v for p, v in weights.items() if p in module.params}).eval()
    with torch.no_grad():
        found: Array = net({noise["name"]: torch.from_numpy(z)}, {})["output"].numpy()
    return found


def distances(kind: str, shape: str, seed: int) -> tuple[float, float]:
    """Divergence of the mean energies, and mean distance between energies."""
    rng = np.random.default_rng(seed)
    true = showers(shape, TRAINED + JUDGED, rng)
    with tempfile.TemporaryDirectory() as folder:
        path = sized(PROGRAM, sizes(true.shape[1]), Path(folder))
        weights = trained(path, f"{kind}Fit", {"part": true[:TRAINED].astype("f4")}, seed)
        found = made(path, kind, weights, rng)
    p, q = true[TRAINED:].mean(axis=0), found.mean(axis=0).clip(1e-6)
    apart = [wasserstein_distance(a, b) for a, b in zip(true[TRAINED:].T, found.T, strict=True)]
    return float((p * np.log(p / q)).sum()), float(np.mean(apart))


def compared(kind: str, shape: str, seed: int) -> Reached:
    ours, twin = ([distances(k, shape, i) for i in seeds(SEEDS, seed)] for k in (kind, "Network"))
    apart = [float(np.mean([d for _, d in of])) for of in (ours, twin)]
    quantity = f"divergence of energies, {SEEDS} seeds; distances {apart[0]:.3f}, of the network {apart[1]:.3f}"
    return no_worse(quantity, [d for d, _ in ours], [d for d, _ in twin], "classical GAN", False)


ROWS = [
    Row(f"Quantum GAN, {shape} showers{also}", "std.qgan", partial(compared, kind, shape))
    for shape, also, kind in (
        ("1-D", "", "Style"), ("2-D", "", "Style"), ("3-D", "", "Style"), ("1-D", ", quantum critic", "Quantum")
    )
]  # fmt: skip
