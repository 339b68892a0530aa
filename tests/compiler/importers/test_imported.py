# SPDX-License-Identifier: Apache-2.0
"""Operators that are imported: all that the docs name, and elementwise arithmetic and functions."""

from __future__ import annotations

import re
from pathlib import Path

from hepq.compiler.importers.onnx_rules import RULES

ELEMENTWISE = set(
    "Abs Add Asinh Ceil Cos Cosh Div Erf Exp Floor Log Max Min".split()
    + "Mul Neg Pow Reciprocal Sign Sin Sinh Sqrt Sub Sum".split()
)


def test_operators_that_the_docs_name(root: Path) -> None:
    text = (root / "docs/onnx.md").read_text()
    paragraph = text[text.index("Imported are layers") :].split("All operators that are not imported")[0]
    named = set(re.findall(r"`([A-Z]\w+)`", paragraph))
    assert len(named) > 15
    assert set(RULES) >= named


def test_elementwise_operators() -> None:
    assert set(RULES) >= ELEMENTWISE
