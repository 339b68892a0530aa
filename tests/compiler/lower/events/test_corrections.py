# SPDX-License-Identifier: Apache-2.0
"""Corrections and lists of good runs in machine code against the reference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from hepq.core.source import Source, Span
from hepq.lang.elaborate.corrections.good_runs import good
from tests.lang.elaborate.corrections import random_corrections as made
from tests.lang.elaborate.corrections.called import Refused, emitted
from tests.support.emission import Emission
from tests.support.events.programs import agree, run


def in_events(rows: dict[str, Any], ends: tuple[int, ...]) -> list[dict[str, Any]]:
    return [
        dict(zip(rows, parts, strict=True)) for parts in zip(*(np.split(v, ends) for v in rows.values()), strict=True)
    ]


@settings(max_examples=8, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
          suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])  # fmt: skip
@given(
    parts=st.lists(made.CONTENTS.filter(lambda tree: isinstance(tree, dict)), min_size=3, max_size=3),
    generic=made.GENERIC, text=st.sampled_from(made.TEXTS), seed=st.integers(0, 99),
)  # fmt: skip
def test_random_corrections(parts: Any, generic: Any, text: str, seed: int, tmp_path: Path) -> None:
    data = {"nodetype": "binning", "input": "a", "edges": [-9.0, -1.0, 1.0, 9.0], "content": parts, "flow": 0.5}
    (tmp_path / "c.json").write_text(json.dumps(made.file(made.correction("c", data, generic))))
    rng = np.random.default_rng(seed)  # not on edges: machine code fuses products and sums, which moves them by an ulp
    rows: dict[str, Any] = {name: rng.normal(0, 4, 300) for name in made.REALS} | {"k": rng.choice(made.KEYS, 300)}
    try:
        emission, outputs = emitted(tmp_path / "c.json", "c", {**rows, "s": text})
    except Refused:
        return
    events = in_events(rows, (7, 7, 100))
    module = emission.module(**outputs)
    with np.errstate(all="ignore"):
        agree(module, events, run(module, events), 1e-9)


def test_edges_of_a_range_that_wraps(tmp_path: Path) -> None:
    edges = [-3.14159, -2.1, -1.7, -0.3, 0.0, 0.1, 0.7, 1.0, 1.1, 2.3, 3.14159]
    data = {"nodetype": "binning", "input": "a", "edges": edges, "content": [*range(10)], "flow": "wrap"}
    (tmp_path / "c.json").write_text(json.dumps(made.file(made.correction("c", data, []))))
    rows: dict[str, Any] = {name: np.array(edges[:-1]) for name in made.REALS} | {"k": np.zeros(10, np.int64)}
    emission, outputs = emitted(tmp_path / "c.json", "c", {**rows, "s": "x"})
    events, module = in_events(rows, (3,)), emission.module(**outputs)
    assert emission.run(rows, **outputs)["value"].tolist() == [*range(10)]
    agree(module, events, run(module, events))


@pytest.mark.parametrize("ranges", [1, 4, 900])
def test_lists_of_good_runs(ranges: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(ranges)
    ends = np.sort(rng.choice(5000, (2 * ranges,), replace=False)).reshape(ranges, 2)
    listed = {str(r): ends[rng.random(ranges) < 0.8].tolist() for r in (3, 8, 2**31 - 1)} | {"5": [[7, 9]]}
    (tmp_path / "good.json").write_text(json.dumps(listed))
    emission = Emission()
    span = Span(Source(str(tmp_path / "analysis.hepq"), "text"), 0, 4)
    run_number, block = emission.input("run", "int"), emission.input("block", "int")
    module = emission.module(good=good(emission.ctx, "good.json", run_number, block, span, span))
    rows = {"run": rng.choice([3, 4, 5, 8, -1, 2**31 - 1, 2**31, 2**40], 900), "block": rng.integers(-3, 5003, 900)}
    events = in_events(rows, (1, 500))
    agree(module, events, run(module, events))
