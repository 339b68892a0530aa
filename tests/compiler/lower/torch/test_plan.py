# SPDX-License-Identifier: Apache-2.0
"""What is computed together, and when values are forgotten."""

from __future__ import annotations

import numpy as np
import torch

from hepq.compiler.lower.torch.module import pad_events, to_torch
from hepq.compiler.lower.torch.plan import plan
from tests.lang.elaborate.test_elaborate import built

KINDS = """
from std.nn import BatchNorm
dim side = 2
model Kinds(x: real[part, feat], y: real[side, feat]) {
  norm = BatchNorm
  a = norm(x)
  b = norm(y + sum(x, over=part))
  return (a, b)
}
"""
CHAIN = """
from std.nn import BatchNorm
model Chain(x: real[part, feat]) -> real[part, feat] {
  norm = BatchNorm
  return norm(norm(x)^2)
}
"""


def test_places_that_share_weights_share_the_statistics_of_a_batch() -> None:
    module, rng = built(KINDS).module, np.random.default_rng(0)
    events = [{"x": rng.normal(size=(n, 5)), "y": rng.normal(3, 2, (2, 5))} for n in (4, 7, 0)]
    model = to_torch(module).double().train()
    a, b = model(*pad_events(events, module, torch.float64)).values()
    others = [e["y"] + e["x"].sum(0) for e in events]
    rows = torch.tensor(np.concatenate([e["x"] for e in events] + others), requires_grad=True)
    peer = torch.nn.BatchNorm1d(5).double()
    expected = peer(rows)
    torch.testing.assert_close(torch.cat([a[0, :4], a[1, :7]]), expected[:11])
    torch.testing.assert_close(b.reshape(-1, 5), expected[11:])
    torch.testing.assert_close(model.get_buffer("norm.running_mean"), peer.running_mean)
    torch.testing.assert_close(model.get_buffer("norm.running_var"), peer.running_var)
    b.pow(3).sum().backward()
    expected[11:].pow(3).sum().backward()
    torch.testing.assert_close(model.get_parameter("norm.weight").grad, peer.weight.grad)


def test_one_that_reads_another_is_normalised_after_it() -> None:
    module, rng = built(CHAIN).module, np.random.default_rng(1)
    events = [{"x": rng.normal(size=(6, 5))}]
    model = to_torch(module).double().train()
    out = model(*pad_events(events, module, torch.float64))["output"]
    peer = torch.nn.BatchNorm1d(5).double()
    torch.testing.assert_close(out[0], peer(peer(torch.tensor(events[0]["x"])) ** 2))
    torch.testing.assert_close(model.get_buffer("norm.running_var"), peer.running_var)


def test_what_nobody_reads_any_more_is_forgotten_once() -> None:
    module = built(KINDS).module
    nodes = tuple(module.walk())
    found = plan(nodes, {node: node.operands for node in nodes}, list(module.outputs.values()))
    at = {node: i for i, node in enumerate(found.nodes)}
    gone = [node for node in found.nodes for node in found.done[node]]
    assert sorted(map(at.__getitem__, gone)) == sorted(at[n] for n in nodes if n not in module.outputs.values())
    for reader, forgotten in found.done.items():
        assert all(at[reader] == max(at[n] for n in nodes if o in n.operands) for o in forgotten)
