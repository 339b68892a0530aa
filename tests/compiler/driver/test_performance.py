# SPDX-License-Identifier: Apache-2.0
"""What a model costs: after each pass, at each stage, at the sizes that are asked for or that events have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hepq.compiler.driver import performance as costs
from hepq.compiler.driver.compilation import Compilation
from hepq.compiler.driver.options import Options
from hepq.compiler.driver.performance import EntriesError, of_events, of_raw, of_sizes, performance
from hepq.compiler.targets.limits import Limits
from hepq.runtime.events.columns import Raw

PROGRAM = """\
from std.nn import Dense, relu

dim part <= 20
dim feat = 3
dim cls = [a, b]

model M(x: real[part, feat]) -> real[cls] = mean(x |> Dense[8] |> relu, over=part) |> Dense[cls]
"""
EDGES = """\
from std.nn import Linear

dim part <= 20
dim feat = 3
dim out = 8
dim node, chan, nbr

block Edges(x: real[node, chan], near: index[node, nbr]) =
  mean(concat(x, gather(x, near) - x) |> Linear[out], over=nbr)

model M(x: real[part, feat]) -> real[part, out] = Edges(x, knn[4](x, over=part))
"""
#: of n particles: 3→8 with biases and relu; the mean; 8→2 with biases
PARTICLE, EVENT = 2 * 24 + 8 + 8 + 8, 8 + 2 * 16 + 2


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Compilation:
    monkeypatch.setattr(costs, "measured", lambda memory: Limits(flops=1e9, bandwidth=1e8, memory=memory))
    return compilation(tmp_path, PROGRAM)


def compilation(folder: Path, text: str) -> Compilation:
    (folder / "m.hepq").write_text(text)
    return Compilation(folder / "m.hepq", Options(init=0)).check()


def test_each_rewrite_and_stage_is_counted(program: Compilation) -> None:
    found = performance(program, of_sizes(program, {"part": 10}))
    assert found.model == "M"
    assert found.entries == {"part": 10}
    assert [row.name for row in found.rewrites] == [
        "as written", *(one.name for one in program.target.passes), "code generation",
    ]  # fmt: skip
    assert {row.flops for row in found.rewrites} == {10 * PARTICLE + EVENT}
    assert sum(stage.flops for stage in found.stages) == 10 * PARTICLE + EVENT
    assert [(stage.over, stage.flops) for stage in found.stages] == [
        ("", 0), ("part", 10 * (PARTICLE - 8)), ("", 10 * 8 + EVENT),
    ]  # fmt: skip
    assert all(s.seconds == max(s.flops / 1e9, s.bytes / 1e8) for s in found.stages)
    assert found.seconds == sum(stage.seconds for stage in found.stages)


def test_memory_is_that_of_values_and_weights(program: Compilation) -> None:
    """30 numbers of the input, 80 of the layer, 8 of the mean, 2 scores; 24 + 8 and 16 + 2 weights."""
    limits = performance(program, of_sizes(program, {"part": 10})).limits
    assert limits is not None
    assert limits.memory == 4 * (30 + 80 + 8 + 2 + 24 + 8 + 16 + 2)


def test_a_rewrite_that_fires_says_what_it_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """W [x_i, x_j - x_i] of 10 particles with 4 neighbours: a difference of 3 and 6→8 for each of 40 edges; or 3→8
    twice for each particle, a difference of its weights, and a sum of 8 for each edge."""
    monkeypatch.setattr(costs, "measured", lambda memory: Limits(flops=1e9, bandwidth=1e8, memory=memory))
    program = compilation(tmp_path, EDGES)
    found = performance(program, of_sizes(program, {"part": 10}))
    rows = {row.name: row for row in found.rewrites}
    before, after, folded = rows["fold-batch-norm"], rows["linear-gather"], found.rewrites[-1]
    assert not before.fired
    assert after.fired
    assert after.changes["contract"] == 1
    assert after.changes["concat"] == -1
    assert before.flops - folded.flops == 40 * (3 + 2 * 6 * 8) - (10 * 2 * 2 * 3 * 8 + 40 * 8)


def test_sizes_of_events_are_averaged(program: Compilation) -> None:
    """An event without particles has no score. FLOPs are linear in particles here: 4, 8 and 8 cost what 20 / 3 do."""
    raw = Raw(4, {"part": np.array([4, 8, 0, 8])}, {"x": np.ones((20, 3), np.float32)})
    events = of_raw(program.schema, raw, "events")
    assert events.source == "3 events"
    assert events.sizes == {(("part", 4),): 1, (("part", 8),): 2}
    found = performance(program, events)
    assert found.entries["part"] == pytest.approx(20 / 3)
    assert found.rewrites[0].flops == pytest.approx(20 / 3 * PARTICLE + EVENT)


def test_a_program_without_files_has_made_up_events(program: Compilation) -> None:
    events = of_events(program, None)
    assert events.source.endswith(" made-up events")
    assert costs.MOST / 2 < sum(events.sizes.values()) <= costs.MOST
    assert max(events.sizes) == (("part", 20),)


def test_rewrites_are_seen_even_if_they_ran_before(program: Compilation) -> None:
    _ = program.optimised
    assert len(performance(program, of_sizes(program, {"part": 3})).rewrites) == 2 + len(program.target.passes)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "how many entries has part"),
        ({"jet": 3}, "its dims are part"),
        ({"part": 21}, "at most 20 entries, not 21"),
    ],
)
def test_sizes_that_do_not_fit(program: Compilation, given: dict[str, int], told: str) -> None:
    with pytest.raises(EntriesError, match=told):
        of_sizes(program, given)
