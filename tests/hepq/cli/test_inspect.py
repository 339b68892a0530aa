# SPDX-License-Identifier: Apache-2.0
"""`hepqc inspect --performance`: of a program and of an artifact; options that do not go together."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from hepq.cli import app

PROGRAM = """\
from std.nn import Dense, relu

dim part <= 20
dim feat = 3
dim cls

model M(x: real[part, feat]) -> real[cls] = mean(x |> Dense[8] |> relu, over=part) |> Dense[cls]

model N(x: real[feat]) -> real[cls] = x |> Dense[cls]
"""


def hepqc(*args: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in args], env={"COLUMNS": "200"})


def performance(*args: object) -> str:
    done = hepqc("inspect", *args, "--performance")
    assert done.exit_code == 0, done.output
    return re.sub(" +", " ", done.stdout)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inspect")
    (folder / "m.hepq").write_text(PROGRAM)
    done = hepqc("compile", folder / "m.hepq", "--model", "M", "--dim", "cls=2", "--init", 1)
    assert done.exit_code == 0, done.output
    return folder


def test_of_a_program(folder: Path) -> None:
    """3→8, biases and relu of 10 particles, their mean, 8→2 and biases: the first two in one loop."""
    shown = performance(folder / "m.hepq", "--model", "M", "--dim", "cls=2", "--entries", "part=10")
    assert shown.startswith("model M at part = 10\n")
    flops = 10 * (2 * 24 + 8 + 8 + 8) + 8 + 2 * 16 + 2
    for wanted in (
        f" as written {flops} ", f" dce {flops} ", " 1 part 640 ", " 3→8 over part, 2 elementwise",
        "one core of this machine: sgemm at", "an event takes at least",
    ):  # fmt: skip
        assert wanted in shown


def test_of_an_artifact_at_its_golden_events(folder: Path) -> None:
    shown = performance(folder / "m.hepqx")
    assert re.match(r"model M at part = [\d.]+, the mean of \d+ golden events, which are made up\n", shown)


def test_of_a_model_of_fixed_size(folder: Path) -> None:
    assert performance(folder / "m.hepq", "--model", "N", "--dim", "cls=2").startswith("model N\n")


def test_a_picture_takes_the_same_options(folder: Path, tmp_path: Path) -> None:
    done = hepqc("inspect", folder / "m.hepq", "--picture", tmp_path / "a.svg", "--model", "N", "--dim", "cls=2")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "a.svg").stat().st_size > 1000


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("m.hepqx", "--performance", "--entries", "part=21"), "part has at most 20 entries, not 21"),
        (("m.hepqx", "--performance", "--entries", "part=0"), "must be a positive whole number"),
        (("m.hepqx", "--performance", "--entries", "part"), "is not NAME=VALUE"),
        (("m.hepqx", "--performance", "--entries", "part=2", "--events", "a.root"), "--entries or --events"),
        (("m.hepqx", "--performance", "--json"), "nothing else is printed"),
        (("m.hepqx", "--performance", "--dim", "cls=2"), "are of programs"),
        (("m.hepqx", "--entries", "part=3"), "are of --performance"),
        (("m.hepq", "--performance", "--sha256", "a" * 64), "are of artifacts"),
    ],
)
def test_wrong_usage(folder: Path, options: tuple[str, ...], told: str) -> None:
    done = hepqc("inspect", folder / options[0], *options[1:])
    assert done.exit_code == 2
    assert told in re.sub(r"[│\s]+", " ", done.output)
