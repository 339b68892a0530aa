# SPDX-License-Identifier: Apache-2.0
"""The user's cache: what is in it is used, and whatever is wrong with it only costs time."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from hepq.core import results_cache as cache
from hepq.core.results_cache import kept


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "hepq"


class Maker:
    times = 0

    def __call__(self) -> str:
        self.times += 1
        return "made"


def test_it_is_made_once(folder: Path) -> None:
    make = Maker()
    assert [kept("a", b"text", make) for _ in range(3)] == ["made"] * 3
    assert make.times == 1
    assert [p.stat().st_mode & 0o777 for p in folder.iterdir()] == [0o600]
    kept("a", b"other text", make)
    kept("b", b"text", make)
    assert make.times == 3


@pytest.mark.parametrize("damage", [b"", b"x", bytes(100), b"\x80\x04."])
def test_a_damaged_file_is_made_again(damage: bytes, folder: Path) -> None:
    make = Maker()
    kept("a", b"text", make)
    (file,) = folder.iterdir()
    good = file.read_bytes()
    file.write_bytes(damage)
    assert kept("a", b"text", make) == "made"
    assert make.times == 2
    assert file.read_bytes() == good
    file.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    assert kept("a", b"text", make) == "made"
    assert make.times == 3


class Trap:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("sprung",)


def test_a_file_that_others_may_have_written_is_not_opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    make = Maker()
    kept("a", b"text", make)
    (file,) = folder.iterdir()
    cache._write(file, pickle.dumps(Trap()))
    file.chmod(0o666)
    assert kept("a", b"text", make) == "made"
    assert not Path("sprung").exists()


def test_without_a_place_to_keep_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make = Maker()
    folder.write_text("a file where the folder would be")
    assert kept("a", b"text", make) == "made"
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/none")
    assert kept("a", b"text", make) == "made"

    def homeless() -> Path:
        raise RuntimeError("no home")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", homeless)
    assert kept("a", b"text", make) == "made"
    assert make.times == 3


def test_nothing_half_written_is_left(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: str, target: Path) -> None:
        raise OSError("no space")

    monkeypatch.setattr(os, "replace", full)
    assert kept("a", b"text", Maker()) == "made"
    assert list(folder.iterdir()) == []


def test_it_is_written_beside_its_place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only there is it sure to be moved in one piece."""
    monkeypatch.setattr("tempfile.tempdir", str(folder.parent / "none"))
    make = Maker()
    assert [kept("a", b"text", make) for _ in range(2)] == ["made"] * 2
    assert make.times == 1
