# SPDX-License-Identifier: Apache-2.0
"""Random analyses of files: sums and skims have the same bits for any chunks, workers, order and split of files."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import awkward as ak
import pytest

from hepq.compiler.backends.analysis import compiled
from hepq.runtime.analysis.engine import Options, run
from hepq.runtime.analysis.program import Compiled
from hepq.runtime.executors import Executor, Processes, Serial
from tests.analyses.made import Event, made
from tests.analyses.random_programs import Program, events, write

EVENTS = 60
#: of programs with noise, good runs, variations and skims that some events are in
SEEDS = (3, 8, 18)


@pytest.fixture(scope="module")
def processes() -> Iterator[Processes]:
    made = Processes(2)
    yield made
    made.close()


def split(given: list[Event], folder: Path, rng: random.Random, parts: int) -> list[str]:
    """Files of consecutive events, one of them of none."""
    folder.mkdir(parents=True)
    edges = sorted(rng.sample(range(1, len(given)), parts - 1))
    files = []
    for i, (first, end) in enumerate(zip([0, *edges], [*edges, len(given)], strict=True)):
        write(folder / f"part{i}.root", given[first:end])
        files.append(str(folder / f"part{i}.root"))
    return files


def ran(code: Compiled, files: dict[str, list[str]], out: Path, chunk: int | None, executor: Executor) -> Any:
    """Sums of each source as bytes, and rows of each skim in the order of events' numbers."""
    out.mkdir()
    given = {name: tuple(of) for name, of in files.items()}
    sources = tuple(replace_files(s, given[s.name]) for s in code.analysis.sources)
    code = replace(code, analysis=code.analysis.model_copy(update={"sources": sources}))
    options = Options(chunk=chunk, store=out / "chunks", skims=out, skim_format=".parquet")
    result = run(code, options, executor).result
    skims = {}
    for path in sorted(out.glob("*.parquet")):
        rows = ak.from_parquet(path).to_list()
        skims[path.name] = sorted(map(repr, rows))
    return {name: read.sums.to_bytes() for name, read in result.read.items()}, skims


def replace_files(source: Any, files: tuple[str, ...]) -> Any:
    return source.model_copy(update={"files": files})


@pytest.mark.parametrize("seed", SEEDS)
def test_any_chunks_workers_and_order(seed: int, tmp_path: Path, processes: Processes) -> None:
    rng = random.Random(seed)
    given = {source: events(EVENTS, 7 * seed + i) for i, source in enumerate(("run", "top"))}
    files = {name: split(found, tmp_path / name, rng, 4) for name, found in given.items()}
    whole = {name: split(found, tmp_path / f"{name}_whole", rng, 1) for name, found in given.items()}
    (tmp_path / "good.json").write_bytes((tmp_path / "run" / "good.json").read_bytes())
    assert all(word in Program(seed).text for word in ("noise", "golden_json", "save", "vary"))
    analysis = made(Program(seed).text, str(tmp_path / "analysis.hepq"))
    code = compiled(analysis.analysis, analysis.modules, cached=False)
    expected = ran(code, whole, tmp_path / "whole_out", None, Serial())
    assert any(rows for rows in expected[1].values())
    turned = {name: rng.sample(of, len(of)) for name, of in files.items()}
    ways: list[tuple[dict[str, list[str]], int, Executor]] = [
        (files, 1, Serial()), (files, 7, Serial()), (turned, 10**6, Serial()), (whole, 7, processes),
        (turned, 7, processes),
    ]  # fmt: skip
    for i, (which, chunk, where) in enumerate(ways):
        assert ran(code, which, tmp_path / f"out{i}", chunk, where) == expected, Program(seed).text
