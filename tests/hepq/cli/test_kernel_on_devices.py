# SPDX-License-Identifier: Apache-2.0
"""`hepqc kernel` on a device: compiled for it, run on its simulated copies, budgeted, remembered, packed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from hepq.cli import app
from hepq.runtime.quantum.jobs.ledger import Ledger, State

PROGRAM = """\
dim wire = 2

@shots(500)
@budget(circuits=40)
circuit Map(x: real[wire]) on q: qubit[wire] {
  for i in wire {
    h(q[i])
    p(2 * x[i], q[i])
  }
  cx(q[0], q[1])
  p(x[0] * x[1], q[1])
  cx(q[0], q[1])
}

fn K(x: real[wire], y: real[wire]) -> real = fidelity(Map(x), Map(y))
"""


def hepqc(*args: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in args], env={"COLUMNS": "200"})


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("devices")
    (folder / "k.hepq").write_text(PROGRAM)
    done = hepqc("compile", folder / "k.hepq", "--model", "K", "--target", "line:5", "--effort", "quick", "--jobs", 1,
                 "--cache", folder / "cache")  # fmt: skip
    assert done.exit_code == 0, done.output
    np.save(folder / "x.npy", np.random.default_rng(0).uniform(0, 1, (6, 2)))
    return folder


def kernel(project: Path, name: str, *options: object) -> np.ndarray:
    out = project / f"{name}.npz"
    done = hepqc("kernel", project / "k.hepqx", project / "x.npy", "-o", out, "--quiet", *options)
    assert done.exit_code == 0, done.output
    with np.load(out) as held:
        return np.asarray(held["gram"])


def test_simulated_copies_of_the_device_agree(project: Path) -> None:
    exact = kernel(project, "exact")
    noisy, fake, packed = (
        kernel(project, name, "--backend", name, "--shots", 2000, *more)
        for name, more in (("noisy", ()), ("fake", ()), ("noisy", ("--copies", "all")))
    )
    assert np.abs(noisy - exact).max() < 0.2
    for other in (fake, packed):
        assert np.abs(noisy - other).max() < 6 * np.sqrt(0.5 / 2000)


def test_mitigated_values_are_nearer(project: Path, tmp_path: Path) -> None:
    exact = kernel(project, "exact")
    plain, mended = (
        kernel(project, name, "--backend", "noisy", "--shots", 20_000, *more)
        for name, more in (("plain", ()), ("mended", ("--mitigate", "readout,zne")))
    )
    assert np.abs(mended - exact).mean() < 0.5 * np.abs(plain - exact).mean()
    with np.load(project / "mended.npz") as held:
        made = json.loads(str(held["provenance"]))
    assert made["backend"].startswith("mitigated-readout-zne-0:noisy:")
    assert made["calibration_shots"] == 40_000
    shared = kernel(project, "shared", "--backend", "noisy", "--shots", 20_000, "--mitigate", "readout,zne",
                    "--workers", 2, "--store", tmp_path / "tiles")  # fmt: skip
    np.testing.assert_array_equal(shared, mended)


def test_calibration_counts_in_the_budget(project: Path, tmp_path: Path) -> None:
    """Two circuits for readout, then two for each of fifteen pairs and six events with themselves."""
    options = ("--backend", "fake", "--mitigate", "readout,zne", "--ledger", tmp_path / "jobs", "--budget")
    out = project / "m.npz"
    few = hepqc("kernel", project / "k.hepqx", project / "x.npy", "-o", out, *options, "circuits=43")
    assert few.exit_code == 1
    assert "error[HQ0873]" in few.output
    assert Ledger(tmp_path / "jobs").records() == []
    kernel(project, "m", *options, "circuits=44")
    sent = sum(r.circuits for r in Ledger(tmp_path / "jobs").records())
    assert sent == 44


def test_jobs_are_remembered(project: Path, tmp_path: Path) -> None:
    first = kernel(project, "a", "--backend", "fake", "--ledger", tmp_path / "jobs")
    records = Ledger(tmp_path / "jobs").records()
    assert records
    assert {r.state for r in records} == {State.done}
    np.testing.assert_array_equal(kernel(project, "b", "--backend", "fake", "--ledger", tmp_path / "jobs"), first)
    assert Ledger(tmp_path / "jobs").records() == records
    assert "fake:" in hepqc("jobs", "list", "--ledger", tmp_path / "jobs").output


@pytest.mark.parametrize("more", [("--budget", "shots=1000"), ("--budget", "circuits=2", "--copies", 2)])
def test_over_budget_nothing_is_sent(project: Path, tmp_path: Path, more: tuple[object, ...]) -> None:
    """A tile of each side of four: the whole matrix is counted before its first tile."""
    done = hepqc("kernel", project / "k.hepqx", project / "x.npy", "-o", tmp_path / "k.npz", "--backend", "fake",
                 "--tile", 2, "--ledger", tmp_path / "jobs", *more)  # fmt: skip
    assert done.exit_code == 1
    assert "error[HQ0873]" in done.output
    assert Ledger(tmp_path / "jobs").records() == []


def test_the_programs_budget_counts_too(project: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.random.default_rng(0).uniform(0, 1, (16, 2)))
    done = hepqc("kernel", project / "k.hepqx", tmp_path / "x.npy", "-o", tmp_path / "k.npz", "--backend", "fake")
    assert "the budget is exceeded: circuits" in done.output
    raised = hepqc("kernel", project / "k.hepqx", tmp_path / "x.npy", "-o", tmp_path / "k.npz", "--backend", "fake",
                   "--budget", "circuits=1000")  # fmt: skip
    assert raised.exit_code == 0, raised.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--backend", "noisy", "--budget", "shots=1"), "sends no jobs"),
        (("--backend", "fake", "--budget", "shots"), "is not NAME=MOST"),
        (("--backend", "noisy", "--copies", "some"), "a number or all"),
        (("--backend", "noisy", "--copies", "9"), "HQ0884"),
        (("--backend", "nosy",), "HQ0870"),
        (("--mitigate", "zne", "--shots", "100"), "no errors to --mitigate"),
        (("--backend", "noisy", "--mitigate", "zne", "--copies", "2"), "not of --copies"),
        (("--backend", "noisy", "--mitigate", "readout,noise"), "HQ0889"),
    ],
)  # fmt: skip
def test_wrong_options(project: Path, tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    done = hepqc("kernel", project / "k.hepqx", project / "x.npy", "-o", tmp_path / "k.npz", *options)
    assert done.exit_code in (1, 2)
    assert message in done.output
