# SPDX-License-Identifier: Apache-2.0
"""The fuzzing benchmark passes on a few inputs, and fails when there is something to find."""

from __future__ import annotations

import pytest

from benchmarks.robustness import fuzz


def test_a_few_inputs(capsys: pytest.CaptureFixture[str]) -> None:
    assert fuzz.main(["--n", "150"]) == 0
    out = capsys.readouterr().out
    assert all(kind in out for kind in (*fuzz.KINDS, "from the grammar"))


def test_a_traceback_misses_the_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def check(text: str, path: str) -> list[object]:
        raise ZeroDivisionError

    monkeypatch.setattr(fuzz, "check_text", check)
    assert fuzz.main(["--n", "20"]) == 1
    assert "ZeroDivisionError" in capsys.readouterr().out


def test_inputs_are_the_same_for_the_same_seed() -> None:
    assert list(fuzz.inputs(30, 7)) == list(fuzz.inputs(30, 7))
