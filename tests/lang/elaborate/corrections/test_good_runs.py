# SPDX-License-Identifier: Apache-2.0
"""Lists of good runs against a loop over their ranges."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hepq.compiler.ir.node import topological
from hepq.core.source import Source, Span
from hepq.lang.elaborate.corrections.good_runs import good, ranges_of
from tests.support.emission import Emission, reported


def made(file: Path, values: dict[str, Any]) -> Any:
    emission = Emission()
    span = Span(Source(str(file.parent / "analysis.hepq"), "text"), 0, 4)
    run, block = emission.input("run", "int"), emission.input("block", "int")
    found = good(emission.ctx, file.name, run, block, span, span)
    assert len(list(topological([found.handle]))) < 30
    assert len(emission.ctx.named_files[file.name]) == 64
    return emission.run(values, good=found)["good"]


def listed(found: dict[str, Any], run: int, block: int) -> bool:
    return any(first <= block <= last for first, last in found.get(str(run), ()))


def written(folder: Path, content: Any) -> Path:
    file = folder / "good.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


SMALL = {"193093": [[1, 33], [35, 40]], "7": [[5, 5]], "193094": [], "8": [[3, 9], [1, 2], [8, 12], [14, 20]],
         "2147483647": [[0, 2147483647]]}  # fmt: skip


def test_every_end(tmp_path: Path) -> None:
    runs = [-1, 0, 6, 7, 8, 9, 193092, 193093, 193094, 193095, 2**31 - 1, 2**31, 2**32 + 8, -(2**63), 2**63 - 1]
    blocks = [-1, *range(45), 2**31 - 1, 2**31, 2**32 + 5, -(2**63), 2**63 - 1]
    run, block = (v.ravel() for v in np.meshgrid(np.array(runs, np.int64), np.array(blocks, np.int64)))
    found = made(written(tmp_path, SMALL), {"run": run, "block": block})
    assert found.tolist() == [listed(SMALL, r, b) for r, b in zip(run.tolist(), block.tolist(), strict=True)]


def test_thousands_of_ranges(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    content: dict[str, Any] = {}
    for run in rng.choice(60_000, 1500, replace=False) + 250_000:
        ends = np.sort(rng.choice(3000, 6, replace=False)).reshape(3, 2)
        content[str(run)] = ends.tolist()
    known = np.array([int(r) for r in content])
    run = np.where(rng.random(5000) < 0.7, rng.choice(known, 5000), rng.integers(250_000, 310_000, 5000))
    block = rng.integers(0, 3000, 5000)
    found = made(written(tmp_path, content), {"run": run, "block": block})
    assert found.tolist() == [listed(content, r, b) for r, b in zip(run.tolist(), block.tolist(), strict=True)]
    assert 0 < found.sum() < 5000


def test_ranges_are_joined() -> None:
    assert ranges_of({"8": [[3, 9], [1, 2], [8, 12], [14, 20]], "08": [[13, 13]]}) == {8: ((1, 20),)}


@pytest.mark.parametrize(
    ("content", "code", "says"),
    [
        ("{", "HQ0941", "no JSON"), ([], "HQ0948", "no runs"), ({}, "HQ0948", "no runs"),
        ({"a": [[1, 2]]}, "HQ0948", "`a` is no number"), ({"-1": [[1, 2]]}, "HQ0948", "no number"),
        ({"2147483648": [[1, 2]]}, "HQ0948", "no number"), ({"1": 3}, "HQ0948", "run 1 has no list"),
        ({"1": [[2, 1]]}, "HQ0948", "a range of run 1"), ({"1": [[1]]}, "HQ0948", "a range of run 1"),
        ({"1": [[1, 2.5]]}, "HQ0948", "a range of run 1"), ({"1": [[1, True]]}, "HQ0948", "a range"),
        ({"1": [[-1, 2]]}, "HQ0948", "a range of run 1"), ({"1": [1, 2]}, "HQ0948", "a range of run 1"),
    ],
)  # fmt: skip
def test_bad_lists(content: Any, code: str, says: str, tmp_path: Path) -> None:
    file = written(tmp_path, content)
    span = Span(Source(str(file.parent / "analysis.hepq"), "text"), 0, 4)
    found = reported(lambda e: good(e.ctx, file.name, e.input("run", "int"), e.input("block", "int"), span, span))
    assert found.code == code
    assert says in found.title
