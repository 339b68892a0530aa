# SPDX-License-Identifier: Apache-2.0
"""What is computed of the events alone is computed once, with the same results."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import torch
from torch import Tensor

from hepq.compiler.driver.options import Options
from hepq.compiler.ir.node import Module
from hepq.compiler.lower.torch.module import to_torch
from hepq.compiler.train.data.events import training_set
from hepq.compiler.train.data.prepared import prepared
from hepq.compiler.train.data.table import Table
from tests.runtime.conftest import make_events

PROGRAM = """
from std.nn import Dense
dim part <= 16
dim feat = 2
dim cls = [A, B]
dataset Events {
  source events = root("a.root", tree="tree")
  branch part_e, part_px: GeV[part]
  branch jet_x: GeV
  order part by part_e desc
  input x = stack(log1p(part_e / 1 GeV), part_px / jet_x, dim=feat)
  input energy = log(1 + sum(part_e, over=part) / 1 GeV)
  input pairs = sum(part_e * rename(part_e, part, part') / 1 GeV / 1 GeV, over=[part, part'])
  label truth: cls = "label_*"
}
model Sets(x: real[part, feat], energy: real, pairs: real) -> real[cls] {
  return Dense[cls](sum(x |> Dense[4] |> relu, over=part)) + energy + log1p(pairs)
}
"""


@pytest.fixture
def read(tmp_path: Path) -> tuple[Module, Table]:
    program, file, events = tmp_path / "p.hepq", tmp_path / "a.parquet", make_events(200, 1)
    program.write_text(PROGRAM)
    ak.to_parquet(events, file)
    found = training_set(program, [file], Options())
    return found.module, found.table


def outputs(module: Module, table: Table, pick: np.ndarray) -> dict[str, Tensor]:
    net = to_torch(module, seed=3).eval()
    with torch.no_grad():
        found: dict[str, Tensor] = net(*table.batch(module.inputs, pick, torch.float32))
    return found


@pytest.mark.case("threads")
def test_a_network_reads_what_was_made_of_branches(read: tuple[Module, Table]) -> None:
    module, table = read
    short, made = prepared(module, table)
    ops = [n.op for n in short.walk()]
    assert ops.count("input") == len(short.inputs) == 3
    assert not {"log1p", "log", "stack", "div"} & set(ops)
    assert sorted(made.dims.values(), key=str) == [None, None, "part"]
    assert made.events == table.events == 200
    pick = np.random.default_rng(0).permutation(200)[:64]
    expected, found = outputs(module, table, pick)["output"], outputs(short, made, pick)["output"]
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


def test_nothing_to_prepare_leaves_all_as_it_is(read: tuple[Module, Table]) -> None:
    short, made = prepared(*read)
    assert prepared(short, made) == (short, made)
