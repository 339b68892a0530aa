# SPDX-License-Identifier: Apache-2.0
"""Axes of histograms are static values with units; wrong ones are reported where they are written."""

from __future__ import annotations

from typing import Any

import pytest

from hepq.compiler.driver.check import check_text
from hepq.core.axes import BinAxis
from hepq.core.diagnostics.diagnostic import Sink
from hepq.core.source import Source
from hepq.core.types import ENERGY, ONE, Unit
from hepq.lang.elaborate.context import Frame
from hepq.lang.elaborate.values import HistogramAxis
from hepq.lang.modules import MAIN
from hepq.lang.syntax.ast import ConstDecl
from hepq.lang.syntax.parser import parse
from tests.support.emission import Emission


def value(text: str) -> Any:
    sink = Sink()
    file = parse(Source("axes.hepq", f"const a = {text}"), sink)
    assert not sink.items
    made = Emission()
    made.ctx.frames.append(Frame(MAIN))
    (decl,) = file.decls
    assert isinstance(decl, ConstDecl)
    return made.ctx.value(decl.value)


@pytest.mark.parametrize(
    ("text", "axis", "unit"),
    [
        ("bins(40, 0 GeV, 200 GeV)", BinAxis.regular(40, 0.0, 200.0), ENERGY),
        ("bins(2, 1 MeV, 1 GeV)", BinAxis.regular(2, 0.001, 1.0), ENERGY),
        ("bins([0, 1, 5])", BinAxis.variable((0, 1, 5)), ONE),
        ("bins([0 GeV, 20 GeV, 1 TeV])", BinAxis.variable((0.0, 20.0, 1000.0)), ENERGY),
        ("bins(0..4)", BinAxis.variable((0, 1, 2, 3)), ONE),
        ("integers(-2, 10)", BinAxis.integer(-2, 10), ONE),
        ("bins(low=0, high=1, n=3)", BinAxis.regular(3, 0.0, 1.0), ONE),
    ],
)  # fmt: skip
def test_axes(text: str, axis: BinAxis, unit: Unit) -> None:
    assert value(text) == HistogramAxis(axis, unit)


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("bins(0, 0, 1)", "HQ0940", "no bins"), ("bins(3, 1, 1)", "HQ0940", "do not ascend"),
        ("bins([1])", "HQ0940", "no bins"), ("bins([2, 1])", "HQ0940", "do not ascend"),
        ("bins([])", "HQ0940", "no bins"), ("bins(100000000, 0, 1)", "HQ0940", "bins"),
        ("bins(3, 0, 1 GeV)", "HQ0302", "GeV"), ("bins([0 GeV, 1])", "HQ0302", "GeV"),
        ("integers(3, 3)", "HQ0940", "no bins"), ("bins(3, \"a\", 1)", "HQ0404", "edges"),
        ("bins(3, 0)", "HQ0415", "high"), ("integers(0, 1.5)", "HQ0404", "whole"),
    ],
)  # fmt: skip
def test_no_axes(text: str, code: str, says: str) -> None:
    (found,) = check_text(f"model M(x: real) -> real {{\n  a = {text}\n  return x\n}}\n", "axes.hepq")
    assert found.code == code
    assert says in f"{found.title} {found.help} {[label.text for label in found.labels]}"
