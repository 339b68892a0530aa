# SPDX-License-Identifier: Apache-2.0
"""rPCN against its definition with complex numbers, and what it is for: rotations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.support.sets import Subject, Weights, dense

PROGRAM = """
from std.rpcn import RPCN
dim part <= 60
dim xy = 2
dim feat = 4
dim cls = [QCD, top]
model M(pos: real[part, xy], x: real[part, feat]) -> real[cls] = RPCN[cls, name="net"](pos, x)
"""
FILTERS, FREQS, ANGLES, KERNEL = 10, 4, 32, 3
WIDE = PROGRAM.replace("RPCN[cls", "RPCN[cls, hidden=[32, 32]")  # of five hidden units all may be off


def peer(w: Weights, pos: Tensor, x: Tensor) -> Tensor:
    """Filters are evaluated at each particle, rotated by each angle."""
    z = torch.relu(dense(w, "particles.weight", torch.relu(dense(w, "particles.features", x))))
    radial = torch.relu(dense(w, "particles.radial", pos.norm(dim=1, keepdim=True)))
    shape = (len(x), FILTERS, FREQS + 1)
    profile = torch.complex(
        *(dense(w, f"particles.{part}", radial).reshape(shape) for part in ("real", "imag"))
    )  # fmt: skip
    m = torch.arange(FREQS + 1)
    waves = []
    for n in range(ANGLES):
        phi = torch.atan2(pos[:, 1], pos[:, 0]) - 2 * torch.pi * n / ANGLES
        psi = (profile * torch.exp(1j * m * phi[:, None])[:, None, :]).sum(-1).real
        waves.append((z * psi).sum(0))
    wave = torch.stack(waves, dim=1)
    h = wave
    for i in range(5):
        around = torch.cat([h[:, -1:], h, h[:, :1]], dim=1)
        kernel, bias = w[f"conv{i}.weight"], w[f"conv{i}.bias"]
        h = wave + torch.relu(torch.nn.functional.conv1d(around[None], kernel, bias)[0])
    y = h.mean(dim=1)
    for i in range(2):
        y = torch.relu(dense(w, f"hidden{i}", y))
    return torch.softmax(dense(w, "head", y), dim=0)


def test_it_is_its_definition() -> None:
    Subject(WIDE, head=0.03).agrees_with(peer, sizes=[1, 2, 12, 60])


def test_number_of_weights() -> None:
    def one(a: int, b: int) -> int:
        return a * b + b

    particles = one(4, 16) + one(16, FILTERS) + one(1, 16) + 2 * one(16, FILTERS * (FREQS + 1))
    rest = 5 * one(FILTERS * KERNEL, FILTERS) + one(10, 10) + one(10, 5) + one(5, 2)
    assert Subject(PROGRAM).parameters() == particles + rest == 3709


def test_it_does_not_see_rotations_about_the_axis_nor_the_order_of_particles() -> None:
    subject = Subject(WIDE, seed=2, head=0.03)
    straight, shuffled, _ = subject.permuted(20)
    np.testing.assert_allclose(shuffled, straight, atol=1e-12)
    (event,) = subject.events([20])
    pos = event["pos"].astype(np.float64)

    def rotated(angle: float) -> dict[str, np.ndarray]:
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        return {"pos": pos @ turn, "x": event["x"]}

    step = 2 * np.pi / ANGLES
    straight, turned, between, mirrored = subject.run(
        [rotated(0), rotated(5 * step), rotated(4.5 * step), {"pos": pos * [1, -1], "x": event["x"]}]
    )
    np.testing.assert_allclose(turned, straight, atol=1e-9)
    assert np.abs(between - straight).max() < 1e-2
    assert np.abs(mirrored - straight).max() > 10 * np.abs(between - straight).max(), "it sees positions"
    assert straight.sum() == pytest.approx(1)
