# SPDX-License-Identifier: Apache-2.0
"""How files are cut into chunks: a basket that two chunks share is decompressed for each, so not where nobody waits."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import uproot

from hepq.runtime.analysis.sums import Sums
from hepq.runtime.chunks.files import Done, File, Task
from hepq.runtime.chunks.run import CHUNK, LEAST, Running
from hepq.runtime.events import event_files
from hepq.runtime.executors import Serial
from tests.runtime.chunks.test_store import FILE, opened


class Workers(Serial):
    """As many as are said, one after the other."""

    def __init__(self, slots: int) -> None:
        self.slots = slots


def chunks_of(file: File, slots: int, folder: Path) -> list[tuple[int, int]]:
    cut: list[tuple[int, int]] = []

    def work(task: Task[File]) -> Done[Sums]:
        cut.append((task.first, task.end))
        return Done(Sums({}))

    with opened(folder) as store:
        Running[File, Sums](store, Workers(slots)).compute([file], work)
    assert [cut[0][0], cut[-1][1]] == [0, file.events]
    assert all(a[1] == b[0] for a, b in pairwise(cut))
    return cut


@pytest.mark.parametrize(
    ("slots", "size", "chunks"),
    [(1, 4 * LEAST, 1), (2, 4 * LEAST, 4), (1, CHUNK, 1), (1, 2 * CHUNK, 2), (2, 2 * CHUNK, 8), (8, 2 * LEAST, 2)],
)
def test_chunks_of_a_file(tmp_path: Path, slots: int, size: int, chunks: int) -> None:
    file = replace(FILE, opened=replace(FILE.opened, events=1 << 20), bytes=size)
    assert len(chunks_of(file, slots, tmp_path)) == chunks


@pytest.mark.parametrize(
    ("edges", "cuts"),
    [
        ([], [0, 25, 50, 75, 100]),
        ([20, 40, 60, 80], [0, 20, 40, 80, 100]),  # 50 is as near to 40 as to 60: the first
        ([26, 49, 76], [0, 26, 49, 76, 100]),
        ([50], [0, 25, 50, 75, 100]),  # a basket of 50 events is cut, so that there is work for all
        ([38], [0, 25, 38, 75, 100]),
        ([99], [0, 25, 50, 75, 100]),
    ],
)
def test_chunks_end_where_baskets_do_if_some_do_near(tmp_path: Path, edges: list[int], cuts: list[int]) -> None:
    file = replace(FILE, bytes=4 * LEAST, edges=tuple(edges))
    assert chunks_of(file, 2, tmp_path) == list(pairwise(cuts))


def test_edges_are_those_of_all_branches_that_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.root"
    with uproot.recreate(path) as out:
        out.mktree("t", {"x": "f4", "y": "f4"})
        for n in (30, 20, 50):
            out["t"].extend({"x": np.zeros(n, "f4"), "y": np.zeros(n, "f4")})
    (source,) = event_files.find(str(path))
    assert event_files.basket_edges(source, ["x", "y"]) == (30, 50)
    (both,) = event_files.find(f"{path} + {path}")
    assert event_files.basket_edges(both, ["x"]) == ()
