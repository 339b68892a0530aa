# SPDX-License-Identifier: Apache-2.0
"""Windows times weights are convolutions in torch, and only where that is the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hepq.compiler.ir.interpret import run
from hepq.compiler.lower.torch.convolution import convolutions
from hepq.compiler.lower.torch.module import TorchModule, pad_events, to_torch
from tests.stdlib.detectors.detector import module_from
from tests.support.generate import random_events, random_weights

DIMS = "dim part <= 9\ndim row = 5\ndim col = 4\ndim lay = 3\ndim c = 2\ndim w = 3\ndim v = 2\ndim out = 6\n"


def lowered(x: str, param: str, body: str) -> TorchModule:
    """In float64, and equal to the reference, whether trained or not."""
    module = module_from(f"{DIMS}model M(x: real[{x}]) {{\n  param k: real[{param}]\n  return {body}\n}}")
    rng = np.random.default_rng(0)
    weights, events = random_weights(module, rng), random_events(module, rng, 5)
    model = to_torch(module, weights).double()
    with torch.no_grad():
        got = model(*pad_events(events, module, torch.float64))["output"]
    for one, expected in zip(got, run(module, events, weights)["output"], strict=True):
        inside = one[tuple(slice(n) for n in expected.shape)]
        np.testing.assert_allclose(inside, expected, rtol=1e-12, atol=1e-12)
    return model


@pytest.mark.parametrize(
    ("x", "param", "body"),
    [
        ("row, c", "out, c, w", "dot(window[w](x, over=row), k, over=[c, w])"),
        ("part, c", "out, c, w", "dot(window[w](x, over=part), k, over=[c, w])"),
        ("part, c", "c, w", 'dot(k, window[w, pad="causal"](x, over=part), over=[c, w])'),
        ("part, row", "w", "dot(window[w](x, over=row), k, over=w)"),
        ("row, c", "c, w", "dot(window[w](x, over=row), k, over=w)"),
        ("row, c", "out, c, w", "dot(window[w, 2, 1](x, over=row), k, over=w)"),
        ("row, col, c", "c, w, v", "dot(window[v](window[w](x, over=row), over=col), k, over=[c, w, v])"),
        (
            "c, row, col",
            "w, out, c, v",
            "dot(window[v, 3, 4](window[w, 2, 0](x, over=row), over=col), k, over=[c, v, w])",
        ),
        ("part, c, row", "c, w, v", "dot(window[v](window[w](x, over=part), over=row), k, over=[c, w, v])"),
        ("row, col, lay", "out, w, v", "dot(window[v](window[w](x, over=lay), over=row), k, over=[w, v])"),
    ],
)
def test_no_window_is_held(x: str, param: str, body: str) -> None:
    model = lowered(x, param, body)
    assert len(convolutions(model.ir)) == 1
    assert not any(node.op == "window" for node in model._plan_of(None).nodes)


def test_a_volume() -> None:
    windows = "window[v](window[w, 2, 1](window[2](x, over=row), over=col), over=lay)"
    model = lowered("row, col, lay, c", "out, c, 2, w, v", f"dot({windows}, k, over=[c, 2, w, v])")
    assert len(convolutions(model.ir)) == 1


@pytest.mark.parametrize(
    ("x", "param", "body"),
    [
        # weights that depend on the place
        ("row, c", "row, c, w", "dot(window[w](x, over=row), k, over=[c, w])"),
        # weights that depend on the event
        ("row, c", "w", "dot(window[w](x, over=row), k + sum(x, over=[row, c]), over=w)"),
        # nothing summed over the window
        ("row, c", "out, c", "dot(window[w](x, over=row), k, over=c)"),
        # windows of windows
        ("row, c", "w, v", "dot(window[v](window[w](x, over=row), over=row), k, over=[w, v])"),
        ("row, c", "w, v", "dot(window[v](window[w](x, over=row), over=w), k, over=[w, v])"),
    ],
)
def test_what_is_no_convolution(x: str, param: str, body: str) -> None:
    assert not convolutions(lowered(x, param, body).ir)


def test_a_window_that_something_else_reads_is_kept() -> None:
    body = "dot(window[w](x, over=row), k, over=w) + max(window[w](x, over=row), over=w)"
    model = lowered("row, c", "w", body)
    assert len(convolutions(model.ir)) == 1
    assert any(node.op == "window" for node in model._plan_of(None).nodes)


def test_padding_gets_no_gradient_and_leaks_none() -> None:
    body = "sum(dot(window[w](x, over=part), k, over=[c, w]), over=part)"
    model = lowered("part, c", "out, c, w", body)
    x = torch.randn(2, 6, 2, dtype=torch.float64)
    x[0, 4:] = torch.nan
    leaf = x.clone().requires_grad_()
    model({"x": leaf}, {"part": torch.tensor([4, 6])})["output"].sum().backward()
    assert leaf.grad is not None
    assert (leaf.grad[0, 4:] == 0).all()
    assert (leaf.grad[0, :4] != 0).all()
    cut = x[:1, :4].clone().requires_grad_()
    model({"x": cut}, {"part": torch.tensor([4])})["output"].sum().backward()
    assert cut.grad is not None
    np.testing.assert_allclose(leaf.grad[0, :4], cut.grad[0], atol=1e-12)
