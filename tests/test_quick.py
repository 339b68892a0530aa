# SPDX-License-Identifier: Apache-2.0
"""`make quick`: which tests a change needs, and that they end in time."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.quick import Deadline, wanted


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("compiler/lower/cpu/plan.py", "tests/compiler/lower/cpu/test_plan.py"),
        ("hepq/cli/kernel.py", "tests/hepq/cli/test_kernel.py"),
        ("stdlib/part.hepq", "tests/stdlib/test_losses.py"),
        ("tests/bad/graphs.err", "tests/test_bad.py"),
        ("tests/test_good.py", "tests/test_good.py"),
        ("tests/support/sets.py", "tests/stdlib/detectors/test_hits.py"),
    ],
)
def test_the_nearest_come_first(name: str, first: str) -> None:
    chosen = [test for test in wanted([name]) if test != "tests/test_architecture.py"]
    assert chosen[0] == first


def test_the_shape_of_the_code_is_always_looked_at() -> None:
    assert wanted(["Makefile"]) == ["tests/test_architecture.py"]


def test_importers_of_a_module_are_tested() -> None:
    assert "tests/pipeline/test_circuit_programs.py" in wanted(["compiler/ir/interpret.py"])


def test_no_test_begins_after_the_deadline(tmp_path: Path) -> None:
    test = tmp_path / "test_it.py"
    test.write_text("def test_a():\n    pass\ndef test_b():\n    pass\n")
    deadline = Deadline(0)
    assert deadline.end <= time.monotonic()
    assert pytest.main(["-q", "-p", "no:cacheprovider", str(test)], plugins=[deadline]) == pytest.ExitCode.INTERRUPTED
    assert deadline.left == 1
