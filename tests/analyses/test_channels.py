# SPDX-License-Identifier: Apache-2.0
"""What may be a channel of a fit is said when the program is checked, and where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from hepq.core.diagnostics.diagnostic import Sink
from hepq.core.diagnostics.render import render_text
from hepq.lang.checker import check
from hepq.lang.modules import load
from hepq.runtime.analysis.description import Analysis
from tests.analyses.made import made
from tests.analyses.test_meaning import HEAD, SOURCES

ANALYSIS = f"""{HEAD}
analysis A {{{SOURCES}  source other = mc("other.root")
  side = MET.phi > 0 rad
  size = (low=MET.pt < 10 GeV, high=true)
  hist h = MET.pt in bins(5, 0 GeV, 50 GeV) per size
  hist both = MET.pt in bins(5, 0 GeV, 50 GeV) per size, side
  hist plane = MET.pt in bins(5, 0 GeV, 50 GeV), MET.phi in bins(5, 0 rad, 3 rad)
}}
"""


def fit(settings: str) -> str:
    return f"{ANALYSIS}fit F {{\n  {settings}\n}}\n"


@pytest.mark.parametrize(
    ("settings", "why", "marked"),
    [
        ("channels = [h, plane]\n  free = [top]", "it has 2 axes", "plane"),
        ("channels = [h.low]\n  free = [top]\n  range = (0, 3)", "units of GeV", "(0, 3)"),
        ("channels = [h, h.low]\n  free = [top]", "it is in another channel, too", "h.low"),
        ("channels = [h]\n  free = []", "nothing in it is free", "[]"),
        ("channels = [h]", "nothing in it is free", "F"),
        ("channels = [h]\n  free = [top]\n  poi = other", "is of interest, and not in `free`", "other"),
    ],
)
def test_what_cannot_be_fitted(settings: str, why: str, marked: str) -> None:
    sink = Sink()
    check(load(Path("a.hepq"), fit(settings), sink), sink)
    (found,) = sink.items
    assert found.code == "HQ0933", render_text(sink.items)
    assert why in found.title
    assert found.labels[0].span.text == marked


@pytest.mark.parametrize("name", ["h.lower", "h.low.true", '"both.high"', "g"])
def test_no_such_channel(name: str) -> None:
    sink = Sink()
    check(load(Path("a.hepq"), fit(f"channels = [{name}]\n  free = [top]"), sink), sink)
    assert [d.code for d in sink.items] == ["HQ0932" if name != "h.low.true" else "HQ0023"]


def test_categories_are_channels() -> None:
    named: Analysis = made(fit('channels = [h.low, "both.high.true"]\n  free = [top]')).analysis
    (found,) = named.fits
    assert found.channels == ("h.low", "both.high.true")
