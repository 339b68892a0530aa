# SPDX-License-Identifier: Apache-2.0
"""Particle flow and energy flow networks against the same networks in torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.taggers import tagger_networks as networks
from benchmarks.taggers import tagger_programs as programs
from hepq.compiler.ir.build import Built
from hepq.compiler.ir.interpret import run
from hepq.compiler.ir.node import Module
from hepq.compiler.lower.torch.module import pad_events, to_torch
from hepq.compiler.passes.base import run_pipeline
from hepq.compiler.passes.pipelines import INFERENCE
from tests.support.tvm_call import Compiled

Array = np.ndarray[Any, Any]
X, ZPOS = "x: real[part, feat]", "z: real[part], pos: real[part, xy]"
WIDE = [128, 128, 128]
COUNTS = (0, 1, 2, 9, 30)


def agree(built: Built, weights: dict[str, Array], events: list[dict[str, Array]], expected: Array) -> None:
    """Reference and torch to 1e-9, compiled code to 1e-5."""
    exact = {path: value.astype(np.float64) for path, value in weights.items()}
    assert np.ptp(expected, axis=0).max() > 1e-2
    np.testing.assert_allclose(np.stack(run(built.module, events, exact)["output"]), expected, rtol=0, atol=1e-9)
    batched = to_torch(built.module, exact).eval()(*pad_events(events, built.module, torch.float64))["output"]
    np.testing.assert_allclose(batched.detach(), expected, rtol=0, atol=1e-9)
    compiled = Compiled(*run_pipeline(INFERENCE, built.module, weights))(events)["output"]
    np.testing.assert_allclose(compiled, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("parameters", "call", "theirs", "number"),
    [
        (X, "PFN[cls](x)", networks.PFN(17, 10), 84_666),
        # 86.1k in arXiv:2202.03772
        (X, "PFN[cls, phi=[128, 128, 128], rho=[128, 128, 128]](x)", networks.PFN(17, 10, WIDE, WIDE), 86_154),
        (X, "PFN[cls, norm=true](x)", networks.PFN(17, 10, norm=True), 85_612),
        (ZPOS, "EFN[cls](z, pos)", networks.PFN(2, 10), 83_166),
    ],
)
def test_number_of_weights(parameters: str, call: str, theirs: torch.nn.Module, number: int) -> None:
    module = programs.built("pfn", parameters, call, features=17).module
    assert programs.trained(module) == sum(p.numel() for p in theirs.parameters()) == number


@pytest.mark.parametrize("norm", [False, True])
def test_pfn_is_the_network_in_torch(norm: bool, tmp_path: Path) -> None:
    arguments = "norm=true" if norm else "norm=false"
    built = programs.built("pfn", X, f"PFN[cls, phi=[20, 24], rho=[16], {arguments}](x)")
    theirs = programs.moved(networks.PFN(7, 10, [20, 24], [16], norm), seed=1)
    weights = programs.imported(built, theirs, tmp_path, "").weights
    events = programs.jets(COUNTS, 7, seed=2)
    slots = max(COUNTS) + 3
    with torch.no_grad():
        expected = theirs(programs.padded(events, "x", slots), programs.mask(events, slots)).softmax(-1).numpy()
    agree(built, weights, events, expected)


def flow(module: Module, jets: list[tuple[Array, Array]], weights: dict[str, Array]) -> Array:
    return np.stack(run(module, [{"z": z, "pos": pos} for z, pos in jets], weights)["output"])


def test_efn_is_the_network_in_torch() -> None:
    built, theirs = _efn()
    rng = np.random.default_rng(3)
    events = []
    for n in COUNTS:
        z = rng.exponential(size=n)
        share, pos = z / max(z.sum(), 1), rng.normal(size=(n, 2))
        events.append({"z": share.astype(np.float32), "pos": pos.astype(np.float32)})
    slots = max(COUNTS) + 3
    columns = [{**e, "z": e["z"][:, None]} for e in events]
    with torch.no_grad():
        found = theirs(programs.padded(events, "pos", slots), programs.padded(columns, "z", slots))
    agree(built, _weights(theirs), events, found.softmax(-1).numpy())


def test_efn_is_infrared_and_collinear_safe() -> None:
    """Particles of no energy, and a particle split in two along its direction, change nothing; elsewhere they do."""
    built, theirs = _efn()
    weights = {path: value.astype(np.float64) for path, value in _weights(theirs).items()}
    rng = np.random.default_rng(4)
    z, pos = rng.dirichlet(np.ones(8)), rng.normal(size=(8, 2))
    soft = np.append(z, 0.0), np.append(pos, [[2.0, -1.0]], axis=0)
    split = np.append(z, 0.3 * z[2]), np.append(pos, pos[2:3], axis=0)
    split[0][2] *= 0.7
    wide = split[0], np.append(pos, pos[2:3] + 0.5, axis=0)
    plain, with_soft, collinear, apart = flow(built.module, [(z, pos), soft, split, wide], weights)
    np.testing.assert_allclose(with_soft, plain, rtol=0, atol=1e-14)
    np.testing.assert_allclose(collinear, plain, rtol=0, atol=1e-14)
    assert np.abs(apart - plain).max() > 1e-4


def _efn() -> tuple[Built, torch.nn.Module]:
    built = programs.built("pfn", ZPOS, "EFN[cls, phi=[20, 24], rho=[16]](z, pos)")
    return built, programs.moved(networks.PFN(2, 10, [20, 24], [16]), seed=1)


def _weights(theirs: torch.nn.Module) -> dict[str, Array]:
    """The layers of the two networks in one order."""
    paths = [f"efn0.{layer}.{part}" for layer in ("phi0", "phi1", "rho0", "head") for part in ("weight", "bias")]
    values = (tensor.float().numpy() for tensor in theirs.state_dict().values())
    return {path: v.squeeze(-1) if v.ndim == 3 else v for path, v in zip(paths, values, strict=True)}
