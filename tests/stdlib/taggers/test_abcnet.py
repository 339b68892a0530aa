# SPDX-License-Identifier: Apache-2.0
"""ABCNet against a second implementation, written from the paper and the authors' layer list."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import leaky_relu

from tests.support.sets import Subject, Weights, dense, nearest, norm

#: inputs as the published training scripts have them: 8 features, 2 of the event
PROGRAM = """
from std.abcnet import {model}
dim part <= 100
dim xy = 2
dim feat = 8
dim glob = 2
dim cls = [signal, background]
model M(pos: real[part, xy], x: real[part, feat], g: real[glob]) = {model}[cls{options}, name="net"](pos, x, g)
"""
TAGGER, PILEUP = "ABCNet", "ABCPileup"
SMALL = ", k=4, gap=[8, 12], width=16, globals=4"


def program(model: str, options: str = "") -> str:
    return PROGRAM.format(model=model, options=options)


def layer(w: Weights, path: str, x: Tensor) -> Tensor:
    return torch.relu(norm(w, f"{path}.norm", dense(w, f"{path}.dense", x)))


def gap(w: Weights, path: str, x0: Tensor, x: Tensor, heads: int, neighbours: Tensor) -> tuple[Tensor, Tensor]:
    found, largest = [x0], []
    for i in range(heads):
        head = f"{path}.head{i}"
        point = torch.relu(norm(w, f"{head}.point_norm", dense(w, f"{head}.point", x)))
        edge = layer(w, f"{head}.edge", x[:, None, :] - x[neighbours])
        logits = layer(w, f"{head}.own", point) + layer(w, f"{head}.other", edge)[..., 0]
        coefficients = torch.softmax(leaky_relu(logits, 0.2), dim=1)
        found.append(torch.relu((coefficients[:, None, :] @ edge)[:, 0] + w[f"{head}.bias"]))
        largest.append(edge.amax(dim=1))
    return torch.cat(found, dim=1), torch.cat(largest, dim=1)


def features(w: Weights, pos: Tensor, x: Tensor, g: Tensor, k: int, first: int, second: int, skip: int) -> Tensor:
    h, near = gap(w, "features.gap0", x, x, 1, nearest(pos, k))
    parts = [near]
    for i in range(first):
        h = layer(w, f"features.first{i}", h)
        parts.append(h)
    h, near = gap(w, "features.gap1", x, h, 2, nearest(h, k))
    parts += [near, layer(w, "features.global", g).expand(len(x), -1)]
    for i in range(second):
        h = layer(w, f"features.second{i}", h)
        parts += [h] if i >= skip else []
    return layer(w, "features.joined", torch.cat(parts, dim=1))


def tagger(w: Weights, pos: Tensor, x: Tensor, g: Tensor, k: int = 10) -> Tensor:
    y = features(w, pos, x, g, k, 2, 2, 0).mean(dim=0)
    for i in range(2):
        y = layer(w, f"hidden{i}", y)
    return torch.softmax(dense(w, "head", y), dim=0)


def pileup(w: Weights, pos: Tensor, x: Tensor, g: Tensor, k: int = 50) -> Tensor:
    h = features(w, pos, x, g, k, 3, 3, 1)
    h = torch.cat([h.mean(dim=0).expand_as(h), h], dim=1)
    for i in range(3):
        h = layer(w, f"hidden{i}", h)
    return torch.softmax(dense(w, "head", h), dim=1)


def test_the_tagger_is_its_definition() -> None:
    Subject(program(TAGGER)).agrees_with(tagger, sizes=[10, 12, 60], compiled=False)
    small = SMALL + ", first=[16, 12], second=[8, 24], hidden=[16, 8]"
    Subject(program(TAGGER, small)).agrees_with(partial(tagger, k=4), sizes=[4, 9, 30])


def test_pileup_mitigation_is_its_definition() -> None:
    Subject(program(PILEUP)).agrees_with(pileup, sizes=[50, 75], compiled=False)
    small = SMALL + ", first=[8, 16, 12], second=[8, 8, 24], hidden=[16, 8, 8]"
    Subject(program(PILEUP, small)).agrees_with(partial(pileup, k=4), sizes=[4, 9, 30])


def count(first: list[int], second: list[int], skip: int, pooled: int, hidden: list[int]) -> int:
    """The published layers, added up."""

    def one(inputs: int, outputs: int) -> int:
        return inputs * outputs + 3 * outputs

    def chain(inputs: int, widths: list[int]) -> int:
        return sum(one(a, b) for a, b in zip([inputs, *widths], widths, strict=False))

    def head(inputs: int, width: int) -> int:
        return inputs * width + 2 * width + one(inputs, width) + 2 * one(width, 1) + width

    gaps = head(8, 32) + 2 * head(first[-1], 64)
    joined = 32 + sum(first) + 2 * 64 + 16 + sum(second[skip:])
    ends = chain(pooled, hidden) + 2 * hidden[-1] + 2
    return gaps + chain(8 + 32, first) + chain(8 + 2 * 64, second) + one(2, 16) + one(joined, 128) + ends


@pytest.mark.parametrize(
    ("model", "weights", "layers"),
    [
        (TAGGER, 230_756, ([128, 128], [128, 128], 0, 128, [128, 256])),
        (PILEUP, 443_300, ([64, 128, 128], [128, 128, 256], 1, 256, [256, 256, 256])),
    ],
)
def test_number_of_weights(model: str, weights: int, layers: tuple[list[int], list[int], int, int, list[int]]) -> None:
    assert Subject(program(model)).parameters() == weights == count(*layers)


def test_the_tagger_does_not_see_the_order_of_particles() -> None:
    straight, shuffled, _ = Subject(program(TAGGER)).permuted(30)
    np.testing.assert_allclose(shuffled, straight, atol=1e-12)


def test_probabilities_move_with_their_particles() -> None:
    straight, shuffled, order = Subject(program(PILEUP)).permuted(60)
    np.testing.assert_allclose(shuffled, straight[order], atol=1e-12)
    assert np.ptp(straight[:, 0]) > 1e-3, "particles of one event differ"
    np.testing.assert_allclose(straight.sum(axis=1), 1)
