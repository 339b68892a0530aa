# SPDX-License-Identifier: Apache-2.0
"""P-CNN, deep sets and LorentzNet written anew in torch, with the modules' names of published checkpoints.

Those are of github.com/jet-universe/particle_transformer and github.com/sdogsq/LorentzNet-release. Inputs are
[event, channel, slot]; outputs are logits.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn


class Unit(nn.Module):
    """Two convolutions of three, activated, and a shortcut."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(inside, outside, 3, stride, 1)
        self.bn1 = nn.BatchNorm1d(outside)
        self.conv2 = nn.Conv1d(outside, outside, 3, 1, 1)
        self.bn2 = nn.BatchNorm1d(outside)
        if (inside, stride) != (outside, 1):
            self.conv_sc = nn.Conv1d(inside, outside, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x))))))
        return y + (self.conv_sc(x) if hasattr(self, "conv_sc") else x)


def dense(widths: Sequence[int], classes: int) -> nn.Sequential:
    layers = [nn.Sequential(nn.Linear(a, b), nn.ReLU()) for a, b in pairwise(widths)]
    return nn.Sequential(*layers, nn.Linear(widths[-1], classes))


class PCNN(nn.Module):
    def __init__(
        self, features: int, classes: int, stem: int = 32, hidden: Sequence[int] = (512,),
        stages: Sequence[Sequence[int]] = ((64, 64), (64, 64), (128, 128)),
    ) -> None:  # fmt: skip
        super().__init__()
        self.fts_conv = nn.Sequential(
            nn.BatchNorm1d(features), nn.Conv1d(features, stem, 3, 1, 1), nn.BatchNorm1d(stem), nn.ReLU()
        )
        self.resnet_units = nn.ModuleDict()
        last = stem
        for i, widths in enumerate(stages):
            stage = nn.Sequential()
            for j, width in enumerate(widths):
                stage.append(Unit(last, width, 2 if i > 0 and j == 0 else 1))
                last = width
            self.resnet_units[f"resnet_unit_{i}"] = stage
        self.fc = dense([last, *hidden], classes)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        y = self.fts_conv(x * mask)
        for stage in self.resnet_units.values():
            y = stage(y)
        logits: Tensor = self.fc(y.mean(-1))
        return logits


class PFN(nn.Module):
    """Forward's ``weight`` [event, 1, slot] multiplies what phi makes: a mask; of an energy flow network, shares."""

    def __init__(
        self, features: int, classes: int, phi: Sequence[int] = (100, 100, 256), rho: Sequence[int] = (100, 100, 100),
        norm: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.input_bn = nn.BatchNorm1d(features) if norm else nn.Identity()
        self.phi = nn.Sequential()
        for a, b in pairwise([features, *phi]):
            self.phi.append(nn.Sequential(nn.Conv1d(a, b, 1), nn.BatchNorm1d(b) if norm else nn.Identity(), nn.ReLU()))
        self.fc = dense([phi[-1], *rho], classes)

    def forward(self, x: Tensor, weight: Tensor) -> Tensor:
        logits: Tensor = self.fc((self.phi(self.input_bn(x)) * weight).sum(-1))
        return logits


#: (px, py, pz, energy)
METRIC = (-1.0, -1.0, -1.0, 1.0)


def squeezed(x: Tensor) -> Tensor:
    return x.sign() * x.abs().log1p()


class LorentzBlock(nn.Module):
    """One list of edges for all events, as the authors have it: no edge touches padding."""

    def __init__(self, hidden: int, scalars: int, c_weight: float, last: bool) -> None:
        super().__init__()
        self.c_weight, self.last = c_weight, last
        self.phi_e = nn.Sequential(
            nn.Linear(2 * hidden + 2, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(),
            nn.Linear(hidden, hidden), nn.ReLU(),
        )  # fmt: skip
        self.phi_h = nn.Sequential(
            nn.Linear(2 * hidden + scalars, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, hidden)
        )
        self.phi_m = nn.Sequential(nn.Linear(hidden, 1), nn.Sigmoid())
        if not last:
            share = nn.Linear(hidden, 1, bias=False)
            nn.init.xavier_uniform_(share.weight, gain=0.001)
            self.phi_x = nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), share)

    def forward(self, h: Tensor, x: Tensor, scalars: Tensor, edges: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        i, j = edges
        apart, metric = x[i] - x[j], x.new_tensor(METRIC)
        products = [squeezed((v * metric).sum(1, True)) for v in (apart**2, x[i] * x[j])]
        m = self.phi_e(torch.cat([h[i], h[j], *products], 1))
        m = m * self.phi_m(m)
        if not self.last:
            moves = (apart * self.phi_x(m)).clamp(-100, 100)
            degree = torch.zeros(len(x), 1, dtype=x.dtype).index_add_(0, i, torch.ones(len(i), 1, dtype=x.dtype))
            x = x + self.c_weight * torch.zeros_like(x).index_add_(0, i, moves) / degree.clamp(min=1)
        heard = torch.zeros_like(h).index_add_(0, i, m)
        return h + self.phi_h(torch.cat([h, heard, scalars], 1)), x


class LorentzNet(nn.Module):
    """Of momenta [event, 4, slot] in GeV and their mask; two beams of 1 GeV are nodes too. arXiv:2201.08187."""

    def __init__(self, classes: int, blocks: int = 6, hidden: int = 72, c_weight: float = 5e-3, drop: float = 0.2):
        super().__init__()
        self.embedding = nn.Linear(2, hidden)
        self.LGEBs = nn.ModuleList(LorentzBlock(hidden, 2, c_weight, i == blocks - 1) for i in range(blocks))
        self.graph_dec = nn.Sequential(
            nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(drop), nn.Linear(hidden, classes)
        )

    def forward(self, vectors: Tensor, mask: Tensor) -> Tensor:
        events, energy = len(vectors), 2**0.5
        beams = vectors.new_tensor([[0, 0, 1, energy], [0, 0, -1, energy]]).expand(events, 2, 4)
        real = torch.cat([mask.new_ones(events, 2), mask[:, 0]], 1)
        event = real.nonzero()[:, 0]
        x = torch.cat([beams, vectors.transpose(1, 2)], 1)[real]
        is_beam = torch.cat([mask.new_ones(events, 2), torch.zeros_like(mask[:, 0])], 1)[real]
        mass = squeezed((x**2 * x.new_tensor(METRIC)).sum(1).clamp(min=0).sqrt())
        scalars = torch.stack([mass * ~is_beam, mass * is_beam], 1)
        h = self.embedding(scalars)
        edges = _edges(torch.bincount(event, minlength=events))
        for block in self.LGEBs:
            h, x = block(h, x, scalars, edges)
        total = torch.zeros(events, h.shape[1], dtype=h.dtype).index_add_(0, event, h)
        logits: Tensor = self.graph_dec(total / torch.bincount(event, minlength=events)[:, None])
        return logits


def _edges(nodes: Tensor) -> tuple[Tensor, Tensor]:
    """All ordered pairs of different nodes of one event, numbered through all events."""
    start = nodes.cumsum(0) - nodes
    pairs = [(1 - torch.eye(n, dtype=torch.long)).nonzero() + s for n, s in zip(nodes.tolist(), start, strict=True)]
    i, j = torch.cat(pairs).unbind(1)
    return i, j
