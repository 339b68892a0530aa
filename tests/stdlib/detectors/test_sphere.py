# SPDX-License-Identifier: Apache-2.0
"""Networks of sensors on a sphere, and counts of photo-electrons: layers written out in NumPy, sizes, symmetries."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from scipy.special import eval_chebyt

from benchmarks.shared.stdlib_programs import moved_weights
from hepq.compiler.ir.interpret import run
from hepq.compiler.ir.node import Module
from tests.stdlib.detectors.detector import by_torch, module_from, size_of
from tests.support.tvm_call import Compiled

Array = np.ndarray[Any, Any]
HEAD = "from std.sphere import fibonacci, scaled_laplacian, SphereConv, SphereDirection, Vectors\ndim pmt = {size}\n"
HEAD += "dim kind = 3\ndim xyz = 3\ndim out = 5\n"


def directions(count: int) -> Array:
    """The lattice of the toy's sensors."""
    i = np.arange(count) + 0.5
    z, phi = 1 - 2 * i / count, np.pi * (1 + 5**0.5) * i
    r = np.sqrt(1 - z**2)
    return np.stack([r * np.cos(phi), r * np.sin(phi), z], axis=1)


def laplacian(n: Array, width: float) -> Array:
    """The normalised one less 1, pair by pair."""
    w = np.array([[np.exp(-(np.linalg.norm(a - b) ** 2) / width**2) for b in n] for a in n]) - np.eye(len(n))
    degree = w.sum(axis=1)
    return np.array(-w / np.sqrt(np.outer(degree, degree)))


def only(text: str, size: int = 40, **inputs: Array) -> Array:
    found = run(module_from(HEAD.format(size=size) + text), [inputs], {})["output"]
    return np.asarray(found[0])


def test_points_are_spread_evenly() -> None:
    found = only("model M(s: real) -> real[pmt, xyz] = s * fibonacci[pmt, xyz]()", 192, s=np.array(1.0))
    np.testing.assert_allclose(found, directions(192), atol=1e-12)
    assert np.abs(found.mean(axis=0)).max() < 1e-3
    np.testing.assert_allclose(found.T @ found / 192, np.eye(3) / 3, atol=2e-3)


def test_the_laplacian_has_eigenvalues_up_to_one() -> None:
    n, x = directions(40), np.random.default_rng(0).normal(size=(40, 3))
    text = "model M(n: real[pmt, xyz], x: real[pmt, kind]) -> real[pmt, kind] = "
    found = only(f"{text}dot(scaled_laplacian(n, 0.6), prime(x, pmt), over=pmt')", n=n, x=x)
    np.testing.assert_allclose(found, laplacian(n, 0.6) @ x, atol=1e-12)
    assert np.abs(np.linalg.eigvalsh(laplacian(n, 0.6))).max() == pytest.approx(1)


@pytest.mark.parametrize("order", [1, 2, 4])
def test_a_convolution_is_a_polynomial_of_the_laplacian(order: int) -> None:
    """Through eigenvectors, where a polynomial of a matrix is one of numbers."""
    text = "model M(x: real[pmt, kind], n: real[pmt, xyz]) -> real[pmt, out] = "
    text += f"SphereConv[out, {order}](x, scaled_laplacian(n, 0.7))"
    module, rng = module_from(HEAD.format(size=30) + text), np.random.default_rng(order)
    weights, x, n = moved_weights(module, rng), rng.normal(size=(30, 3)), directions(30)
    values, vectors = np.linalg.eigh(laplacian(n, 0.7))
    terms = [path for path in module.params if path.endswith("weight")]
    wanted = sum(
        vectors @ np.diag(eval_chebyt(k, values)) @ vectors.T @ x @ weights[path].T for k, path in enumerate(terms)
    )
    wanted = wanted + weights[next(path for path in module.params if path.endswith("bias"))]
    assert len(terms) == order + 1
    events = [{"x": x, "n": n}]
    np.testing.assert_allclose(run(module, events, weights)["output"][0], wanted, rtol=0, atol=1e-6)
    np.testing.assert_allclose(Compiled(module, weights)(events)["output"][0], wanted, rtol=0, atol=1e-5)


def direction(size: int) -> Module:
    text = "model M(x: real[pmt, kind], n: real[pmt, xyz]) -> real[xyz] = SphereDirection(x, n)"
    return module_from(HEAD.format(size=size) + text)


def test_turned_sensors_turn_the_direction() -> None:
    module, rng = direction(50), np.random.default_rng(2)
    assert size_of(module) == 6_361
    weights, x, n = moved_weights(module, rng), rng.normal(size=(50, 3)), directions(50)
    turn = Rotation.from_rotvec([0.4, -1.1, 0.7]).as_matrix()
    straight, turned = by_torch(module, weights, x=np.stack([x, x]), n=np.stack([n, n @ turn.T]))
    np.testing.assert_allclose(turned, turn @ straight, atol=1e-9)
    assert np.linalg.norm(straight) == pytest.approx(1)
    other = by_torch(module, weights, x=x[None] + rng.normal(size=(50, 3)), n=n[None])[0]
    assert np.abs(other - straight).max() > 0.05


def test_no_sensor_comes_first() -> None:
    module, rng = direction(50), np.random.default_rng(3)
    weights, x, n, order = moved_weights(module, rng), rng.normal(size=(50, 3)), directions(50), rng.permutation(50)
    straight, shuffled = by_torch(module, weights, x=np.stack([x, x[order]]), n=np.stack([n, n[order]]))
    np.testing.assert_allclose(shuffled, straight, atol=1e-9)


def test_counts_do_not_hang_on_when_light_comes() -> None:
    """A pulse within the waveform's middle, moved."""
    module = module_from(
        "from std.photons import PhotonCNN\ndim time = 120\ndim chan = 1\ndim pe = 7\n"
        "model M(x: real[time, chan]) -> real[pe] = PhotonCNN[pe](x)"
    )
    assert size_of(module) == 9 * 24 + 24 + 2 * (9 * 24 * 24 + 24) + 24 * 48 + 48 + 48 * 7 + 7 == 12_199
    rng = np.random.default_rng(4)
    weights, x = moved_weights(module, rng), np.zeros((3, 120, 1))
    pulse = rng.normal(size=20)
    x[0, 40:60, 0] = x[1, 63:83, 0] = pulse
    x[2, 40:60, 0] = 2 * pulse
    first, moved, larger = by_torch(module, weights, x=x)
    np.testing.assert_allclose(moved, first, atol=1e-12)
    assert first.sum() == pytest.approx(1)
    assert np.abs(larger - first).max() > 1e-3
    events = [{"x": wave} for wave in x]
    np.testing.assert_allclose(Compiled(module, weights)(events)["output"], [first, moved, larger], atol=1e-5)
