# SPDX-License-Identifier: Apache-2.0
"""Options of all commands that take numbers: what is out of range is wrong usage, and the option is named."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.models import OptionInfo
from typer.testing import CliRunner

from hepq.cli import COMMANDS, app, loaded
from hepq.runtime.events.source import size


def commands() -> Iterator[Any]:
    for name in COMMANDS:
        found = loaded(name)
        group = isinstance(found, typer.Typer)
        yield from (command.callback for command in found.registered_commands) if group else [found]


def options(kind: type) -> list[tuple[str, str, OptionInfo]]:
    """(command, option, what it says) of every option of that type."""
    found = []
    for command in commands():
        hints = typing.get_type_hints(command, include_extras=True)
        for name in inspect.signature(command).parameters:
            base, *extra = (
                typing.get_args(hints[name]) if typing.get_origin(hints[name]) is typing.Annotated else (None,)
            )
            info = next((e for e in extra if isinstance(e, OptionInfo)), None)
            if info is not None and (base is kind or kind in typing.get_args(base)):
                declared = next(
                    (d for d in info.param_decls or () if d.startswith("--")), "--" + name.replace("_", "-")
                )
                found.append((command.__name__.rstrip("_"), declared, info))
    return found


@pytest.mark.case("step_blames_data")
def test_every_number_has_both_ends() -> None:
    for command, option, info in options(int):
        assert info.min is not None, (command, option)
        assert info.max is not None, (command, option)
    for command, option, info in options(float):
        assert info.parser is not None, (command, option)  # a range lets NaN pass


def refused(*args: str) -> str:
    done = CliRunner().invoke(app, list(args), env={"COLUMNS": "200"})
    assert done.exit_code == 2, done.output
    return re.sub(r"[│\s]+", " ", done.output)


NUMBERS = [
    (c, o) for kind in (int, float) for c, o, _ in options(kind) if c in ("train", "predict", "kernel", "compare")
]


@pytest.mark.case("step_blames_data")
@pytest.mark.parametrize(("command", "option"), NUMBERS)
def test_out_of_range_names_the_option(command: str, option: str) -> None:
    needed = ("--program", "c") if command == "compare" else ("--out", "c")
    for value in ("-1", "nan", "9" * 40, "junk"):
        assert f"'{option}'" in refused(command, "a", "b", *needed, f"{option}={value}")


@pytest.mark.case("step_blames_data")
@pytest.mark.parametrize(
    "value", ["0", "abc", "3 XB", "-1", "nan", "inf", "1e400 MB", "0 MB", "0.1 B", "", "-3 MB", "1.2.3 kB"]
)
def test_a_step_that_is_none_is_wrong_usage(value: str) -> None:
    assert "'--step'" in refused("predict", "a.hepqx", "b.root", "-o", "c.root", f"--step={value}")


@pytest.mark.parametrize(
    ("given", "held"), [("32 MB", 32_000_000), ("1kB", 1000), (" 0.5 gb ", 5 * 10**8), ("1e3 B", 1000)]
)
def test_sizes(given: str, held: int) -> None:
    assert size(given) == held


def test_factors_are_finite_numbers() -> None:
    for factor in ("a=nan", "a=-1", "a=inf", "a", "=1", "a="):
        assert "--scale" in refused("train", "a.hepq", "b.root", "--scale", factor)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--folds", "3", "--trainings", "2"), "each fold is trained once"),
        (("--predictions", "p.root"), "--predictions need --folds"),
        (("--split", "event"), "is not BRANCH % K"),
        (("--split", "event % 1"), "is not BRANCH % K"),
        (("--split", "% 5"), "is not BRANCH % K"),
    ],
)
def test_folds_and_splits_that_make_no_sense(options: tuple[str, ...], told: str) -> None:
    assert told in refused("train", "a.hepq", "b.root", *options)


@pytest.mark.parametrize("command", ["predict", "kernel", "attribute", "export"])
@pytest.mark.parametrize("ending", ["npz", "csv", "parquet", "npy"])
def test_a_tree_is_of_root_files(command: str, ending: str, tmp_path: Path) -> None:
    (tmp_path / f"b.{ending}").touch()
    given = (command, "a.hepqx", str(tmp_path / f"b.{ending}"), "--tree", "nonsense")
    out = () if command == "attribute" else ("-o", str(tmp_path / "c.npz"))
    assert "--tree is of ROOT files" in refused(*given, *out)
