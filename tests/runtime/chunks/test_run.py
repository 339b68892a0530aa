# SPDX-License-Identifier: Apache-2.0
"""How files are cut into chunks: a basket that two chunks share is decompressed for each, so not where nobody waits."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from hepq.runtime.analysis.sums import Sums
from hepq.runtime.chunks.files import Done, File, Task
from hepq.runtime.chunks.run import CHUNK, LEAST, Running
from hepq.runtime.executors import Serial
from tests.runtime.chunks.test_store import FILE, opened


class Workers(Serial):
    """As many as are said, one after the other."""

    def __init__(self, slots: int) -> None:
        self.slots = slots


@pytest.mark.parametrize(
    ("slots", "size", "chunks"),
    [(1, 4 * LEAST, 1), (2, 4 * LEAST, 4), (1, CHUNK, 1), (1, 2 * CHUNK, 2), (2, 2 * CHUNK, 8), (8, 2 * LEAST, 2)],
)
def test_chunks_of_a_file(tmp_path: Path, slots: int, size: int, chunks: int) -> None:
    file = replace(FILE, opened=replace(FILE.opened, events=1 << 20), bytes=size)
    cut: list[tuple[int, int]] = []

    def work(task: Task[File]) -> Done[Sums]:
        cut.append((task.first, task.end))
        return Done(Sums({}))

    with opened(tmp_path) as store:
        Running[File, Sums](store, Workers(slots)).compute([file], work)
    assert len(cut) == chunks
    assert [cut[0][0], cut[-1][1]] == [0, file.events]
    assert all(a[1] == b[0] for a, b in pairwise(cut))
