# SPDX-License-Identifier: Apache-2.0
"""Convolutions and pooling of std.nn are those of torch, weights in torch's layout."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.shared.stdlib_programs import moved_weights
from hepq.compiler.ir.interpret import run
from hepq.compiler.ir.node import Module
from hepq.core.diagnostics.diagnostic import HepqError
from tests.stdlib.detectors.detector import by_torch, doubled, module_from, tensors
from tests.support.tvm_call import Compiled

DIMS = "dim time = 13\ndim row = 9\ndim col = 12\ndim part <= 40\ndim view = 2\n"


def layer(call: str, x: str) -> Module:
    name = call.split("[")[0]
    return module_from(f"from std.nn import {name}\n{DIMS}model M(x: real[{x}]) = x |> {call}")


def check(module: Module, x: Any, expected: Tensor, weights: dict[str, Any]) -> None:
    """Interpreter and torch in float64, compiled code in float32; ``expected`` is channels last."""
    want = expected.detach().numpy()
    events = [{"x": event} for event in x]
    np.testing.assert_allclose(np.array(run(module, events, doubled(weights))["output"]), want, rtol=0, atol=1e-12)
    np.testing.assert_allclose(by_torch(module, weights, x=x), want, rtol=0, atol=1e-12)
    np.testing.assert_allclose(np.array(Compiled(module, weights)(events)["output"]), want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "torchs"),
    [
        ("kernel=3", {"padding": 1}),
        ("kernel=1", {}),
        ("kernel=5, pad=0", {}),
        ("kernel=4, stride=3, pad=2", {"stride": 3, "padding": 2}),
        ("kernel=2, stride=2, pad=0", {"stride": 2}),
    ],
)
def test_conv1d(options: str, torchs: dict[str, int]) -> None:
    module, rng = layer(f"Conv1d[5, {options}]", "time, 3"), np.random.default_rng(0)
    weights, x = moved_weights(module, rng), rng.normal(size=(4, 13, 3))
    w, b = tensors(weights).values()
    expected = F.conv1d(torch.from_numpy(x).transpose(1, 2), w, b, **torchs)
    check(module, x, expected.transpose(1, 2), weights)


@pytest.mark.parametrize(
    ("options", "torchs"),
    [
        ("kernel=3", {"padding": 1}),
        ("kernel=7, pad=1", {"padding": 1}),
        ("kernel=1, stride=2, pad=0", {"stride": 2}),
        ("kernel=3, stride=2, pad=1", {"stride": 2, "padding": 1}),
    ],
)
def test_conv2d(options: str, torchs: dict[str, int]) -> None:
    module, rng = layer(f"Conv2d[5, {options}]", "row, col, 3"), np.random.default_rng(1)
    weights, x = moved_weights(module, rng), rng.normal(size=(2, 9, 12, 3))
    w, b = tensors(weights).values()
    expected = F.conv2d(torch.from_numpy(x).movedim(-1, 1), w, b, **torchs)
    check(module, x, expected.movedim(1, -1), weights)


def test_an_even_kernel_has_the_odd_zero_behind() -> None:
    module, rng = layer("Conv2d[4, kernel=2]", "row, col, 3"), np.random.default_rng(2)
    weights, x = moved_weights(module, rng), rng.normal(size=(2, 9, 12, 3))
    w, b = tensors(weights).values()
    expected = F.conv2d(F.pad(torch.from_numpy(x).movedim(-1, 1), (0, 1, 0, 1)), w, b)
    check(module, x, expected.movedim(1, -1), weights)


def test_leading_dims() -> None:
    module, rng = layer("Conv1d[4]", "view, time, 3"), np.random.default_rng(3)
    weights, x = moved_weights(module, rng), rng.normal(size=(2, 2, 13, 3))
    w, b = tensors(weights).values()
    expected = F.conv1d(torch.from_numpy(x).flatten(0, 1).transpose(1, 2), w, b, padding=1)
    check(module, x, expected.transpose(1, 2).reshape(2, 2, 13, -1), weights)


def test_causal() -> None:
    module, rng = layer('Conv1d[4, kernel=3, pad="causal"]', "time, 3"), np.random.default_rng(4)
    weights, x = moved_weights(module, rng), rng.normal(size=(2, 13, 3))
    w, b = tensors(weights).values()
    expected = F.conv1d(F.pad(torch.from_numpy(x).transpose(1, 2), (2, 0)), w, b)
    check(module, x, expected.transpose(1, 2), weights)


def test_causal_along_particles_sees_no_later_one() -> None:
    module, rng = layer('Conv1d[4, kernel=4, pad="causal"]', "part, 3"), np.random.default_rng(5)
    weights, x = moved_weights(module, rng), rng.normal(size=(20, 3))
    events = [{"x": x[:n]} for n in (20, 7, 1, 0)]
    whole, *shorter = run(module, events, weights)["output"]
    assert [len(v) for v in shorter] == [7, 1, 0]
    for values in shorter:
        np.testing.assert_allclose(values, whole[: len(values)], atol=1e-12)
    for compiled, exact in zip(Compiled(module, weights)(events)["output"], [whole, *shorter], strict=True):
        np.testing.assert_allclose(compiled, exact, atol=1e-5)


@pytest.mark.parametrize(("options", "torchs"), [("2", (2,)), ("3, 2", (3, 2)), ("4", (4,))])
@pytest.mark.parametrize("kind", ["max", "mean"])
def test_pooling(kind: str, options: str, torchs: tuple[int, ...]) -> None:
    x = np.random.default_rng(6).normal(size=(2, 9, 12, 3))
    image = torch.from_numpy(x).movedim(-1, 1)
    window, stride = torchs[0], torchs[-1]
    expected = F.max_pool2d(image, window, stride) if kind == "max" else F.avg_pool2d(image, window, stride)
    check(layer(f"{kind}_pool2d[{options}]", "row, col, 3"), x, expected.movedim(1, -1), {})


@pytest.mark.parametrize(
    ("call", "x", "code"),
    [
        ('Conv1d[4, pad="valid"]', "time, 3", "HQ0404"),
        ('Conv1d[4, stride=2, pad="causal"]', "time, 3", "HQ0404"),
        ("Conv1d[4, pad=1]", "part, 3", "HQ0211"),
        ("Conv2d[4, kernel=11, pad=0]", "row, col, 3", "HQ0206"),
    ],
)
def test_pad_is_checked(call: str, x: str, code: str) -> None:
    with pytest.raises(HepqError, match=code):
        layer(call, x)
