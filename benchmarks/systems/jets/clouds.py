# SPDX-License-Identifier: Apache-2.0
"""Generators of particle clouds: the authors' formulas in NumPy, released weights, every back end."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.shared import data
from benchmarks.systems.row import Reached, Row
from hepq.compiler.driver.compilation import build_file
from hepq.compiler.driver.options import Options
from hepq.compiler.ir.build import Built
from hepq.compiler.ir.interpret import run
from hepq.compiler.ir.node import Module
from hepq.compiler.lower.torch.module import pad_events, to_torch
from hepq.compiler.passes.base import run_pipeline
from hepq.compiler.passes.pipelines import INFERENCE
from hepq.compiler.weights.files import import_checkpoint
from hepq.compiler.weights.initialise import initial_weights

Array = np.ndarray[Any, Any]
Weights = Mapping[str, Array]

PROGRAM = Path(__file__).with_suffix(".hepq")
RELEASED = "systems/mpgan/mp_g_G_best_epoch.pt"
EVENTS, PARTICLES = 1000, 30


def leaky(x: Array, slope: float) -> Array:
    return np.where(x > 0, x, slope * x)


# ---- the authors' formulas -------------------------------------------------------------------


def mpgan(state: Weights, z: Array, count: int) -> tuple[Array, Array]:
    """github.com/rkansal47/MPGAN's generator of a ``state_dict``: features [part, 3] and mask, of ``z`` [part, 32].

    Every pair by name, summed where the second particle is there.
    """
    there = np.argsort(np.argsort(z[:, 0], kind="stable"), kind="stable") <= count - 1
    x = z
    for layer in range(2):
        pairs = np.array([[np.concatenate([a, b]) for b in x] for a in x])
        for i in range(3):
            pairs = leaky(_linear(state, f"mp_layers.{layer}.fe.net.{i}", pairs), 0.2)
        heard = np.array([row[there].sum(axis=0) for row in pairs])
        x = np.concatenate([heard, x], axis=1)
        for i in range(2):
            x = leaky(_linear(state, f"mp_layers.{layer}.fn.net.{i}", x), 0.2)
        x = _linear(state, f"mp_layers.{layer}.fn.net.2", x)
    return np.tanh(x), there


def epic(state: Weights, g: Array, z: Array, layers: int) -> Array:
    """github.com/uhh-pd-ml/EPiC-GAN's generator: features [part, 3]. Weights by the names of that code."""
    x = leaky(_linear(state, "local_0", z), 0.01)
    g = leaky(_linear(state, "global_1", leaky(_linear(state, "global_0", g), 0.01)), 0.01)
    first_g, first_x = g, x
    for i in range(layers):
        of = f"nn_list.{i}.fc_"
        inner = leaky(_linear(state, f"{of}global1", np.concatenate([x.mean(axis=0), x.sum(axis=0), g])), 0.01)
        g = leaky(_linear(state, f"{of}global2", inner) + g, 0.01)
        rows = np.array([np.concatenate([row, g]) for row in x])
        inner = leaky(_linear(state, f"{of}local1", rows), 0.01)
        x = leaky(_linear(state, f"{of}local2", inner) + x, 0.01)
        g, x = g + first_g, x + first_x
    return _linear(state, "local_1", x)


def _linear(state: Weights, name: str, x: Array) -> Array:
    return x @ state[f"{name}.weight"].astype(np.float64).T + state[f"{name}.bias"]


def epic_names(weights: Weights) -> dict[str, Array]:
    """Ours as that code names them."""
    state = {}
    for path, value in weights.items():
        *_, owner, layer, kind = ("", *path.split("."))
        if owner.startswith("layer"):
            state[f"nn_list.{owner[5:]}.fc_{layer}.{kind}"] = value
        else:
            state[f"{'local_1' if layer == 'out' else f'{layer[:-1]}_{layer[-1]}'}.{kind}"] = value
    return state


# ---- every back end --------------------------------------------------------------------------


def largest(module: Module, weights: Weights, events: list[dict[str, Array]], wanted: list[dict[str, Array]]) -> float:
    """Largest difference of a value from what is wanted: interpreter, PyTorch, compiled code, ONNX Runtime."""
    # imported here: they load TVM and ONNX Runtime
    from tests.support.ort_call import Loaded
    from tests.support.tvm_call import Compiled

    optimised, folded = run_pipeline(INFERENCE, module, weights)
    exact = {path: np.asarray(value, np.float64) for path, value in weights.items()}
    found = [run(module, events, exact), Compiled(optimised, folded)(events), Loaded(optimised, folded)(events)]
    with torch.no_grad():
        padded = to_torch(module, weights).eval()(*pad_events(events, module, torch.float32))
    found.append({name: [v[: len(e["z"])] for v, e in zip(values.numpy(), events, strict=True)]
                  for name, values in padded.items()})  # fmt: skip
    return max(
        float(np.abs(np.asarray(got[name][i], np.float64) - value).max())
        for got in found
        for i, event in enumerate(wanted)
        for name, value in event.items()
    )


def built(model: str) -> Built:
    return build_file(PROGRAM, Options(model=model))


def mpgan_row(seed: int) -> Reached:
    checkpoint = data.shared(RELEASED)
    state = {k: v.numpy() for k, v in torch.load(checkpoint, map_location="cpu", weights_only=True).items()}
    program, rng = built("Gluons"), np.random.default_rng(seed)
    events: list[dict[str, Array]] = [
        {"z": rng.normal(0, 0.2, (PARTICLES, 32)).astype(np.float32), "count": np.array(rng.integers(1, 31), "f4")}
        for _ in range(EVENTS)
    ]
    wanted = []
    for event in events:
        features, there = mpgan(state, event["z"].astype(np.float64), int(event["count"]))
        wanted.append({"features": features, "there": there.astype(float)})
    gap = largest(program.module, import_checkpoint(program, checkpoint).weights, events, wanted)
    return Reached("largest difference, 1,000 jets, all back ends", gap, 0, "authors' formula", 0, "<=", 1e-5)


def epic_row(seed: int) -> Reached:
    module, rng = built("Epic").module, np.random.default_rng(seed)
    weights = initial_weights(module)
    events = [
        {"g": rng.normal(size=10).astype(np.float32), "z": rng.normal(size=(n, 3)).astype(np.float32)}
        for n in rng.integers(1, PARTICLES + 1, EVENTS)
    ]
    state = epic_names(weights)
    wanted = [{"output": epic(state, e["g"].astype(np.float64), e["z"].astype(np.float64), 6)} for e in events]
    gap = largest(module, weights, events, wanted)
    return Reached("largest difference, 1,000 clouds, all back ends", gap, 0, "authors' formula", 0, "<=", 1e-5)


ROWS = [
    Row("MPGAN, released weights", "std.mpgan", mpgan_row),
    Row("EPiC generator", "std.epic", epic_row),
]
