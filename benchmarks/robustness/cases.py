# SPDX-License-Identifier: Apache-2.0
"""Inputs that once failed: every test that asserts the right answer for one of them, by the name it is known by.

A test says which with ``@pytest.mark.case("NAME")``. A case is right if at least one test of it ran and none failed.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from rich.markup import escape
from rich.table import Table

TESTS = Path(__file__).resolve().parents[2] / "tests"
MARK = "case"

#: name -> what is right
CASES = {
    "keep_types": "kept branches are written in the widest type over all files, or it is an error",
    "checkpoint_bitflip": "a flipped bit in a checkpoint is noticed before it is used",
    "silent_nan": "scores that are not numbers are counted, and the derived variable named",
    "nan_max": "a maximum over NaN is NaN, whatever the order and the back end",
    "onnx_order": "keys that are NaN sort last in ONNX too",
    "verify_own_artifact": "an artifact verifies where it was compiled; events that rounding decides are counted",
    "parquet_lists": "pyarrow's nullable lists are read; None where a number is needed is a clear error",
    "odd_labels": "nullable and jagged labels, no rows first: a clear error, or read; predict needs no labels",
    "unlabelled_silent": "events without a label, or with several, are counted and said",
    "labels": "events of no class or of several are counted and said, whatever the form of the label",
    "auc_ignores_weight": "AUC and rejections are weighted, in predict too",
    "balanced_with_weights": "balanced evens out sums of weights",
    "auc_two_ways": "train and predict have one definition of a class's discriminant",
    "int_weight": "int and bool branches may weight events",
    "shots_ignored": "shots on the exact simulator are drawn from the exact probabilities, seeded",
    "readout_asym": "both readout errors, from the calibration",
    "rt": "networks that a second block makes in a loop, in another order, are a diagnostic",
    "fold": "a barrier keeps U U† from being simplified",
    "check_exponential": "check ends within seconds on programs whose expansion doubles",
    "check_qubit_slice": "a slice of qubits is compared with its register before it is expanded",
    "check_fifo": "only regular files are read",
    "zip_bz2_bomb": "an archive never makes us read more than it declares, by whatever method it is packed",
    "shots_half": "shots that are no whole number are a diagnostic",
    "closed_stdout": "no traceback when stdout is closed",
    "import_fixed_batch": "networks of a fixed batch import",
    "sigterm_leaves_temp": "TERM and HUP clean up; what a killed run left is removed by the next",
    "mem34": "the memory of golden vectors of circuits is bounded and said before it is taken",
    "golden_slow": "so is their time; how many there are is an option",
    "threads": "training takes as many threads as the model can use",
    "tree_in_folder": "trees in folders, cycles and patterns with both",
    "import_bn": "batch normalisation imports in the forms exporters write",
    "qasm2_sx": "OpenQASM 2 files define every gate they use",
    "open_qasm3_names": "a circuit exported with open angles carries what computes them",
    "const_kernel": "a constant kernel is called one",
    "islands": "a device in pieces is refused with the size of its largest piece",
    "tket_not_affine": "tket's recipes survive its atan2 angles or say so in a line",
    "full_slow": "no recipe takes 40 s for 5 wires of an all-to-all device",
    "esp_r7a_kingston": "never below Qiskit O3 of the same circuit with open angles",
    "module_prefix": "a prefix module. or _orig_mod. may be in the table or not",
    "weights_suffix": "the format of a weights file is told by its content",
    "vector_vector_message": "a wrong shape is said in the branch's own terms",
    "compile_wrong_branch": "a dataset's file that is there and lacks a branch is an error at compile",
    "step_blames_data": "a step too large is blamed, not the data",
    "train_model_applied": "what trains compiles",
}  # fmt: skip

#: name -> the part that is not built yet
LEFT = {
    "fold": "folding on a device, after routing, comes with systems",
}


@dataclass
class Outcome:
    """Of the tests of one case: how many passed and were skipped, and which failed."""

    passed: int = 0
    skipped: int = 0
    failed: list[str] = field(default_factory=list)

    @property
    def tested(self) -> bool:
        return bool(self.passed or self.failed)

    @property
    def ok(self) -> bool:
        return self.passed > 0 and not self.failed


class Tally:
    """A plugin of pytest that keeps tests of the cases asked for and counts how each case fares."""

    def __init__(self, names: Iterable[str]) -> None:
        self.outcomes = {name: Outcome() for name in names}
        self.unknown: set[str] = set()
        self._cases: dict[str, list[str]] = {}

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        kept = []
        for item in items:
            names = {str(mark.args[0]) for mark in item.iter_markers(MARK)}
            self.unknown |= names - set(CASES)
            if ours := sorted(names & set(self.outcomes)):
                self._cases[item.nodeid] = ours
                kept.append(item)
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name in self._cases[report.nodeid]:
            outcome = self.outcomes[name]
            outcome.passed += report.when == "call" and report.passed
            outcome.skipped += report.skipped
            if report.failed:
                outcome.failed.append(report.nodeid)


def marked(folder: Path) -> Iterator[Path]:
    """Test files that name a case."""
    return (path for path in sorted(folder.rglob("test_*.py")) if f"mark.{MARK}(" in path.read_text())


def measure(names: Iterable[str], folder: Path = TESTS) -> tuple[Tally, str]:
    """Run the tests of these cases. Returns how each fared, and what pytest said.

    Raises:
        ValueError: test files that pytest could not collect; the message is what pytest said.
    """
    tally, said = Tally(names), StringIO()
    files = [str(path) for path in marked(folder)]
    if files:
        with redirect_stdout(said):
            status = pytest.main(["-q", "-p", "no:cacheprovider", "--color=no", *files], plugins=[tally])
        if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED):
            raise ValueError(said.getvalue())
    return tally, said.getvalue()


def verdict(name: str, outcome: Outcome) -> str:
    """One of right, wrong, no test, skipped."""
    if outcome.failed:
        return "wrong"
    if outcome.passed:
        return "right"
    return "skipped" if outcome.skipped else "no test"


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks cases", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these cases")
    options = parser.parse_args(argv)
    if unknown := sorted(set(options.names) - set(CASES)):
        parser.error(f"no such case: {', '.join(unknown)}; they are {', '.join(CASES)}")
    names = options.names or list(CASES)
    tally, said = measure(names)
    table = Table()
    table.add_column("case", no_wrap=True)
    for heading in ("verdict", "passed", "skipped", "failed", "what is right, and what of it is open"):
        table.add_column(heading)
    for name in names:
        outcome, left = tally.outcomes[name], LEFT.get(name)
        about = CASES[name] + (f" ([i]open: {escape(left)}[/i])" if left else "")
        counts = (outcome.passed, outcome.skipped, len(outcome.failed))
        table.add_row(name, verdict(name, outcome), *map(str, counts), about)
    Console().print(table)
    wrong = [name for name in names if verdict(name, tally.outcomes[name]) != "right"]
    if any(outcome.failed for outcome in tally.outcomes.values()):
        print(said)
    for name in sorted(tally.unknown):
        print(f"a test is marked with an unknown case: {name}")
    print(f"{len(names) - len(wrong)} of {len(names)} right" + (f"; not: {', '.join(wrong)}" if wrong else ""))
    return 1 if wrong or tally.unknown else 0
