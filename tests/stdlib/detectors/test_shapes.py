# SPDX-License-Identifier: Apache-2.0
"""Event shapes against their definitions by numpy's eigenvalues, and the properties they are used for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.shared.stdlib_programs import event_of, module_of, moved_weights
from hepq.compiler.ir.interpret import run
from hepq.compiler.ir.node import Module
from hepq.compiler.lower.torch.module import pad_events, to_torch
from hepq.compiler.weights.initialise import initial_weights
from tests.stdlib.detectors.detector import module_from, size_of
from tests.support.tvm_call import Compiled

Array = np.ndarray[Any, Any]

EIGENVALUES = """
from std.shapes import eigenvalues
dim row = 3
dim col = 3
dim axis = [x, y, z]
model M(t: real[row, col]) = eigenvalues(rename(rename(t, row, axis), col, axis'))
"""


def shapes(calls: str) -> Module:
    names = ", ".join(dict.fromkeys(call.split("[")[0].split("(")[0].strip() for call in calls.split(";")))
    return module_from(
        f"from std.shapes import {names}\ndim part <= 40\nmodel M(p: p4[part]) = stack({calls.replace(';', ',')})"
    )


ALL = shapes(
    "sphericity(p); aplanarity(p); C_parameter(p); D_parameter(p); circularity(p); isotropy(p);"
    "sphericity[1.5](p); aplanarity[1.0](p); C_parameter[2.0](p); D_parameter[r=2.0](p)"
)


def values(*momenta: Array) -> Array:
    """Of each event given as [n, 3]: what ALL has, in its order."""
    events = [{"p": np.concatenate([p, np.linalg.norm(p, axis=1)[:, None]], axis=1)} for p in momenta]
    return np.array(run(ALL, events, {})["output"])


def momenta(rng: np.random.Generator, n: int) -> Array:
    return rng.normal(0, 30, (n, 3)) * rng.exponential(1, (n, 1))


def expected(p: Array) -> list[float]:
    """The definitions, as in the class EventShapeVariables of CMSSW with 1000 steps."""

    def tensor(r: float) -> Array:
        length = np.linalg.norm(p, axis=1)
        found: Array = np.einsum("ia,ib,i->ab", p, p, length ** (r - 2)) / (length**r).sum()
        return found

    def lambdas(r: float) -> Array:
        return np.linalg.eigvalsh(tensor(r))

    def c(r: float) -> float:
        a, b, d = lambdas(r)
        return float(3 * (a * b + a * d + b * d))

    phi = 2 * np.pi * np.arange(1, 1001) / 1000
    along = np.abs(np.outer(np.cos(phi), p[:, 0]) + np.outer(np.sin(phi), p[:, 1])).sum(1)
    return [
        1.5 * (1 - lambdas(2)[2]), 1.5 * lambdas(2)[0], c(1), 27 * np.prod(lambdas(1)),
        np.pi / 2 * along.min() / np.hypot(p[:, 0], p[:, 1]).sum(), (along.max() - along.min()) / along.max(),
        1.5 * (1 - lambdas(1.5)[2]), 1.5 * lambdas(1)[0], c(2), 27 * np.prod(lambdas(2)),
    ]  # fmt: skip


def test_definitions() -> None:
    rng = np.random.default_rng(0)
    events = [momenta(rng, n) for n in (2, 3, 4, 5, 8, 20, 40)]
    np.testing.assert_allclose(values(*events), [expected(p) for p in events], rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", ["any", "two equal", "all equal", "two nearly equal", "all nearly equal", "one"])
def test_eigenvalues_keep_their_digits_where_they_meet(kind: str) -> None:
    rng = np.random.default_rng(1)
    matrices = []
    for _ in range(50):
        rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        small, lam = 10 ** rng.uniform(-16, -3), rng.uniform(0, 1, 3)
        lam = {
            "any": lam, "two equal": lam[[0, 1, 1]], "all equal": lam[[0, 0, 0]], "one": lam * [1, 0, 0],
            "two nearly equal": lam[[0, 1, 1]] + [0, 0, small], "all nearly equal": lam[0] + small * lam,
        }[kind]  # fmt: skip
        matrix = rotation @ np.diag(lam) @ rotation.T
        matrices.append((matrix + matrix.T) / 2)
    module, events = module_from(EIGENVALUES), [{"t": m} for m in matrices]
    reference = np.linalg.eigvalsh(np.array(matrices))[:, ::-1]
    got = np.array(run(module, events, {})["output"])
    np.testing.assert_allclose(got, reference, rtol=0, atol=1e-14)
    assert (np.diff(got) <= 1e-15).all()
    np.testing.assert_allclose(np.array(Compiled(module, {})(events)["output"]), reference, rtol=0, atol=2e-6)


def test_limits() -> None:
    axis, rng = np.array([0.6, 0.0, 0.8]), np.random.default_rng(2)
    pencil, alone, nothing = np.stack([axis, -axis]), axis[None], np.zeros((0, 3))
    cross = np.concatenate([np.eye(3), -np.eye(3)])
    ring = np.stack([np.cos(k := np.arange(40) * np.pi / 20), np.sin(k), 0 * k], axis=1)
    two, one, none, six, flat = values(pencil * 50, alone, nothing, cross * 20, ring)
    #        S, A, C, D, circularity, isotropy, ...
    np.testing.assert_allclose(two, [0, 0, 0, 0, 0, 1, 0, 0, 0, 0], atol=1e-12)
    np.testing.assert_allclose(one[[0, 1, 2, 3, 6, 7, 8, 9]], 0, atol=1e-12)
    np.testing.assert_allclose(none, 0, atol=1e-14)
    np.testing.assert_allclose(six[[0, 1, 2, 3]], [1, 0.5, 1, 1], atol=1e-12)
    np.testing.assert_allclose(flat[[0, 1, 2, 3, 4, 5]], [0.75, 0, 0.75, 0, 1, 0], atol=5e-3)
    scaled, still = values(1000 * (p := momenta(rng, 7)), np.concatenate([p, np.zeros((1, 3))]))
    np.testing.assert_allclose(scaled, values(p)[0], rtol=1e-12)
    np.testing.assert_allclose(still, scaled, rtol=1e-12)


def test_rotations() -> None:
    rng = np.random.default_rng(3)
    p = momenta(rng, 11)
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    k = 2 * np.pi * 77 / 1000  # a whole number of steps
    about_z = np.array([[np.cos(k), -np.sin(k), 0], [np.sin(k), np.cos(k), 0], [0, 0, 1]])
    straight, rotated, turned = values(p, p @ rotation.T, p @ about_z.T)
    in_space = [0, 1, 2, 3, 6, 7, 8, 9]
    np.testing.assert_allclose(rotated[in_space], straight[in_space], rtol=0, atol=1e-12)
    assert abs(rotated[4] - straight[4]) > 1e-3
    np.testing.assert_allclose(turned, straight, rtol=0, atol=1e-12)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 12])
def test_gradients_are_finite(n: int) -> None:
    """Also where eigenvalues meet (back-to-back particles, a symmetric event) and where momenta are zero."""
    rng = np.random.default_rng(4)
    p = momenta(rng, n)
    events = [p, np.concatenate([p, -p]), np.concatenate([np.eye(3), -np.eye(3)]), np.zeros((n, 3))]
    module = module_of("shapes", "event_shapes")
    inputs, counts = pad_events([{"p": np.concatenate([q, np.ones((len(q), 1))], axis=1)} for q in events], module)
    model, leaf = to_torch(module, initial_weights(module)), inputs["p"].requires_grad_()
    model({"p": leaf}, counts)["output"].sum().backward()
    assert leaf.grad is not None
    assert torch.isfinite(leaf.grad).all()
    if n == 12:
        assert leaf.grad[0].abs().sum() > 0


def test_gradients_are_derivatives() -> None:
    module, p = module_of("shapes", "event_shapes"), momenta(np.random.default_rng(5), 6)
    model = to_torch(module, {}).double()
    counts = {"part": torch.tensor([6])}
    point = torch.from_numpy(np.concatenate([p, np.linalg.norm(p, axis=1)[:, None]], axis=1))[None].requires_grad_()
    assert torch.autograd.gradcheck(lambda q: model({"p": q}, counts)["output"], point, eps=1e-5, atol=1e-6)


def test_network() -> None:
    module, rng = module_of("shapes", "EventShapeMLP"), np.random.default_rng(6)
    assert size_of(module) == 6 * 64 + 64 + 64 * 64 + 64 + 64 * 2 + 2
    weights, event = moved_weights(module, rng), event_of(module, 12, rng)
    order = rng.permutation(12)
    straight, shuffled = run(module, [event, {"p": event["p"][order]}], weights)["output"]
    np.testing.assert_allclose(shuffled, straight, atol=1e-12)
    assert straight.sum() == pytest.approx(1)
    (compiled,) = Compiled(module, weights)([event])["output"]
    np.testing.assert_allclose(compiled, straight, atol=1e-5)
