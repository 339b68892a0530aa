# SPDX-License-Identifier: Apache-2.0
"""Chunks of files added up: equal to loops in plain Python, to the bit; what is wrong with one says where."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

from hepq.compiler.backends.analysis import compiled
from hepq.core.errors import DataError
from hepq.runtime.analysis.keys import numbering, of_entries, of_events
from hepq.runtime.analysis.program import Compiled
from hepq.runtime.analysis.skimmed import Skimmed
from hepq.runtime.analysis.sums import Sums, Weighted, merged
from hepq.runtime.analysis.tasks import Compute, Look, SourceFile
from hepq.runtime.chunks.files import Done, Task
from hepq.runtime.events.event_files import Named
from tests.runtime.analysis.hand_made import (
    UP,
    Event,
    analysis,
    events,
    expected,
    key,
    modules,
    same,
    selected,
    write,
)

FOUND = events(300, 5)


@pytest.fixture(scope="module")
def made() -> Compiled:
    return compiled(analysis({"run": [Path("a.root")], "top": [Path("b.root")]}), modules())


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("tasks") / "events.root", FOUND)


def looked(made: Compiled, source: str, path: Path) -> SourceFile | DataError:
    of = next(s for s in made.analysis.sources if s.name == source)
    return Look(made.to_bytes())((of, Named(str(path))))


def opened(made: Compiled, source: str, path: Path) -> SourceFile:
    found = looked(made, source, path)
    assert isinstance(found, SourceFile)
    return found


def run(made: Compiled, file: SourceFile, first: int = 0, end: int = len(FOUND)) -> Done[Sums]:
    done = Compute(made.to_bytes())(Task(file, first, end))
    assert isinstance(done, Done), done
    return done


@pytest.mark.parametrize(("source", "kind"), [("run", "data"), ("top", "mc")])
def test_sums(made: Compiled, path: Path, source: str, kind: Any) -> None:
    file = opened(made, source, path)
    whole = run(made, file)
    same(whole.account, expected(FOUND, kind, source))
    edges = [0, 1, 49, 50, 170, 300]
    pieces = [run(made, file, a, b) for a, b in pairwise(edges)]
    same(merged(p.account for p in reversed(pieces)), whole.account)


def test_what_is_known_of_a_file(made: Compiled, path: Path) -> None:
    file = opened(made, "top", path)
    assert (file.source, file.kind, file.events) == ("top", "mc", 300)
    assert file.identity.uuid == file.opened.uuid != ""
    assert file.identity.size == path.stat().st_size
    assert file.sumw == (sum(e.gen for e in FOUND), 0.125)
    assert set(file.opened.branches) == {"run", "luminosityBlock", "event", "MET_pt", "genWeight", "Jet_pt", "Jet_eta"}
    assert set(opened(made, "run", path).opened.branches) == {"MET_pt", "Jet_pt", "Jet_eta"}
    jets = sum(len(e.pt) for e in FOUND)
    assert file.bytes >= 300 * (4 + 4 + 8 + 4 + 4) + 8 * jets


def test_keys() -> None:
    found = FOUND[:4]
    numbers = [np.array([getattr(e, n) for e in found], np.int64) for n in ("run", "lumi", "event")]
    assert of_events("top", numbers).tolist() == [key("top", e) for e in found]
    assert of_events("w", numbers).tolist() == [key("w", e) for e in found] != [key("top", e) for e in found]
    whole = of_entries("u", 0, 10)
    assert len(set(whole.tolist())) == 10
    assert whole[3:7].tolist() == of_entries("u", 3, 4).tolist() != of_entries("v", 3, 4).tolist()
    assert numbering(["event", "run"]) == ()


def test_keys_of_files_without_numbers(made: Compiled, tmp_path: Path) -> None:
    """Any chunking gives the same; another file with the same events does not."""
    files = [opened(made, "top", write(tmp_path / name, FOUND, run=None)) for name in ("a.root", "b.root")]
    a = run(made, files[0])
    same(merged([run(made, files[0], 0, 77).account, run(made, files[0], 77, 300).account]), a.account)
    mine, other = (found.account["met"] for found in (a, run(made, files[1])))
    assert isinstance(mine, Weighted)
    assert isinstance(other, Weighted)
    assert (mine.limbs != other.limbs).any()


def test_skims(made: Compiled, path: Path) -> None:
    file = opened(made, "top", path)
    whole = Skimmed.from_bytes(run(made, file).rows)
    parts = [Skimmed.from_bytes(run(made, file, a, b).rows) for a, b in ((0, 120), (120, 300))]
    for variation in ("nominal", UP):
        wanted = [
            (e.met, good) for e, (state, good) in zip(FOUND, selected(FOUND, variation), strict=True) if not state
        ]
        for pieces in ([whole], parts):
            written = [columns for p in pieces for place, columns in p.written() if place == ("good", variation)]
            assert np.concatenate([c["met"] for c in written]).tolist() == [met for met, _ in wanted]
            assert ak.concatenate([c["pt"] for c in written]).to_list() == [good for _, good in wanted]
    assert set(Skimmed.from_bytes(run(made, opened(made, "run", path)).rows).pieces) == {("good", "nominal")}
    with pytest.raises(ValueError, match="checksum"):
        Skimmed.from_bytes(whole.to_bytes()[:-1])


def changed(number: int, **values: Any) -> list[Event]:
    found = list(FOUND)
    found[number] = Event(**{**vars(found[number]), **values})
    return found


def truncated(path: Path) -> None:
    write(path, FOUND)
    path.write_bytes(path.read_bytes()[:4000])


BAD: dict[str, tuple[Callable[[Path], object], str, tuple[str, ...]]] = {
    "weight": (lambda p: write(p, changed(123, gen=1e20)), "HQ0951", ("event 123 of", "a weight of histogram ")),
    "check": (lambda p: write(p, changed(7, met=-1.0)), "HQ0951", ("event 7 of", "MET_pt is never negative")),
    "missing": (lambda p: write(p, FOUND, Jet_eta=None), "HQ0805", ("Jet_eta", "did you mean", "Jet_pt")),
    "schema": (lambda p: write(p, FOUND, MET_pt=ak.Array([[1.0, 2.0]] * 300)), "HQ0806", ("MET_pt", "bad.root")),
    "truncated": (truncated, "HQ0803", ("bad.root",)),
    "no sums": (lambda p: write(p, FOUND, genWeight=None), "HQ0805", ("genWeight", "bad.root")),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong(case: str, made: Compiled, tmp_path: Path) -> None:
    make, code, words = BAD[case]
    make(tmp_path / "bad.root")
    file = looked(made, "top", tmp_path / "bad.root")
    error = file if isinstance(file, DataError) else Compute(made.to_bytes())(Task(file, 0, 300))
    assert isinstance(error, DataError)
    assert error.code == code
    assert all(word in str(error) for word in words), str(error)


def test_a_file_that_changes(made: Compiled, tmp_path: Path) -> None:
    path = write(tmp_path / "a.root", FOUND)
    file = opened(made, "run", path)
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    error = Compute(made.to_bytes())(Task(file, 0, 300))
    assert isinstance(error, DataError)
    assert error.code == "HQ0952"
    path.unlink()
    assert isinstance(Compute(made.to_bytes())(Task(file, 0, 300)), DataError)
    assert isinstance(looked(made, "run", path), DataError)
