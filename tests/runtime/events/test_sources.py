# SPDX-License-Identifier: Apache-2.0
"""Sources of a dataset, and friends: entries of two files side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uproot

from hepq.core.errors import DataError
from hepq.runtime.artifact.manifest import Branch, Dataset, Files
from hepq.runtime.events import event_files

N = 10


def write(path: Path, tree: str = "t", **columns: Any) -> Path:
    given = {k: np.asarray(v) for k, v in columns.items()}
    match path.suffix:
        case ".root":
            with (uproot.update if path.exists() else uproot.recreate)(path) as file:
                file.mktree(tree, {k: v.dtype for k, v in given.items()})
                file[tree].extend(given)
        case ".parquet":
            pq.write_table(pa.table(given), path, row_group_size=3)
        case ".npz":
            np.savez(path, **given)  # type: ignore[arg-type]
        case ".csv":
            rows = [",".join(map(str, row)) for row in zip(*given.values(), strict=True)]
            path.write_text("\n".join([",".join(given), *rows]) + "\n")
    return path


def read(source: Any, branches: list[str], step: int | str = 3) -> ak.Array:
    return ak.concatenate([c.events for c in event_files.iterate(source, branches, step)])


def dataset(*sources: Files) -> Dataset:
    return Dataset(name="D", sources=sources, branches=(Branch(name="x", branch="x"),))


@pytest.mark.parametrize("ending", [".root", ".parquet", ".csv", ".npz"])
@pytest.mark.parametrize("other", [".root", ".parquet", ".csv", ".npz"])
@pytest.mark.parametrize("step", [1, 3, "40 B", "32 MB"])
def test_branches_of_friends_are_there_too(tmp_path: Path, ending: str, other: str, step: int | str) -> None:
    a = write(tmp_path / f"a{ending}", x=np.arange(N), y=np.arange(N) * 2)
    b = write(tmp_path / f"b{other}", y=-np.ones(N), z=np.arange(N) / 2)
    (source,) = event_files.find(f"{a} + {b}")
    assert source.branches == ("x", "y", "z")
    found = read(source, ["z", "x", "y"], step)
    assert found["x"].tolist() == list(range(N))
    assert found["y"].tolist() == [2 * i for i in range(N)]  # the file's own
    assert found["z"].tolist() == [i / 2 for i in range(N)]
    assert len(read(source, ["z"], step)) == len(read(source, ["x"], step)) == len(read(source, [], step)) == N
    assert set(event_files.none_of(source, ["x", "z"]).fields) == {"x", "z"}


@pytest.mark.parametrize("branches", [["x"], []])
@pytest.mark.parametrize("step", [1, 3, "32 MB"])
@pytest.mark.parametrize("entries", [(0, N), (0, 4), (3, 9), (7, N), (5, 5)])
def test_a_part_of_a_file(tmp_path: Path, branches: list[str], step: int | str, entries: tuple[int, int]) -> None:
    (source,) = event_files.find(write(tmp_path / "a.root", x=np.arange(N), y=np.arange(N) * 2))
    chunks = list(event_files.iterate(source, branches, step, entries))
    assert chunks[0].first == entries[0]
    assert sum(len(c.events) for c in chunks) == entries[1] - entries[0]
    for name in branches:
        assert ak.concatenate([c.events for c in chunks])[name].tolist() == list(range(*entries))


def test_files_and_friends_pair_up_in_order(tmp_path: Path) -> None:
    for i in (0, 1):
        write(tmp_path / f"a{i}.root", "events", x=np.full(N + i, i))
        write(tmp_path / f"f{i}.root", "friend", z=np.full(N + i, 10 * i))
        write(tmp_path / f"f{i}.root", "other", z=np.full(N + i, -1))
    spec = Files(files=("a*.root",), tree="events", friend=Files(files=("f0.root", "f1.root"), tree="friend"))
    sources = event_files.own(dataset(spec), tmp_path)
    assert [read(s, ["x", "z"])[0].tolist() for s in sources] == [{"x": 0, "z": 0}, {"x": 1, "z": 10}]
    named = event_files.find(f"{tmp_path}/a*.root + {tmp_path}/f*.root:other")
    assert [read(s, ["z"])["z"].tolist() for s in named] == [[-1] * N, [-1] * (N + 1)]


def test_a_friend_in_the_same_file_is_found_in_other_files_too(tmp_path: Path) -> None:
    path = write(tmp_path / "a.root", "events", x=np.arange(N))
    write(path, "scores", z=np.arange(N) * 3)
    spec = dataset(Files(files=("a.root",), tree="events", friend=Files(tree="scores")))
    for source in (*event_files.own(spec, tmp_path), *event_files.find(path, spec.reading)):
        assert read(source, ["z"])["z"].tolist() == [3 * i for i in range(N)]


def test_friends_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    a = write(tmp_path / "a.root", x=np.arange(N))
    b = write(tmp_path / "b.root", z=np.arange(N - 1))
    with pytest.raises(DataError, match=r"a.root:t has 10 entries, .*b.root:t has 9") as caught:
        event_files.find(f"{a} + {b}")
    assert caught.value.code == "HQ0836"
    with pytest.raises(DataError, match=r"2 files of .*\*.root, 1 of .*b.root") as caught:
        event_files.find(f"{tmp_path}/*.root + {b}")
    assert caught.value.code == "HQ0837"
    spec = Files(files=("*.root",), tree="t", friend=Files(files=("b.root",), tree="t"))
    with pytest.raises(DataError, match=r"2 files of \*.root, 1 of b.root"):
        event_files.own(dataset(spec), tmp_path)
    with pytest.raises(DataError, match="no branch") as caught:
        read(event_files.find(f"{a} + {a}")[0], ["z"])
    assert caught.value.code == "HQ0805"


def test_a_plus_in_a_name_is_part_of_it(tmp_path: Path) -> None:
    assert event_files.find(write(tmp_path / "a + b.root", x=np.arange(N)))[0].events == N


def test_sources_of_several_kinds(tmp_path: Path) -> None:
    write(tmp_path / "a.root", x=np.arange(3))
    write(tmp_path / "b.npz", x=np.arange(2))
    (tmp_path / "c.txt").write_text("5\n6\n7\n8\n")
    spec = dataset(
        Files(name="a", files=("a.root",), tree="t"), Files(name="b", format="npz", files=("b.npz",)),
        Files(name="c", format="csv", files=("c.txt",), columns=("x",)), Files(name="d", files=("root://far/x.root",)),
        Files(name="e", files=("absent*.root",)),
    )  # fmt: skip
    found = event_files.own(spec, tmp_path, absent=True)
    assert [(s.sample, s.events) for s in found] == [("a", 3), ("b", 2), ("c", 4)]
    assert read(found[2], ["x"])["x"].tolist() == [5, 6, 7, 8]
    with pytest.raises(DataError, match="absent"):
        event_files.own(dataset(spec.sources[-1]), tmp_path)


def test_artifacts_of_format_3_had_one_source() -> None:
    old = {"name": "D", "files": ["a.root"], "tree": "t", "branches": [{"name": "x", "branch": "x"}]}
    assert Dataset.model_validate(old) == dataset(Files(files=("a.root",), tree="t"))


def test_a_step_in_bytes_is_of_what_is_read(tmp_path: Path) -> None:
    """Of a table, 8 bytes of an event are read, whatever stands beside them."""
    x = np.arange(1000.0)
    narrow = write(tmp_path / "narrow.parquet", x=x)
    wide = write(tmp_path / "wide.parquet", "t", x=x, **{f"x{i}": x for i in range(20)})
    found = [event_files.find(str(path))[0] for path in (narrow, wide)]
    steps = [[len(c.events) for c in event_files.iterate(source, ["x"], "2 kB")] for source in found]
    assert steps[0] == steps[1]
    assert 3 <= len(steps[0]) <= 30
