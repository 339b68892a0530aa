# SPDX-License-Identifier: Apache-2.0
"""Time and memory of golden vectors of circuits: estimated, bounded, and said."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from hepq.cli import app
from hepq.compiler.backends import artifact
from hepq.compiler.driver.compilation import build_file, compile_file
from hepq.compiler.driver.options import Options
from hepq.compiler.golden import cost as golden_cost
from hepq.compiler.golden.cost import affordable, cost
from hepq.compiler.ir.node import Module
from hepq.compiler.ir.state_vector import COPIES
from hepq.core.diagnostics.diagnostic import HepqError


def kernel(folder: Path, wires: int) -> Path:
    text = f"from std.quantum import ZMap\ndim wire = {wires}\n"
    (folder / "m.hepq").write_text(text + "fn K(a: real[wire], b: real[wire]) -> real = fidelity(ZMap(a), ZMap(b))\n")
    return folder / "m.hepq"


def module(folder: Path, wires: int) -> Module:
    return build_file(kernel(folder, wires), Options(model="K")).module


def test_cost_is_gates_times_amplitudes_in_every_run(tmp_path: Path) -> None:
    """ZMap: two repetitions of h and p on each wire, on both sides; six runs."""
    found = cost(module(tmp_path, 6))
    assert found.each == pytest.approx(6 * 2 * (4 * 6) * 2**6 / golden_cost.SPEED)
    assert (found.once, found.memory) == (0, 2**6 * 16 * COPIES)


def test_rows_multiply_and_what_no_event_changes_counts_once(tmp_path: Path) -> None:
    """Five particles on one side, support vectors, which are weights, on the other."""
    text = "from std.quantum import ZMap\ndim wire = 3\ndim part <= 5\ndim sv = 7\n"
    text += "model M(x: real[part, wire]) -> real[part, sv] {\n  param v: real[sv, wire] ~ normal(0, 1)\n"
    text += "  return fidelity(ZMap(x), ZMap(v))\n}\n"
    (tmp_path / "m.hepq").write_text(text)
    found = cost(build_file(tmp_path / "m.hepq", Options()).module)
    assert found.each == pytest.approx(6 * 5 * 12 * 2**3 / golden_cost.SPEED)
    assert found.once == pytest.approx(7 * 12 * 2**3 / golden_cost.SPEED)
    assert found.memory == 7 * 2**3 * 16 * COPIES


@pytest.mark.case("golden_slow")
@pytest.mark.parametrize(("wires", "events"), [(16, 16), (20, 4), (22, 1)])
def test_by_default_about_a_minute(wires: int, events: int, tmp_path: Path) -> None:
    made = module(tmp_path, wires)
    number, why = affordable(made, None)
    assert number == min(16, max(1, int(60 / cost(made).each))) == events
    assert bool(why) == (events < 16)
    assert why == "" or (f"{events} golden events, not 16" in why and "iB" in why and "--golden-events" in why)


@pytest.mark.case("golden_slow")
def test_more_than_ten_minutes_are_refused_unless_it_is_one(tmp_path: Path) -> None:
    made = module(tmp_path, 22)
    assert affordable(made, 2) == (2, "")
    with pytest.raises(HepqError, match=r"HQ0767.*100 golden events of `K` would take about .*0\.2 GiB"):
        affordable(made, 100)
    huge = module(tmp_path, 26)
    with pytest.raises(HepqError, match=r"HQ0767.*4\.0 GiB"):
        affordable(huge, None)
    assert affordable(huge, 1) == (1, "")


@pytest.mark.case("golden_slow")
@pytest.mark.parametrize("target", ["cpu", "ibm:torino"])
def test_too_many_are_refused_before_code_is_made(target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifact.Cpu, "lower", lambda *_: pytest.fail("made code"))
    with pytest.raises(HepqError, match="HQ0767"):
        compile_file(kernel(tmp_path, 22), tmp_path / "m.hepqx", Options(model="K", target=target, golden_events=99))
    assert not (tmp_path / "m.hepqx").exists()


@pytest.mark.case("golden_slow")
def test_the_summary_says_that_there_are_fewer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = kernel(tmp_path, 4)
    monkeypatch.setattr(golden_cost, "BRISK", 3.5 * cost(module(tmp_path, 4)).each)
    done = CliRunner().invoke(app, ["compile", str(made), "--model", "K"])
    assert done.exit_code == 0, done.output
    words = " ".join(done.output.split())
    assert "3 golden vectors" in words
    assert "3 golden events, not 16: circuits take the reference about" in words
    report = compile_file(made, tmp_path / "m.hepqx", Options(model="K", golden_events=5))
    assert report.golden is not None
    assert (report.golden.events, report.fewer_golden) == (5, "")
