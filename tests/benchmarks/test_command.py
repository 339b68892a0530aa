# SPDX-License-Identifier: Apache-2.0
"""`python -m benchmarks`: the list of measurements and the exit statuses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _from_the_root(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(root))


def run(root: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "benchmarks", *args], cwd=root, capture_output=True, text=True)


def test_without_a_name_it_lists_them(root: Path) -> None:
    done = run(root)
    assert done.returncode == 0
    assert "parity" in done.stdout


def test_the_readme_lists_them_all(root: Path) -> None:
    from benchmarks.__main__ import benchmarks

    text = (root / "README.md").read_text(encoding="utf-8")
    listed = {line.split()[4] for line in text.splitlines() if line.startswith("$ python -m benchmarks ")} - {"#"}
    assert listed == set(benchmarks())


def test_an_unknown_name_is_wrong_usage(root: Path) -> None:
    assert run(root, "nonesuch").returncode == 2


def test_absent_data_has_its_own_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from benchmarks import __main__
    from benchmarks.shared import data

    monkeypatch.setattr(data, "SHARED", tmp_path)
    assert __main__.run(["parity", "--quick"]) == 3
    assert "ParticleNet_kin.pt" in capsys.readouterr().out


def test_drift_is_compared_in_fraction_and_in_size() -> None:
    from benchmarks.taggers.parity import Drift

    zero = np.zeros((4, 2))
    small, large = zero.copy(), zero.copy()
    small[0, 1], large[0, 1] = 5e-4, 5e-2
    assert Drift.between(small, zero).fractions == (0.25, 0.25, 0.0)
    assert Drift.between(small, zero).within(Drift.between(large, zero), tail=True)
    assert not Drift.between(large, zero).within(Drift.between(small, zero), tail=True)
    assert not Drift.between(small + 2e-5, zero).within(Drift.between(small, zero), tail=True)
    spread, peak = np.full((100, 2), 1e-2), np.full((100, 2), 1e-2)
    peak[0, 0], spread[1:, 0] = 2e-2, 1.1e-2
    assert Drift.between(peak, 0 * peak).within(Drift.between(spread, 0 * spread), tail=False)
    assert not Drift.between(peak, 0 * peak).within(Drift.between(spread, 0 * spread), tail=True)
