# SPDX-License-Identifier: Apache-2.0
"""Networks on hits, and the regression of pile-up, against second implementations written from the papers' formulas."""

from __future__ import annotations

import itertools
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.support.sets import Subject, Weights, dense, nearest, norm

GNN = """
from std.hits import HitGNN
dim hit <= 200
dim xyz = 3
dim feat = 4
model M(pos: real[hit, xyz], x: real[hit, feat]) -> real[hit] = HitGNN[{options}name="net"](pos, x)
"""
POINTNET = """
from std.hits import HitPointNet
dim hit <= 200
dim feat = 4
dim cls = [noise, track, delta]
model M(x: real[hit, feat]) -> real[hit, cls] = HitPointNet[cls{options}, name="net"](x)
"""
PILEUP = """
from std.pileup import PileupGNN
dim part <= 200
dim xyz = 3
dim feat = 4
model M(pos: real[part, xyz], x: real[part, feat]) -> real = PileupGNN[{options}name="net"](pos, x)
"""


def neighbours(pos: Tensor, k: int) -> Tensor:
    """[edges, 2]: (hit, one of its k nearest other hits)."""
    found = nearest(pos, min(k + 1, len(pos)))
    edges = [(i, j) for i, row in enumerate(found.tolist()) for j in row if j != i]
    return torch.tensor(edges, dtype=torch.long).reshape(-1, 2)


def hit_gnn(w: Weights, pos: Tensor, x: Tensor, k: int = 8, iterations: int = 4) -> Tensor:
    """Edge by edge, as a list of edges has it."""
    i, j = neighbours(pos, k).T
    h = torch.cat([torch.tanh(dense(w, "input", x)), x], dim=1)
    for _ in range(iterations):
        hidden = torch.tanh(dense(w, "edge.dense0", torch.cat([h[i], h[j]], dim=1)))
        e = torch.sigmoid(dense(w, "edge.dense1", hidden))
        message = torch.zeros_like(h).index_add(0, i, e * h[j])
        h = torch.tanh(dense(w, "update.dense0", torch.cat([message, h], dim=1)))
        h = torch.cat([torch.tanh(dense(w, "update.dense1", h)), x], dim=1)
    return torch.sigmoid(dense(w, "head", h)[:, 0])


def hit_pointnet(w: Weights, x: Tensor) -> Tensor:
    def mlp(name: str, x: Tensor, layers: int) -> Tensor:
        for i in range(layers):
            x = torch.relu(norm(w, f"{name}_norm{i}", dense(w, f"{name}{i}", x)))
        return x

    near = mlp("near", x, 2)
    far = mlp("far", near, 3).amax(dim=0)
    h = mlp("hidden", torch.cat([near, far.expand(len(x), -1)], dim=1), 4)
    return torch.softmax(dense(w, "head", h), dim=1)


def pileup(w: Weights, pos: Tensor, x: Tensor, k: int = 7) -> Tensor:
    h = norm(w, "norm", x, eps=1e-5)
    for layer in range(2):
        path, (i, j) = f"edge_conv{layer}", neighbours(pos, k).T
        e = torch.cat([h[i], h[j] - h[i]], dim=1)
        for n in range(3):
            e = torch.relu(norm(w, f"{path}.batch_norm{n}", dense(w, f"{path}.linear{n}", e), eps=1e-5))
        mean = torch.zeros(len(x), e.shape[1], dtype=x.dtype).index_add(0, i, e) / k
        shortcut = norm(w, f"{path}.shortcut_norm", dense(w, f"{path}.shortcut", h), eps=1e-5)
        pos = h = torch.relu(shortcut + mean)
    y = torch.relu(dense(w, "hidden0", torch.cat([h, h.mean(dim=0).expand_as(h)], dim=1)))
    return torch.nn.functional.softplus(dense(w, "head", y)).sum()


def test_the_graph_network_is_its_definition() -> None:
    Subject(GNN.format(options="")).agrees_with(hit_gnn, sizes=[1, 3, 9, 50], compiled=False)
    once = Subject(GNN.format(options="k=4, hidden=8, iterations=1, "))
    once.agrees_with(partial(hit_gnn, k=4, iterations=1), sizes=[1, 3, 9, 50])


def test_the_point_network_is_its_definition() -> None:
    Subject(POINTNET.format(options="")).agrees_with(hit_pointnet, sizes=[1, 2, 30], compiled=False)
    small = ", near=[8, 12], far=[12, 16, 40], hidden=[24, 16, 12, 8]"
    Subject(POINTNET.format(options=small)).agrees_with(hit_pointnet, sizes=[1, 2, 30])


def test_the_regression_is_its_definition() -> None:
    Subject(PILEUP.format(options="")).agrees_with(pileup, sizes=[8, 20, 60], compiled=False)
    small = "convs=[[8, 8, 8], [12, 12, 12]], hidden=[16], "
    Subject(PILEUP.format(options=small)).agrees_with(pileup, sizes=[8, 20, 60])


def test_numbers_of_weights() -> None:
    h, f = 64, 4
    gnn = (f * h + h) + (2 * (h + f) * h + h + h + 1) + (2 * (h + f) * h + h + h * h + h) + (h + f + 1)
    assert Subject(GNN.format(options="")).parameters() == gnn == 22_150
    widths = [4, 64, 64, 64, 128, 1024]
    point = sum(a * b + 3 * b for a, b in itertools.pairwise(widths))
    widths = [64 + 1024, 512, 256, 128, 128]
    point += sum(a * b + 3 * b for a, b in itertools.pairwise(widths)) + 128 * 3 + 3
    assert Subject(POINTNET.format(options="")).parameters() == point


@pytest.mark.parametrize("text", [GNN.format(options=""), POINTNET.format(options="")])
def test_results_move_with_their_hits(text: str) -> None:
    straight, shuffled, order = Subject(text).permuted(30)
    np.testing.assert_allclose(shuffled, straight[order], atol=1e-12)
    assert np.ptp(straight, axis=0).max() > 1e-3, "hits of one event differ"


def test_pileup_does_not_see_the_order_of_particles_and_adds_up() -> None:
    subject = Subject(PILEUP.format(options=""))
    straight, shuffled, _ = subject.permuted(30)
    np.testing.assert_allclose(shuffled, straight, atol=1e-12)
    assert straight > 0
    (event,) = subject.events([30])
    far = {"pos": event["pos"] + 1e3, "x": event["x"]}
    two = {name: np.concatenate([value, far[name]]) for name, value in event.items()}
    # of one graph: the second lives in feature space, where two equal events are each other's neighbours
    once = Subject(PILEUP.format(options="convs=[[32, 32, 32]], "))
    single, double = once.run([event, two])
    assert double == pytest.approx(2 * single)
