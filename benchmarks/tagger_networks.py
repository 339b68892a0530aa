# SPDX-License-Identifier: Apache-2.0
"""P-CNN and deep sets written anew in torch, with the modules' names that checkpoints of
github.com/jet-universe/particle_transformer have. Inputs are [event, channel, slot]; outputs are logits."""

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
