# SPDX-License-Identifier: Apache-2.0
"""CSV files and NumPy archives are read as any file of events, in pieces of any size, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

from hepq.core.errors import DataError
from hepq.runtime.events import event_files
from hepq.runtime.events.formats import csv

ROWS = 7


def table(folder: Path, ending: str) -> Path:
    """``n`` (int64), ``x`` (float64), ``flag``; in .npz ``v`` [events, 3] too, in both orders."""
    n, x = np.arange(ROWS) - 2, np.arange(ROWS) / 4
    path = folder / f"t{ending}"
    if ending == ".csv":
        rows = [f"{a}, {b},{str(a > 0).lower()}" for a, b in zip(n, x, strict=True)]
        path.write_text("\n".join(["n, x,flag", *rows]) + "\n")
    else:
        v = np.arange(3.0 * ROWS).reshape(ROWS, 3).astype(">f4")
        np.savez(path, n=n, x=x, flag=n > 0, v=v, w=np.asfortranarray(v), names=np.array("a"))
    return path


def read(path: Path, branches: list[str], step: int | str = "32 MB") -> ak.Array:
    (source,) = event_files.find(path)
    chunks = list(event_files.iterate(source, branches, step))
    assert [c.first for c in chunks] == np.cumsum([0, *(len(c.events) for c in chunks)])[:-1].tolist()
    return ak.concatenate([c.events for c in chunks])


@pytest.mark.parametrize("ending", [".csv", ".npz"])
@pytest.mark.parametrize("step", [1, 2, 7, 100, "1 B", "100 B", "32 MB"])
def test_tables_are_read_in_pieces_of_any_size(tmp_path: Path, ending: str, step: int | str) -> None:
    found = read(table(tmp_path, ending), ["x", "n", "flag"], step)
    assert found["n"].tolist() == [-2, -1, 0, 1, 2, 3, 4]
    assert found["x"].tolist() == [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5]
    assert found["flag"].tolist() == [False, False, False, True, True, True, True]
    assert str(found["n"].type.content).lstrip("?") == "int64"


@pytest.mark.parametrize("ending", [".csv", ".npz"])
def test_no_branch_and_no_event(tmp_path: Path, ending: str) -> None:
    path = table(tmp_path, ending)
    assert len(read(path, [])) == ROWS
    (source,) = event_files.find(path)
    none = event_files.none_of(source, ["x", "n"])
    assert len(none) == 0
    assert {none.fields[0], none.fields[1]} == {"x", "n"}
    assert str(none["n"].type.content) == "int64"


@pytest.mark.parametrize("step", [1, 3, 100])
def test_arrays_of_several_numbers(tmp_path: Path, step: int) -> None:
    found = read(table(tmp_path, ".npz"), ["v", "w"], step)
    assert found["v"].tolist() == found["w"].tolist() == np.arange(3.0 * ROWS).reshape(ROWS, 3).tolist()


def test_files_are_known_by_what_they_hold(tmp_path: Path) -> None:
    path = table(tmp_path, ".npz").rename(tmp_path / "events.dat")
    assert event_files.find(path)[0].format == "npz"


def test_types_are_those_of_the_whole_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not of the first block: an integer may be followed by a fraction, by nothing, or by text."""
    monkeypatch.setattr(csv, "BLOCK", 64)
    path = tmp_path / "late.csv"
    path.write_text("a,b,c,d\n" + "1,1,1,\n" * 50 + "0.5,nan,x,\n")
    (source,) = event_files.find(path)
    assert source.kinds == ("double", "double", "string", "none")
    assert read(path, ["a"])["a"].tolist() == [1.0] * 50 + [0.5]
    assert refused(path, ["c"]).code == "HQ0807"


@pytest.mark.parametrize("other", ["9223372036854775808", "-3", "1.0", "nan", "1e3"])
def test_long_whole_numbers_are_exact_or_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: str) -> None:
    monkeypatch.setattr(csv, "BLOCK", 64)
    path = tmp_path / "long.csv"
    path.write_text("a,b\n" + "1,2\n" * 40 + f"9007199254740993,9007199254740992\n{other},1.5\n")
    assert read(path, ["b"])["b"].tolist() == [2.0] * 40 + [2.0**53, 1.5]
    if not other.strip("-").isdigit():
        error = refused(path, ["a"])
        assert error.code == "HQ0814"
        assert "event 40 has 9007199254740993" in error.why
        return
    assert read(path, ["a"])["a"].tolist() == [1] * 40 + [2**53 + 1, int(other)]


def test_names_for_a_file_without_a_header(tmp_path: Path) -> None:
    path = tmp_path / "bare.csv"
    path.write_text("1,2.5\n3,4.5\n")
    error = refused(path, ["x"])
    assert error.code == "HQ0835"
    assert "has 1" in error.why
    source = csv.source(str(path), ("n", "x"))
    assert ak.concatenate([c.events for c in event_files.iterate(source, ["n", "x"])]).to_list() == [
        {"n": 1, "x": 2.5}, {"n": 3, "x": 4.5},
    ]  # fmt: skip


@pytest.mark.parametrize(("text", "code"), [
    ("", "HQ0803"), ("a,b\n1,2\n3\n", "HQ0803"), ("a,a\n1,2\n", "HQ0886"), ("b\n1\n", "HQ0805"), ("a\nx\n", "HQ0807"),
])  # fmt: skip
def test_odd_csv_files_are_refused(tmp_path: Path, text: str, code: str) -> None:
    path = tmp_path / "odd.csv"
    path.write_text(text)
    assert refused(path, ["a"]).code == code


def test_a_csv_file_without_events(tmp_path: Path) -> None:
    path = tmp_path / "none.csv"
    path.write_text("a,b\n")
    assert len(read(path, ["a"])) == 0
    assert len(event_files.none_of(event_files.find(path)[0], ["a"])) == 0


@pytest.mark.parametrize(("arrays", "code"), [
    ({"a": np.array(["x"])}, "HQ0807"), ({"a": np.array(1.0), "b": np.zeros(3)}, "HQ0806"),
    ({"a": np.zeros(2), "b": np.zeros(3), "c": np.zeros(3)}, "HQ0813"),
    ({"a": np.array([[1], [1, 2]], dtype=object)}, "HQ0807"), ({"b": np.zeros(3)}, "HQ0805"),
])  # fmt: skip
def test_odd_archives_are_refused(tmp_path: Path, arrays: dict[str, Any], code: str) -> None:
    path = tmp_path / "odd.npz"
    np.savez(path, **arrays)
    assert refused(path, ["a"]).code == code


def test_truncated_and_renamed_archives_are_refused(tmp_path: Path) -> None:
    path = table(tmp_path, ".npz")
    data = bytearray(path.read_bytes())
    (tmp_path / "cut.npz").write_bytes(data[: len(data) // 2])
    assert refused(tmp_path / "cut.npz", ["x"]).code == "HQ0803"
    (tmp_path / "root.npz").write_bytes(b"root" + bytes(100))
    assert refused(tmp_path / "root.npz", ["x"]).code == "HQ0803"
    for at in range(0, len(data), 97):
        wrong = bytearray(data)
        wrong[at] ^= 0xFF
        (tmp_path / "wrong.npz").write_bytes(wrong)
        try:
            read(tmp_path / "wrong.npz", ["x", "v"])
        except DataError:
            continue


def refused(path: Path, branches: list[str]) -> DataError:
    with pytest.raises(DataError) as caught:
        read(path, branches)
    return caught.value
