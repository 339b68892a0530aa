# SPDX-License-Identifier: Apache-2.0
"""Models with a result for each particle or hit, from program to scores: one list for each event, in its order."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import pytest

import hepq
from hepq.compiler.driver.compilation import build_file, compile_file, model_weights
from hepq.compiler.driver.options import Options
from hepq.compiler.ir.interpret import run

PROGRAM = """
from std.abcnet import ABCPileup
from std.hits import HitGNN, HitPointNet

dim part <= 60
dim xy = 2
dim feat = 5
dim glob = 3
dim cls = 3

@equivariant(permute(part))
model GNN(pos: real[part, xy], x: real[part, feat]) -> real[part] =
  HitGNN[hidden=8, iterations=1](pos, x)

@equivariant(permute(part))
model Points(x: real[part, feat]) -> real[part, cls] =
  HitPointNet[cls, near=[8, 12], far=[12, 16, 40], hidden=[24, 16, 12, 8]](x)

@equivariant(permute(part))
model Pileup(pos: real[part, xy], x: real[part, feat], g: real[glob]) -> real[part, cls] =
  ABCPileup[cls, k=4, gap=[8, 12], first=[8, 16, 12], second=[8, 8, 24], width=16, globals=4,
            hidden=[16, 8, 8]](pos, x, g)
"""
COUNTS = (17, 1, 5, 0, 60)


@pytest.mark.parametrize("name", ["GNN", "Points", "Pileup"])
def test_scores_are_the_interpreters(name: str, tmp_path: Path) -> None:
    source = tmp_path / "models.hepq"
    source.write_text(PROGRAM)
    options = Options(model=name, init=3)
    compile_file(source, tmp_path / "m.hepqx", options)
    model = hepq.load(tmp_path / "m.hepqx", threads=1)
    assert model.verify().ok
    module, rng = build_file(source, options).module, np.random.default_rng(0)
    sizes = {n["name"]: [n.type.dims[-1].size or 0] for n in module.inputs}
    events = [
        {k: rng.normal(size=([] if k == "g" else [n]) + size).astype(np.float32) for k, size in sizes.items()}
        for n in COUNTS
    ]
    columns = {k: [e[k] for e in events] for k in sizes}
    found = model({k: np.stack(v) if k == "g" else ak.unflatten(np.concatenate(v), COUNTS) for k, v in columns.items()})
    wanted = run(module, events, model_weights(build_file(source, options).module, options))["output"]
    assert ak.num(found).tolist() == list(COUNTS)
    for ours, reference in zip(found, wanted, strict=True):
        np.testing.assert_allclose(ak.to_numpy(ours), reference, rtol=0, atol=1e-5)
