# SPDX-License-Identifier: Apache-2.0
"""What was measured once is not measured again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.shared.kept import kept


@dataclass(frozen=True)
class Result:
    name: str
    values: tuple[float, ...]


def test_a_measurement_goes_on_where_it_ended(tmp_path: Path) -> None:
    def measure(name: str) -> Result:
        if name == "c":
            raise KeyboardInterrupt
        return Result(name, (1.5, float(len(name))))

    def never(name: str) -> Result:
        return Result(name, ())

    path = tmp_path / "rows.jsonl"
    with pytest.raises(KeyboardInterrupt):
        list(kept("abc", measure, Result, path))
    assert list(kept("abc", never, Result, path)) == [measure("a"), measure("b"), Result("c", ())]
    assert list(kept("ab", never, Result, None)) == [Result("a", ()), Result("b", ())]


def test_a_damaged_line_is_measured_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "rows.jsonl"
    list(kept("ab", lambda name: Result(name, (1.0,)), Result, path))
    path.write_text(path.read_text().replace("1.0", "7.0", 1) + "{}\n")
    found = list(kept("ab", lambda name: Result(name, (2.0,)), Result, path))
    assert found == [Result("a", (2.0,)), Result("b", (1.0,))]
    assert capsys.readouterr().err.count("measured again") == 2
