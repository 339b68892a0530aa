# SPDX-License-Identifier: Apache-2.0
"""Files stay open for the next one who reads them, if they are what they were."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot

from hepq.core.errors import DataError
from hepq.runtime.events import event_files
from hepq.runtime.events.formats import opened as module
from hepq.runtime.events.formats.opened import KEPT, opened


def write(path: Path, *values: float) -> Path:
    with uproot.recreate(path) as file:
        file.mktree("t", {"x": "float64"})
        file["t"].extend({"x": np.array(values)})
    return path


@pytest.fixture
def opens(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths, as uproot opens them."""
    found: list[str] = []
    new = module._new

    def noted(path: str) -> Any:
        found.append(path)
        return new(path)

    monkeypatch.setattr(module, "_new", noted)
    return found


def test_a_file_is_opened_once(tmp_path: Path, opens: list[str]) -> None:
    path = write(tmp_path / "a.root", 1.0, 2.0)
    [source] = event_files.find(path)
    assert [c.events["x"].tolist() for c in event_files.iterate(source, ["x"], 1)] == [[1.0], [2.0]]
    event_files.none_of(source, ["x"])
    assert opens == [str(path)]


def test_a_file_that_changed_is_opened_anew(tmp_path: Path, opens: list[str]) -> None:
    path = write(tmp_path / "a.root", 1.0, 2.0)
    event_files.find(path)
    write(path, 3.0)
    os.utime(path, ns=(1, 1))
    [source] = event_files.find(path)
    [chunk] = event_files.iterate(source, ["x"])
    assert chunk.events["x"].tolist() == [3.0]
    assert opens == [str(path)] * 2


def test_only_the_last_ones_stay_open(tmp_path: Path, opens: list[str]) -> None:
    paths = [str(write(tmp_path / f"{i}.root", float(i))) for i in range(KEPT + 1)]
    files = []
    with opened(paths[0]) as first:
        for path in paths[1:]:
            with opened(path) as file:
                files.append(file)
        assert not first.closed
        assert first["t"]["x"].array().tolist() == [0.0]  # though it is not among the last any more
    assert first.closed
    assert not any(file.closed for file in files)
    with opened(paths[0]), opened(paths[-1]):
        pass
    assert opens == [*paths, paths[0]]


def test_another_process_opens_its_own(tmp_path: Path, opens: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(write(tmp_path / "a.root", 1.0))
    with opened(path) as mine:
        pass
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with opened(path) as other:
        assert other is not mine


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    path = write(tmp_path / "a.root", 1.0)
    [source] = event_files.find(path)
    path.unlink()
    with pytest.raises(DataError) as caught:
        list(event_files.iterate(source, ["x"]))
    assert caught.value.code == "HQ0801"


def test_threads_may_read_at_once(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{i}.root", float(i), float(i)) for i in range(KEPT + 3)]

    def read(number: int) -> list[float]:
        [source] = event_files.find(paths[number % len(paths)])
        return [x for c in event_files.iterate(source, ["x"], 1) for x in c.events["x"].tolist()]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(read, range(60)))
    assert found == [[float(i % len(paths))] * 2 for i in range(60)]


def test_an_address_is_read_and_left_open_for_nobody(tmp_path: Path, opens: list[str]) -> None:
    path = f"file://{write(tmp_path / 'a.root', 1.0, 2.0)}"
    for _ in range(2):
        with opened(path) as file:
            assert file["t"]["x"].array().tolist() == [1.0, 2.0]
    assert opens == [path] * 2
