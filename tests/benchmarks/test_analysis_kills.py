# SPDX-License-Identifier: Apache-2.0
"""The benchmark of killed analyses, in small; and that it would notice if something were wrong."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from benchmarks.analyses import analysis_kills as kills
from hepq.compiler.driver.running import compiled_program
from hepq.runtime.analysis.engine import Options, run
from hepq.runtime.chunks.files import File
from hepq.runtime.chunks.store import Range, Store


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kills, "FILES", 1)
    monkeypatch.setattr(kills, "EVENTS", 800)


def measured(folder: Path, number: int) -> kills.Outcome:
    (folder / "kills.hepq").write_text(kills.PROGRAM)
    for i, name in enumerate(("run_0.root", "top_0.root")):
        kills.made_up(folder / name, i)
    compiled = compiled_program(folder / "kills.hepq")
    whole = run(compiled, Options(folder=folder)).result
    return kills.measure(compiled, folder, whole, number, None, random.Random(1), lambda done: None, 0.1)


def test_kills_lose_and_redo_nothing(tmp_path: Path) -> None:
    found = measured(tmp_path, 3)
    assert found.ok, found
    assert found.kills == 3
    assert found.chunks <= found.computed <= found.chunks + 3


def test_a_forgetful_store_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    covered = Store.covered
    asked: set[int] = set()

    def forget(store: Store[Any], file: File) -> list[Range]:
        """When the run begins."""
        first = id(file) not in asked
        asked.add(id(file))
        return [] if first else covered(store, file)

    monkeypatch.setattr(Store, "covered", forget)
    assert measured(tmp_path, 3).redone
