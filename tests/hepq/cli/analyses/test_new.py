# SPDX-License-Identifier: Apache-2.0
"""`hepqc new analysis`: a program that checks, and runs as soon as its files are there."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from hepq.cli import app
from hepq.runtime.analysis.results import Result as Sums

MAKE = Path(__file__).resolve().parents[4] / "examples/analyses/make_events.py"


def hepqc(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_it_checks_and_runs(tmp_path: Path) -> None:
    folder = tmp_path / "zmumu"
    assert hepqc("new", "analysis", "zmumu", "--folder", folder).exit_code == 0
    program = folder / "zmumu.hepq"
    for command in (["check"], ["fmt", "--check"]):
        done = hepqc(*command, program)
        assert done.exit_code == 0, done.output
    toys = runpy.run_path(str(MAKE))
    (folder / "data").mkdir()
    for name, simulated in (("run", False), ("dy", True)):
        rng = np.random.default_rng(simulated)
        events = [toys["z_to_leptons"](rng) for _ in range(200)]
        toys["write"](folder / "data" / f"{name}_1.root", events, rng, simulated)
    done = hepqc("run", program, "-o", tmp_path / "out", "--quiet")
    assert done.exit_code == 0, done.output
    result = Sums.load(tmp_path / "out/Zmumu.hepqr")
    assert result.cells("mass", "run").entries.sum() > 80
    assert set(result.varied("peak.pt", "dy")) == {"muon_scale_up", "muon_scale_down"}
    assert (tmp_path / "out/peak.pairs.root").exists()


@pytest.mark.parametrize("words", [("analysis", "muon"), ("analysis", "event_1"), ("dense",), ("jets",), ("tagger",)])
def test_names_that_the_program_has_for_other_things(words: tuple[str, ...], tmp_path: Path) -> None:
    assert hepqc("new", *words, "--folder", tmp_path).exit_code == 0
    done = hepqc("check", tmp_path / f"{words[-1]}.hepq")
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("words", [("analysis",), ("table", "x"), ("analysis", "1x"), ("tagger", "a", "b")])
def test_what_is_no_name_is_wrong_usage(words: tuple[str, ...], tmp_path: Path) -> None:
    assert hepqc("new", *words, "--folder", tmp_path / "new").exit_code == 2
    assert not (tmp_path / "new").exists()
