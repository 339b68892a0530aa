# SPDX-License-Identifier: Apache-2.0
"""`hepqc tune`: what it prints, what it draws, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from hepq.cli import app
from tests.compiler.train.programs import DATA, EVENTS

WIDE = """
const width: int = 6

model Tag(x: real[obs]) -> real[cls] = x - 1 |> Dense[width] |> relu |> Dense[cls] |> softmax
"""


def tune(folder: Path, *args: object) -> Result:
    (folder / "m.hepq").write_text(DATA + WIDE)
    given = ["tune", folder / "m.hepq", EVENTS, "--epochs", 2, "--events", 80, *args]
    return CliRunner().invoke(app, [str(a) for a in given], env={"COLUMNS": "200"})


def test_what_is_said(tmp_path: Path) -> None:
    vary = ("--vary", "width=2..8 log", "--vary", "train.lr=0.01, 0.1, 1e30")
    done = tune(tmp_path, *vary, "--trials", 5)
    assert done.exit_code == 0, done.output
    assert "the program's own train.lr is not among the values: it is not tried" in done.output
    assert "trial 0  width " in done.output
    assert ", the best so far" in done.output
    assert "refused, HQ0746: " in done.output
    assert done.stdout.splitlines()[-1].startswith("hepqc compile ")
    assert (tmp_path / "m.study/study.png").read_bytes()[:4] == b"\x89PNG"
    again = tune(tmp_path, *vary, "--trials", 5)
    assert "5 trials are there: the study goes on" in again.output
    assert again.stdout == done.stdout


@pytest.mark.parametrize(
    ("vary", "code", "status"),
    [("widht=2..8", "HQ0780", 1), ("width=8..2", "HQ0781", 1), ("width", "HQ0781", 1)],
)
def test_refusals(tmp_path: Path, vary: str, code: str, status: int) -> None:
    done = tune(tmp_path, "--vary", vary)
    assert (done.exit_code, f"error[{code}]" in done.output) == (status, True)
    assert not (tmp_path / "m.study").exists()


def test_not_by_torchrun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    done = tune(tmp_path, "--vary", "width=2..8")
    assert (done.exit_code, "--workers N" in done.output) == (2, True)
