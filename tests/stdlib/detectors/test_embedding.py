# SPDX-License-Identifier: Apache-2.0
"""Rows of a table, chosen by whole numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.shared.stdlib_programs import moved_weights
from hepq.compiler.ir.interpret import run
from hepq.compiler.lower.torch.module import to_torch
from tests.stdlib.detectors.detector import doubled, module_from
from tests.support.tvm_call import Compiled


@pytest.mark.parametrize("dims", ["part", "part, view", "view", ""])
def test_lookup(dims: str) -> None:
    module = module_from(
        "from std.nn import Embedding\ndim part <= 40\ndim view = 3\n"
        f"model M(i: int{f'[{dims}]' if dims else ''}) = i |> Embedding[5, 7]"
    )
    rng = np.random.default_rng(0)
    weights = moved_weights(module, rng)
    (table,) = weights.values()
    shape = {"part": 11, "view": 3}
    i = rng.integers(0, 5, [shape[d] for d in dims.split(", ") if d])
    torchs = torch.nn.functional.embedding(torch.from_numpy(np.asarray(i)), torch.from_numpy(table)).numpy()
    for got in (run(module, [{"i": i}], doubled(weights)), Compiled(module, weights)([{"i": i}])):
        np.testing.assert_allclose(got["output"][0], torchs, rtol=0, atol=1e-7)


def test_a_number_without_a_row_and_gradients() -> None:
    module = module_from("from std.nn import Embedding\ndim view = 4\nmodel M(i: int[view]) = i |> Embedding[2, 3]")
    model = to_torch(module).double()
    out = model({"i": torch.tensor([[1, -1, 2, 1]])})["output"]
    out.sum().backward()
    (table,) = model.parameters()
    row, none = table[1].tolist(), [0, 0, 0]
    assert out[0].tolist() == [row, none, none, row]
    np.testing.assert_array_equal(table.grad, [[0, 0, 0], [2, 2, 2]])
