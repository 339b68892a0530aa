# SPDX-License-Identifier: Apache-2.0
"""JEDI-net against its definition by receiving and sending matrices (arXiv:1908.05318, equations 1 to 6)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hepq.compiler.weights.files import import_checkpoint
from tests.support.sets import Subject, Weights, built, dense

#: the paper's inputs: 16 features of up to 150 particles, five classes
PROGRAM = """
from std.jedinet import JEDINet
from std.nn import selu
dim part <= 150
dim feat = 16
dim cls = 5
model M(x: real[part, feat]) -> real[cls] = JEDINet[cls{options}, name="net"](x)
"""
FUNCTIONS = {"relu": torch.relu, "elu": nn.functional.elu, "selu": nn.functional.selu}


def peer(fr: str, fo: str, fc: str, w: Weights, x: Tensor) -> Tensor:
    n = len(x)
    pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
    receive, send = (torch.zeros(n, len(pairs), dtype=x.dtype) for _ in range(2))
    for edge, (i, j) in enumerate(pairs):
        receive[i, edge], send[j, edge] = 1, 1
    e = torch.cat([receive.T @ x, send.T @ x], dim=1)
    for layer in range(3):
        e = FUNCTIONS[fr](dense(w, f"fr.dense{layer}", e))
    o = torch.cat([x, receive @ e], dim=1)
    for layer in range(3):
        o = FUNCTIONS[fo](dense(w, f"fo.dense{layer}", o))
    y = o.sum(0)
    for layer in range(2):
        y = FUNCTIONS[fc](dense(w, f"fc{layer}", y))
    return torch.softmax(dense(w, "head", y), dim=0)


@pytest.mark.parametrize("functions", [("selu", "selu", "selu"), ("elu", "relu", "selu"), ("selu", "elu", "relu")])
def test_it_is_its_definition(functions: tuple[str, str, str]) -> None:
    options = "".join(f", f{c}={f}" for c, f in zip("roc", functions, strict=True))
    Subject(PROGRAM.format(options=options), head=1e-3).agrees_with(
        lambda w, x: peer(*functions, w=w, x=x), sizes=[1, 2, 7, 30]
    )


def test_it_has_the_released_number_of_weights() -> None:
    assert Subject(PROGRAM.format(options="")).parameters() == 8481


def test_it_does_not_see_the_order_of_particles() -> None:
    straight, shuffled, _ = Subject(PROGRAM.format(options=""), head=1e-3).permuted(20)
    assert 0.01 < straight.max() < 0.99
    np.testing.assert_allclose(shuffled, straight, atol=1e-12)


def test_the_released_state_dicts_names_and_shapes_fit(tmp_path: Path) -> None:
    layers = {"fr": (32, 50, 25, 14), "fo": (30, 50, 25, 12), "fc": (12, 50, 25, 5)}
    theirs = {
        f"{f}{i}.{kind}": torch.randn((sizes[i], sizes[i - 1]) if kind == "weight" else sizes[i])
        for f, sizes in layers.items() for i in (1, 2, 3) for kind in ("weight", "bias")
    }  # fmt: skip
    torch.save(theirs, tmp_path / "IN.pt")
    program = built(PROGRAM.format(options=""))
    imported = import_checkpoint(program, tmp_path / "IN.pt")
    assert set(imported.weights) == set(program.module.params)
    np.testing.assert_array_equal(imported.weights["net.fo.dense1.weight"], theirs["fo2.weight"])
    np.testing.assert_array_equal(imported.weights["net.head.bias"], theirs["fc3.bias"])
