# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from hepq.compiler.driver.compilation import build_file
from hepq.compiler.driver.options import Options
from hepq.compiler.ir.node import Module
from hepq.compiler.train import Recipe, train_file
from hepq.compiler.train.fit import machine as work
from hepq.compiler.train.report import Watch
from tests.compiler.train.programs import EVENTS, TAG, written

PROGRAM = """
from std.taggers import {name}
dim part <= 128
dim feat = 7
dim xy = 2
dim cls = 2
model M({inputs}) -> real[cls] = {name}[cls]({call})
"""


def tagger(folder: Path, name: str, inputs: str, call: str) -> Module:
    path = folder / f"{name}.hepq"
    path.write_text(PROGRAM.format(name=name, inputs=inputs, call=call))
    return build_file(path, Options()).module


@pytest.mark.case("threads")
def test_threads_follow_the_work_of_a_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "available", lambda: 64)
    flow = tagger(tmp_path, "PFN", "x: real[part, feat]", "x")
    graph = tagger(tmp_path, "ParticleNet", "pos: real[part, xy], x: real[part, feat]", "pos, x")
    assert work.threads_for(flow, 64, {"part": 50}) == 1
    assert 8 <= work.threads_for(graph, 64, {"part": 50}) <= 64
    assert work.threads_for(flow, 64, {"part": 5}) == work.threads_for(graph, 1, {"part": 5}) == 1
    seconds = work.seconds(flow, 64, {"part": 50})
    assert work.seconds(flow, 128, {"part": 50}) == pytest.approx(2 * seconds)
    # Σ over particles of 7·100 + 100·100 + 100·128 multiply-adds, and some 20,000 more for each jet
    assert 50 * 23_500 / work.PRODUCTS < seconds / 64 < 4 * 50 * 23_500 / work.PRODUCTS
    monkeypatch.setattr(work, "available", lambda: 2)
    assert work.threads_for(graph, 64, {"part": 50}) == 2


@pytest.mark.case("threads")
def test_a_training_goes_on_with_the_threads_it_began_with(tmp_path: Path) -> None:
    import torch

    used: list[int] = []

    class Spy(Watch):
        def step(self, done: int, total: int) -> None:
            used.append(torch.get_num_threads())

    before, program, folder = torch.get_num_threads(), written(tmp_path, TAG), tmp_path / "run"

    def train(**changes: int | None) -> set[int]:
        used.clear()
        recipe = Recipe(**{"events": 60, "batch": 30, "checkpoint": folder, "resume": True, **changes})  # type: ignore[arg-type]
        train_file(program, [EVENTS], tmp_path / "w.safetensors", recipe, watch=Spy())
        return set(used)

    assert train(epochs=1, threads=3) == {3}
    assert train(epochs=2) == {3}
    assert train(epochs=3, threads=2) == {2}
    assert train(epochs=4) == {2}
    assert torch.get_num_threads() == before
    assert train(epochs=1, checkpoint=None, resume=False) == {1}
