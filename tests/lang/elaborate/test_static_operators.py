# SPDX-License-Identifier: Apache-2.0
"""Operators on static values: each gives what Python's does, and is folded before anything is built."""

from __future__ import annotations

import numpy as np
import pytest

from hepq.compiler.ir.interpret import run_event
from tests.support.circuits import codes, module

COMPARED = ["==", "!=", "<", "<=", ">", ">="]
PYTHON = {"==": int.__eq__, "!=": int.__ne__, "<": int.__lt__, "<=": int.__le__, ">": int.__gt__, ">=": int.__ge__}


def value(expression: str) -> float:
    text = f"model M(x: real) -> real = x + (if {expression} then 1 else 0)\n"
    built = module(text)
    assert all(node.op not in ("where", "not", "eq", "ne", "lt", "le", "gt", "ge") for node in built.walk())
    return float(run_event(built, {"x": np.array(0.0)}, {})["output"])


@pytest.mark.parametrize("op", COMPARED)
@pytest.mark.parametrize(("a", "b"), [(1, 2), (2, 2), (3, 2)])
def test_comparisons(op: str, a: int, b: int) -> None:
    assert value(f"{a} {op} {b}") == PYTHON[op](a, b)
    assert value(f"{a} GeV {op} {b * 1000} MeV") == PYTHON[op](a, b)


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [("not true", 0), ("not false", 1), ("not 1 == 2", 1), ("true and false", 0), ("true and true", 1),
     ("false or true", 1), ("false or false", 0), ("[1, 2] == [1, 2]", 1), ("[1, 2] != [1, 2]", 0),
     ("[1, 2] == [1, 3]", 0), ("[1, 2] == [1]", 0), ("[0, 1] == 0..2", 1), ("0..2 == 0..2", 1), ("0..2 == 1..3", 0),
     ("2..2 == 5..5", 1), ("[[1], 2] != [[1], 3]", 1), ('"a" == "a"', 1), ('"a" != "a"', 0)],
)  # fmt: skip
def test_truth(expression: str, wanted: int) -> None:
    assert value(expression) == wanted


@pytest.mark.parametrize(
    "expression",
    ["36.3 / fb == 36.3 fb^-1", "36.3 / fb * 1 fb == 36.3", "3 GeV / MeV == 3000", "1 / ab > 1 / fb",
     "1 mrad == 0.001", "3.8 T * 1 m > 1.13 GeV and 3.8 T * 1 m < 1.14 GeV"],
)  # fmt: skip
def test_units_behind_a_slash(expression: str) -> None:
    assert value(expression) == 1


def test_a_name_of_the_program_is_no_unit() -> None:
    text = "model M(x: real) -> real {\n  m = 4\n  return x / m\n}\n"
    assert float(run_event(module(text), {"x": np.array(2.0)}, {})["output"]) == 0.5
    assert codes("model M(x: real, T: real) -> real = x / T\n") == codes(
        "const fb = 2\nfn f(x: real) -> real = x / fb\n"
    )
    assert codes("fn f(x: real) -> real = x / fb\n") == ["HQ0308"]
    assert codes("fn f(x: real) -> real = fb * x\n") == ["HQ0101"]


@pytest.mark.parametrize("expression", ["not 1", "true and 1", "1 or false", "true < false", "true + 1"])
def test_what_is_no_truth_value(expression: str) -> None:
    assert set(codes(f"fn f(x: real) -> real = if {expression} then x else x\n")) & {"HQ0301", "HQ0306"}
