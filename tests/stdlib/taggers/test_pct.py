# SPDX-License-Identifier: Apache-2.0
"""Point Cloud Transformer against a second implementation, written from the paper and the authors' layer list."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.support.sets import Subject, Weights, dense, nearest, norm

#: the paper's top-tagging inputs: 13 features of up to 100 particles
PROGRAM = """
from std.pct import PCT, SPCT
dim part <= 100
dim xy = 2
dim feat = 13
dim cls = [top, QCD]
model M({inputs}) -> real[cls] = {expression}
"""
FULL = PROGRAM.format(inputs="pos: real[part, xy], x: real[part, feat]", expression='PCT[cls{}, name="net"](pos, x)')
SIMPLE = PROGRAM.format(inputs="x: real[part, feat]", expression='SPCT[cls, name="net"](x)')


def layer(w: Weights, path: str, x: Tensor) -> Tensor:
    """A dense layer and its batch normalisation, without activation."""
    return norm(w, f"{path}_norm", dense(w, path, x))


def local(w: Weights, path: str, x: Tensor, neighbours: Tensor) -> Tensor:
    near = x[neighbours]
    centre = x[:, None, :].expand_as(near)
    h = torch.cat([centre, near - centre], dim=-1)
    for i in range(2):
        h = torch.relu(norm(w, f"{path}.batch_norm{i}", dense(w, f"{path}.dense{i}", h)))
    return h.mean(dim=1)


def attention(w: Weights, path: str, x: Tensor) -> Tensor:
    query, key, value = (layer(w, f"{path}.{name}", x) for name in ("query", "key", "value"))
    a = torch.softmax(query @ key.T, dim=1)
    a = a / (1e-9 + a.sum(dim=0, keepdim=True))
    return x + torch.relu(layer(w, f"{path}.out", x - (value.T @ a).T))


def head(w: Weights, h: Tensor) -> Tensor:
    y = torch.relu(layer(w, "hidden", h.mean(dim=0)))
    return torch.softmax(dense(w, "head", y), dim=0)


def pct(w: Weights, pos: Tensor, x: Tensor, k: int = 20) -> Tensor:
    x = local(w, "edge0", x, nearest(pos, k))
    x = local(w, "edge1", x, nearest(x, k))
    parts, h = [x], x
    for i in range(3):
        h = attention(w, f"attention{i}", h)
        parts.append(h)
    return head(w, torch.relu(layer(w, "embed", torch.cat(parts, dim=1))))


def spct(w: Weights, x: Tensor) -> Tensor:
    for i in range(2):
        x = torch.relu(norm(w, f"embed_norm{i}", dense(w, f"embed{i}", x)))
    first = attention(w, "attention0", x)
    second = attention(w, "attention1", first)
    return head(w, torch.relu(dense(w, "wide", torch.cat([first, second], dim=1))))


def test_pct_is_its_definition() -> None:
    Subject(FULL.format(""), head=1e-2).agrees_with(pct, sizes=[20, 25, 60], compiled=False)
    small = ", k=4, edges=[16, 8], width=16, hidden=8"
    Subject(FULL.format(small)).agrees_with(partial(pct, k=4), sizes=[4, 5, 12, 30])


def test_spct_is_its_definition() -> None:
    Subject(SIMPLE).agrees_with(spct, sizes=[1, 2, 60])


def test_missing_neighbours_of_short_jets_have_features_zero() -> None:
    """As in the published code, where they are the zeros a jet is padded with."""
    subject = Subject(
        """
from std.pct import PCTEdgeConv
dim part <= 100
model M(pos: real[part, 2], x: real[part, 13]) = PCTEdgeConv[8, name="net"](x, knn[5, short="zero"](pos, over=part))
"""
    )

    def padded(w: Weights, pos: Tensor, x: Tensor) -> Tensor:
        n, far = len(x), torch.full((6 - len(x), 2), 1e4, dtype=x.dtype)
        far = far * torch.arange(1, len(far) + 1)[:, None]
        rows = torch.cat([x, torch.zeros(6 - n, x.shape[1], dtype=x.dtype)])
        return local({f"edge.{k}": v for k, v in w.items()}, "edge", rows, nearest(torch.cat([pos, far]), 6))[:n]

    subject.agrees_with(padded, sizes=[1, 2, 5])


@pytest.mark.parametrize(("text", "weights"), [(FULL.format(""), 172_738), (SIMPLE, 56_578)])
def test_number_of_weights(text: str, weights: int) -> None:
    """The published layers, added up: dense with bias (queries, keys, values and what follows without), and norms."""
    assert Subject(text).parameters() == weights


@pytest.mark.parametrize("text", [FULL.format(""), SIMPLE])
def test_it_does_not_see_the_order_of_particles(text: str) -> None:
    straight, shuffled, _ = Subject(text, head=1e-2).permuted(30)
    assert 0.01 < straight[0] < 0.99
    np.testing.assert_allclose(shuffled, straight, atol=1e-12)
