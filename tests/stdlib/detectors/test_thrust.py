# SPDX-License-Identifier: Apache-2.0
"""Thrust and broadenings against all ways to part an event in two, moments against their sums; also of odd events."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from numpy.polynomial.legendre import Legendre

from hepq.compiler.ir.interpret import run
from hepq.compiler.lower.torch.module import pad_events, to_torch
from tests.stdlib.detectors.detector import module_from
from tests.support.tvm_call import Compiled

Array = np.ndarray[Any, Any]
MOMENTS = (0, 1, 2, 4)
ALL = module_from(
    "from std.shapes import broadenings, fox_wolfram, side, thrust\ndim part <= 24\n"
    "model M(p: p4[part]) = stack(thrust(p), sum(broadenings(p), over=side), max(broadenings(p), over=side), "
    f"{', '.join(f'fox_wolfram[{order}](p)' for order in MOMENTS)})"
)


def event(p: Array) -> dict[str, Array]:
    return {"p": np.concatenate([p, np.linalg.norm(p, axis=1)[:, None]], axis=1)}


def expected(p: Array) -> list[float]:
    """Of massless particles, what ALL has, in its order."""
    parted = [np.array((1, *signs)) @ p for signs in itertools.product([1, -1], repeat=len(p) - 1)]
    most = max(parted, key=lambda v: float(v @ v))
    length, axis = np.linalg.norm(p, axis=1), most / np.linalg.norm(most)
    across, along = np.linalg.norm(np.cross(p, axis), axis=1), p @ axis
    sides = [across[side].sum() / 2 / length.sum() for side in (along > 0, along < 0)]
    both, cosine = np.outer(length, length), p @ p.T / np.outer(length, length)
    moments = [(both * Legendre.basis(order)(cosine)).sum() / length.sum() ** 2 for order in MOMENTS]
    return [np.linalg.norm(most) / length.sum(), sum(sides), max(sides), *moments]


def odd(kind: str, n: int, rng: np.random.Generator) -> Array:
    p = rng.normal(0, 30, (n, 3)) * rng.exponential(1, (n, 1))
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    if kind == "at rest":
        p = p - p.mean(axis=0) if n > 1 else p
    if kind == "plane":
        p[:, 2] = 0
    if kind == "tilted plane":
        p = p * [1, 1, 0] @ rotation
    if kind == "line":
        p = p * [1, 0, 0] @ rotation
    if kind == "along each other":
        p[1:3] = p[:1] * np.array([[2], [-3]])[: max(n - 1, 0)]
    return p


KINDS = ["any", "at rest", "plane", "tilted plane", "line", "along each other"]


@pytest.fixture(scope="module")
def compiled() -> Compiled:
    return Compiled(ALL, {})


@pytest.mark.parametrize("kind", KINDS)
def test_all_ways_to_part_an_event(kind: str, compiled: Compiled) -> None:
    events = [odd(kind, n, np.random.default_rng(n)) for n in (1, 2, 3, 4, 5, 7, 10)]
    given, wanted = [event(p) for p in events], [expected(p) for p in events]
    np.testing.assert_allclose(np.array(run(ALL, given, {})["output"]), wanted, rtol=0, atol=1e-12)
    np.testing.assert_allclose(np.array(compiled(given)["output"]), wanted, rtol=0, atol=5e-6)


def test_limits() -> None:
    rng = np.random.default_rng(1)
    sphere = rng.normal(size=(24, 3))
    sphere /= np.linalg.norm(sphere, axis=1)[:, None]
    still = np.concatenate([sphere, np.zeros((1, 3))])[1:]
    none, two, sphere_, still_, scaled = run(
        ALL, [event(p) for p in (np.zeros((0, 3)), np.eye(3)[[0, 0]] * [[5], [-5]], sphere, still, 1e4 * still)], {}
    )["output"]
    np.testing.assert_array_equal(none, 0)
    np.testing.assert_allclose(two, [1, 0, 0, 1, 0, 1, 1], atol=1e-12)
    assert 0.5 < sphere_[0] < 0.65
    assert sphere_[1] == pytest.approx(np.pi / 8, abs=0.03)
    np.testing.assert_allclose(scaled, still_, rtol=1e-12)


def test_gradients_are_finite() -> None:
    rng = np.random.default_rng(2)
    events = [odd(kind, n, rng) for kind in KINDS for n in (0, 1, 4)]
    inputs, counts = pad_events([event(p) for p in events], ALL)
    leaf = inputs["p"].requires_grad_()
    to_torch(ALL, {})({"p": leaf}, counts)["output"].sum().backward()
    assert leaf.grad is not None
    assert torch.isfinite(leaf.grad).all()
    assert leaf.grad[2].abs().sum() > 0
