# SPDX-License-Identifier: Apache-2.0
"""What stages do: all of a module's FLOPs, each once; bytes and words of a program that is small enough to count."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.shared.stdlib_programs import module_of
from hepq.compiler.ir.flops import total, with_made
from hepq.compiler.ir.infer import make
from hepq.compiler.ir.node import Module
from hepq.compiler.lower.cpu.plan import make_plan
from hepq.compiler.lower.cpu.prepare import prepare
from hepq.compiler.lower.cpu.work import StageWork, works
from hepq.compiler.passes.base import run_pipeline
from hepq.compiler.passes.pipelines import INFERENCE
from hepq.compiler.weights.initialise import initial_weights
from hepq.core.types import Dim, Type

PART, FEAT, OUT = Dim("part", bound=20), Dim("feat", 3), Dim("out", 4)


def worked(module: Module, weights: dict[str, Any]) -> tuple[Module, list[StageWork]]:
    module, _ = prepare(module, weights)
    return module, works(module, make_plan(module, 16))


@pytest.mark.parametrize(
    ("library", "name"),
    [("particlenet", "ParticleNetLite"), ("part", "ParT"), ("lorentznet", "LorentzNet"), ("pcnn", "PCNN"),
     ("hits", "HitGNN"), ("jedinet", "JEDINet")],
)  # fmt: skip
def test_stages_do_all_work_once(library: str, name: str) -> None:
    module = module_of(library, name)
    module, weights = run_pipeline(INFERENCE, module, initial_weights(module, 0))
    module, found = worked(module, dict(weights))
    sizes = with_made(module, {d.name: 9 for d in module.ragged_dims})
    assert sum(work.flops(sizes) for work in found) == total(module, sizes) > 0


def test_what_a_layer_and_its_mean_move() -> None:
    """Copying in: 30 numbers read and left. Layer: those, 12 weights, 40 numbers left. Mean: those, and 4 left."""
    x = make("input", name="x", type=Type("real", (PART, FEAT)))
    w = make("param", path="w", init=("normal", 0.0, 1.0), trainable=True, type=Type("real", (OUT, FEAT)))
    layer = make("max", make("contract", x, w, over=(FEAT,)), make("const", value=0.0))
    weights = {"w": np.ones((4, 3), np.float32)}
    _, found = worked(Module("m", (x,), {"y": make("reduce_mean", layer, over=(PART,))}), weights)
    sizes = {"part": 10}
    assert [work.words for work in found] == ["input", "3→4 over part, 1 elementwise", "mean over part"]
    assert [work.moved(sizes) for work in found] == [4 * 60, 4 * (30 + 12 + 40), 4 * (40 + 4)]
    assert [work.left_behind(sizes) for work in found] == [4 * 30, 4 * 40, 4 * 4]


def test_what_lives_in_a_tile_moves_nowhere() -> None:
    """Two layers of the same particles are one stage: what is between them stays in the tile."""
    x = make("input", name="x", type=Type("real", (PART, FEAT)))
    w, v = (
        make("param", path=p, init=("normal", 0.0, 1.0), trainable=True, type=Type("real", dims))
        for p, dims in (("w", (OUT, FEAT)), ("v", (FEAT, OUT)))
    )
    hidden = make("max", make("contract", x, w, over=(FEAT,)), make("const", value=0.0))
    weights = {"w": np.ones((4, 3), np.float32), "v": np.full((3, 4), 2, np.float32)}
    _, found = worked(Module("m", (x,), {"y": make("contract", hidden, v, over=(OUT,))}), weights)
    assert [work.moved({"part": 10}) for work in found] == [4 * 60, 4 * (30 + 12 + 12 + 30)]
