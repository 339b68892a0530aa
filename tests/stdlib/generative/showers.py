# SPDX-License-Identifier: Apache-2.0
"""Showers of `examples/generative`, its programs trained on them, and their models in torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import uproot
from numpy.typing import NDArray

from examples.generative.make_showers import write
from hepq.compiler.driver.compilation import build_file
from hepq.compiler.driver.options import Options
from hepq.compiler.lower.torch.module import to_torch
from hepq.compiler.train import Recipe, train_file
from hepq.compiler.train.fit.gradient import Fitted
from hepq.compiler.weights.files import load_weights

EXAMPLES = Path(__file__).resolve().parents[3] / "examples/generative"

Array = NDArray[Any]


def make(path: Path, count: int, seed: int, pions: float = 0.0) -> Path:
    """A file of ``count`` showers, of which the fraction ``pions`` are of pions."""
    write(path, np.arange(count) < pions * count, seed)
    return path


def read(path: Path) -> tuple[Array, Array]:
    """Energies [showers] and fractions of them in the cells [showers, 8, 9]."""
    tree = uproot.open(path)["showers"]
    energy = tree["energy"].array(library="np")
    return energy, tree["cells"].array(library="np") / energy[:, None, None]


def trained(name: str, events: Path, train: str | None = None, **recipe: Any) -> tuple[Path, Fitted]:
    """The weights of a training of an example, and how it went."""
    out = events.with_name(f"{name}.{train}.safetensors")
    return out, train_file(EXAMPLES / f"{name}.hepq", [events], out, Recipe(**recipe), train=train).fitted


def computed(name: str, model: str, weights: Path, **inputs: Array) -> Array:
    """``model`` of an example on its own inputs."""
    module = build_file(EXAMPLES / f"{name}.hepq", Options(model=model, use_dataset=False)).module
    given = {k: torch.from_numpy(np.asarray(v, np.float32)) for k, v in inputs.items()}
    with torch.no_grad():
        found: Array = to_torch(module, load_weights(weights, module)).eval()(given, {})["output"].numpy()
    return found


def log_energy(energy: Array) -> Array:
    """As the examples give it to their networks: [showers, 1]."""
    return np.log(energy)[:, None] - 2.3


def assert_alike(made: Array, true: Array, total: float, layers: float) -> None:
    """Mean energy and mean energy of each layer, relative to the largest one; [showers, 8, 9] both."""
    assert abs(made.sum(axis=(1, 2)).mean() / true.sum(axis=(1, 2)).mean() - 1) < total
    profile = true.sum(axis=2).mean(axis=0)
    assert np.abs(made.sum(axis=2).mean(axis=0) - profile).max() < layers * profile.max()
