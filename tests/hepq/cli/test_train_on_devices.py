# SPDX-License-Identifier: Apache-2.0
"""`hepqc train` of a support vector machine on a device: the options that `hepqc kernel` has, with the same effect."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import uproot
from typer.testing import CliRunner, Result

from hepq.cli import app
from hepq.cli.shared.backend_options import NAMES
from hepq.runtime.quantum.backends.named import BACKENDS
from hepq.runtime.quantum.jobs.ledger import Ledger, State

PROGRAM = """\
from std.quantum import svm

dim wire = 2
dim cls = [background, signal]

@shots(200)
circuit Map(x: real[wire]) on q: qubit[wire] {
  for i in wire {
    h(q[i])
    p(2 * x[i], q[i])
  }
}

fn K(x: real[wire], y: real[wire]) -> real = fidelity(Map(x), Map(y))

dataset Events {
  source events = root("events.root", tree="tree")
  branch a, b: real
  input x = stack(a, b, dim=wire)
  label truth: cls = "is_*"
}

model M(x: real[wire]) -> real = svm[kernel=K](x)
"""


def hepqc(*args: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in args], env={"COLUMNS": "200"})


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("train")
    (folder / "m.hepq").write_text(PROGRAM)
    x = np.random.default_rng(0).uniform(0, 1, (12, 2))
    truth = (x[:, 0] > 0.5).astype("i4")
    with uproot.recreate(folder / "events.root") as file:
        file["tree"] = {"a": x[:, 0], "b": x[:, 1], "is_signal": truth, "is_background": 1 - truth}
    done = hepqc("compile", folder / "m.hepq", "--target", "line:6", "--effort", "quick", "--jobs", 1,
                 "--cache", folder / "cache", "-o", folder / "k.hepqx")  # fmt: skip
    assert done.exit_code == 0, done.output
    return folder


def train(project: Path, folder: Path, *options: object) -> Result:
    return hepqc("train", project / "m.hepq", project / "events.root", "-o", folder / "m.safetensors", *options)


def test_jobs_are_remembered(project: Path, tmp_path: Path) -> None:
    on = ("--kernel", project / "k.hepqx", "--backend", "fake", "--ledger", tmp_path / "jobs")
    done = train(project, tmp_path, *on, "--copies", 2)
    assert done.exit_code == 0, done.output
    records = Ledger(tmp_path / "jobs").records()
    assert records
    assert {r.state for r in records} == {State.done}
    assert {r.qubits for r in records} == {4}


def test_over_budget_nothing_is_sent(project: Path, tmp_path: Path) -> None:
    on = ("--kernel", project / "k.hepqx", "--backend", "fake", "--ledger", tmp_path / "jobs")
    done = train(project, tmp_path, *on, "--budget", "circuits=3")
    assert done.exit_code == 1
    assert "error[HQ0873]" in done.output
    assert Ledger(tmp_path / "jobs").records() == []
    assert not (tmp_path / "m.safetensors").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--budget", "circuits=3"), "need --kernel"), (("--copies", "2"), "need --kernel"),
        (("--kernel", "k.hepqx", "--budget", "circuits=3"), "exact sends no jobs"),
    ],
)  # fmt: skip
def test_options_without_effect_are_refused(
    project: Path, tmp_path: Path, options: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    done = train(project, tmp_path, *options)
    assert done.exit_code == 2
    assert message in done.output


@pytest.mark.parametrize("command", ["kernel", "train"])
def test_every_backend_is_named(command: str) -> None:
    assert set(re.findall(r"\b[a-z]+(?::single)?\b", NAMES)) - {"or"} == {*BACKENDS, "exact:single"}
    shown = " ".join(re.sub(r"[│\s]+", " ", hepqc(command, "--help").output).split())
    assert NAMES in shown
