# SPDX-License-Identifier: Apache-2.0
"""Formulas are read as correctionlib reads them, and refused where it refuses them."""

from __future__ import annotations

import json
import re
from typing import Any

import correctionlib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hepq.lang.elaborate.corrections.tformula import Call, Literal, Parameter, Variable, parse


def theirs(text: str) -> Any:
    """As tuples; None where it is refused."""
    about = {"nodetype": "formula", "parser": "TFormula", "expression": text, "variables": list("abcd"),
             "parameters": [100.0, 101.0, 102.0]}  # fmt: skip
    inputs = [correctionlib._core.Variable.from_string(json.dumps({"name": n, "type": "real"})) for n in "abcd"]
    try:
        return told(correctionlib._core.Formula.from_string(json.dumps(about), inputs).ast)
    except RuntimeError:
        return None


def told(node: Any) -> Any:
    kind, data = node.nodetype.name, node.data
    if kind == "LITERAL":
        return data
    if kind == "VARIABLE":
        return f"v{data}"
    names = {"NEGATIVE": "-", "MINUS": "-", "PLUS": "+", "DIV": "/", "TIMES": "*", "POW": "^", "EQUAL": "==",
             "NOTEQUAL": "!=", "GREATER": ">", "LESS": "<", "GREATEREQ": ">=", "LESSEQ": "<=", "LOGICALOR": "||",
             "LOGICALAND": "&&"}  # fmt: skip
    name = data.name.upper()
    return (names.get(name, name.lower()), *(told(child) for child in node.children))


def ours(text: str) -> Any:
    try:
        return _ours(parse(text))
    except ValueError:
        return None


def _ours(node: Any) -> Any:
    match node:
        case Literal(value=v):
            return v
        case Variable(index=i):
            return f"v{i}"
        case Parameter(index=i):
            return 100.0 + i
        case Call(name=name, operands=operands):
            return ("^" if name == "pow" else name, *map(_ours, operands))


@pytest.mark.parametrize(
    "text",
    ["x", "-x^2", "-2^2", "2^3^2", "1-2-3", "8/4/2", "x<y==z>t", "x&&y||z", "x+y*z^t", "1.", "1.5e-3", "1e5", "1.5e+3",
     "1E5", ".5", "2-3", "2--3", "--3", "- 3", "-(3)", "- x", "x[0]", "x[3]", "x [0]", "[0]*[1]", "[ 0 ]", "log(x)",
     "log10(x)", "log2(x)", "cosh(x)", "tan(t)", "atan2(x,y)", "max(x, min(y, 2))", "max(x)", "abs(-x)", " x + 1 ",
     "(x", "x)", "", "x y", "2x", "x>=1", "x=>1", "x=1", "!x", "x?1:2", "exp (x)", "x\t*2", "1 e5", "w"],
)  # fmt: skip
def test_formulas(text: str) -> None:
    assert ours(text) == theirs(text)


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(
    st.lists(st.sampled_from("x y x[1] [2] 1 2.5 3e-2 - + * / ^ < >= == && || ( ) , max pow log cosh".split()))
    .map(" ".join)
    .filter(lambda text: len(text) < 60)
)
def test_random_formulas(text: str) -> None:
    if re.search(r"[-+*/^<>=&|] *($|[),])", text):  # correctionlib passes over an operator with nothing behind it
        assert ours(text) is None
    else:
        assert ours(text) == theirs(text)


def test_deep_formulas() -> None:
    assert ours("(" * 100 + "x" + ")" * 100) == "v0"
    assert ours("(" * 10_000 + "x" + ")" * 10_000) is None
