# SPDX-License-Identifier: Apache-2.0
"""What a dataset's sources give to training, and that files which are named come before them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hepq.compiler.driver.options import Options
from hepq.compiler.train.data.events import read_events
from hepq.core.errors import DataError

PROGRAM = """
from std.nn import Dense

dim cls = [a, b]

dataset D {
  source first = csv("*.csv", columns=["x", "y", "label"])
  source second = npz("events.npz", friend=csv("friend.csv", columns=["y", "x"]))
  branch x, y: real
  input v = stack(x, y)
  label truth: cls = "label"
}

model M(v: real[2]) -> real[cls] = v |> Dense[cls] |> softmax
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "m.hepq"
    path.write_text(PROGRAM.replace('"*.csv"', '"[12].csv"'))
    (tmp_path / "1.csv").write_text("1,2,0\n3,4,1\n")
    (tmp_path / "2.csv").write_text("5,6,1\n")
    (tmp_path / "friend.csv").write_text("8,0\n10,0\n")
    np.savez(tmp_path / "events.npz", x=np.array([7, 9]), label=np.array([0, 1]))
    return path


def test_all_sources_are_read_in_order(program: Path) -> None:
    data = read_events(program, [], Options())
    assert [[float(e["x"]), float(e["y"])] for e in data.events] == [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10]]
    assert data.truth.tolist() == [0, 1, 1, 0, 1]


def test_files_that_are_named_are_read_instead(program: Path) -> None:
    folder = program.parent
    (folder / "other.csv").write_text("x,y,label\n1,1,1\n")
    assert read_events(program, [folder / "other.csv"], Options()).truth.tolist() == [1]
    named = f"{folder / 'events.npz'} + {folder / 'other.npz'}"
    np.savez(folder / "other.npz", y=np.zeros(2))
    assert [float(e["y"]) for e in read_events(program, [named], Options()).events] == [0, 0]


def test_a_source_whose_files_are_absent_is_an_error(program: Path) -> None:
    (program.parent / "events.npz").unlink()
    with pytest.raises(DataError, match=r"events.npz"):
        read_events(program, [], Options())
