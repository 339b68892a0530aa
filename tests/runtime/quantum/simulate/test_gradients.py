# SPDX-License-Identifier: Apache-2.0
"""Derivatives through the simulator: against finite differences and the parameter-shift rule."""

from __future__ import annotations

from math import pi

import numpy as np
import pytest
import torch

from hepq.core.circuits import Angle, Circuit, Gate
from hepq.runtime.quantum.simulate import state
from tests.runtime.quantum.simulate import naive

Z0_AND_XY = (((1.0, ((0, "Z"),)),), ((0.5, ((0, "X"), (1, "Y"))), (2.0, ())))


@pytest.mark.parametrize("seed", range(4))
def test_expectations_match_finite_differences_twice(seed: int) -> None:
    rng = np.random.default_rng(seed)
    circuit = naive.random_circuit(rng, 3, 4, 12)
    inputs = torch.from_numpy(rng.normal(size=(2, 2))).requires_grad_()
    weights = torch.from_numpy(rng.normal(size=(1, 2))).requires_grad_()

    def means(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return state.expectations(circuit, (x, w), Z0_AND_XY)

    assert torch.autograd.gradcheck(means, (inputs, weights))
    assert torch.autograd.gradgradcheck(means, (inputs, weights))


def test_kernels_match_finite_differences() -> None:
    circuit = naive.random_circuit(np.random.default_rng(11), 3, 3, 15)
    values = torch.from_numpy(np.random.default_rng(1).normal(size=(4, 3))).requires_grad_()
    assert torch.autograd.gradcheck(lambda v: state.fidelities(state.states(circuit, v)), (values,))
    assert torch.autograd.gradcheck(
        lambda v: state.fidelities(state.states(circuit, v[:1]), state.states(circuit, v)), (values,)
    )


def vqc(n: int) -> Circuit:
    """RX of inputs, a ladder, RY and RZ of weights, a ladder."""
    ladder = tuple(Gate("cx", (q, q + 1)) for q in range(n - 1))
    inputs = tuple(Gate("rx", (q,), (Angle.slot(q),)) for q in range(n))
    turns = tuple(Gate(g, (q,), (Angle.slot(n + 2 * q + k),)) for q in range(n) for k, g in enumerate(("ry", "rz")))
    return Circuit(n, 3 * n, (*inputs, *ladder, *turns, *ladder, *(Gate("h", (q,)) for q in range(n))))


@pytest.mark.parametrize("dtype", [torch.complex128, torch.complex64])
def test_gradients_are_those_of_the_parameter_shift_rule(dtype: torch.dtype) -> None:
    """df/dθ = (f(θ + π/2) - f(θ - π/2))/2 where θ turns one gate (Schuld et al., arXiv:1811.11184)."""
    n = 4
    circuit, rng = vqc(n), np.random.default_rng(2)
    inputs = torch.from_numpy(rng.normal(size=(3, n)))
    weights = torch.from_numpy(rng.normal(size=(1, 2 * n))).requires_grad_()
    observable = (((1.0, ((0, "Z"), (3, "Z"))),),)
    (found,) = torch.autograd.grad(
        state.expectations(circuit, (inputs, weights), observable, dtype=dtype).sum(), weights
    )
    for k in range(2 * n):
        step = torch.zeros(1, 2 * n, dtype=torch.float64)
        step[0, k] = pi / 2
        up, down = (state.expectations(circuit, (inputs, weights.detach() + s * step), observable) for s in (1, -1))
        assert abs(float(found[0, k]) - float((up - down).sum()) / 2) < (1e-13 if dtype == torch.complex128 else 1e-6)


def test_shared_weights_get_the_gradient_summed_over_events() -> None:
    circuit, rng = vqc(3), np.random.default_rng(3)
    inputs = torch.from_numpy(rng.normal(size=(5, 3)))
    weights = torch.from_numpy(rng.normal(size=(1, 6))).requires_grad_()
    shared, own = (
        torch.autograd.grad(state.expectations(circuit, values, Z0_AND_XY).square().sum(), weights)[0]
        for values in ((inputs, weights), torch.cat([inputs, weights.expand(5, -1)], 1))
    )
    torch.testing.assert_close(shared, own, rtol=0, atol=1e-13)


def test_blocks_change_no_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    circuit = vqc(3)
    values = torch.from_numpy(np.random.default_rng(4).normal(size=(10, 9))).requires_grad_()
    gradients = []
    for block in (1 << 17, 3 << 3):
        monkeypatch.setattr(state, "BLOCK", block)
        total = state.states(circuit, values).real.pow(3).sum()
        gradients.append(torch.autograd.grad(total, values)[0])
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-14)


def test_tables_made_without_gradients_serve_gradients() -> None:
    circuit = Circuit(
        2, 1, (Gate("ry", (0,), (Angle.slot(0),)), Gate("h", (1,)), Gate("crx", (0, 1), (Angle.slot(0),)))
    )
    values = torch.tensor([[0.3], [0.4]], dtype=torch.float64)
    with torch.inference_mode():
        state.states(circuit, values)
    values.requires_grad_()
    (found,) = torch.autograd.grad(state.probabilities(circuit, values)[:, 0].sum(), values)
    torch.testing.assert_close(found, -values.sin() / 4)


def test_single_precision_values_get_single_precision_gradients() -> None:
    values = torch.full((2, 9), 0.3, requires_grad=True)
    total = state.expectations(vqc(3), values, Z0_AND_XY, dtype=torch.complex64).sum()
    (found,) = torch.autograd.grad(total, values)
    assert found.dtype == torch.float32
