# SPDX-License-Identifier: Apache-2.0
"""Quantum ops in torch against the reference: values, gradients, angles that events share."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hepq.compiler.ir.infer import make
from hepq.compiler.ir.interpret import run_event
from hepq.compiler.ir.node import Module, Node
from hepq.compiler.lower.torch.module import to_torch
from hepq.core.types import Dim, Type
from tests.support.qiskit_states import random_circuit

FEAT, SLOT, SV = Dim("feat", 3), Dim("4", 4), Dim("sv", 5)


def module(seed: int) -> Module:
    """Inputs and a shared weight fill one circuit, measured in every way."""
    x = make("input", type=Type("real", (FEAT,)), name="x")
    w = make("param", type=Type("real"), path="w", init=("constant", 0.3), trainable=True)
    support = make("param", type=Type("real", (SV, FEAT)), path="s", init=("normal", 0.0, 1.0), trainable=True)

    def angles(of: Node) -> Node:
        picked = [make("pick", of, dim=FEAT, index=i) for i in range(3)]
        return make("stack", picked[0], w, *picked[1:], dim=SLOT)

    circuit = random_circuit(np.random.default_rng(seed), 4, 4, 30)
    observables = (((1.0, ((0, "Z"),)),), ((1.0, ((1, "Y"), (2, "X"))), (0.5, ())))
    return Module("m", (x,), {
        "e": make("expect", angles(x), circuit=circuit, observables=observables, dim=Dim("2", 2)),
        "one": make("expect", angles(x), circuit=circuit, observables=observables[:1], dim=None),
        "k": make("fidelity", angles(x), angles(support), left=circuit, right=circuit),
        "p": make("probs", angles(x), circuit=circuit, wires=(0, 1, 2, 3), dim=Dim("16", 16)),
        "some": make("probs", angles(x), circuit=circuit, wires=(3, 1), dim=Dim("4", 4)),
        "s": make("sample", angles(support), circuit=circuit, wires=(0, 1, 2, 3), dim=Dim("16", 16), shots=100),
    })  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
def test_values_are_the_references(seed: int) -> None:
    rng, m = np.random.default_rng(seed), module(seed)
    weights = {"w": np.array(0.3), "s": rng.normal(size=(5, 3))}
    events = rng.normal(size=(7, 3))
    found = to_torch(m, weights)({"x": torch.from_numpy(events)})
    for i, event in enumerate(events):
        for name, wanted in run_event(m, {"x": event}, weights).items():
            np.testing.assert_allclose(found[name][i].detach().numpy(), wanted, atol=1e-9)


def test_gradients_are_those_of_small_steps() -> None:
    rng, m = np.random.default_rng(0), module(3)
    weights = {"w": np.array(0.3), "s": rng.normal(size=(5, 3))}
    events = torch.from_numpy(rng.normal(size=(4, 3)))
    net = to_torch(m, weights)

    def loss() -> torch.Tensor:
        out = net({"x": events})
        total: torch.Tensor = out["e"].sum() + (out["k"] ** 2).sum() + out["p"][:, 3].sum()
        return total

    torch.autograd.backward(loss())
    for parameter in net.parameters():
        assert parameter.grad is not None
        step = torch.zeros_like(parameter).view(-1)
        step[0] = 1e-6
        with torch.no_grad():
            parameter.add_(step.view_as(parameter))
            up = loss()
            parameter.sub_(2 * step.view_as(parameter))
            down = loss()
            parameter.add_(step.view_as(parameter))
        slope = float((up - down) / 2e-6)
        assert float(parameter.grad.reshape(-1)[0]) == pytest.approx(slope, abs=1e-6)
