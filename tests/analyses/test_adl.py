# SPDX-License-Identifier: Apache-2.0
"""The eight queries of the ADL benchmark, by the reference interpreter, against published histograms."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.analyses.made import made, of_file

SHARED = Path(__file__).resolve().parents[3] / "shared"
PROGRAM, DATA = SHARED / "language/adl.hepq", SHARED / "analysis"
#: histograms of the program, by their names in the reference
NAMES = {
    "q1": "q1", "q2": "q2", "q3": "q3", "q4": "q4.met", "q5": "q5.met", "q61": "q6.pt", "q62": "q6.btag",
    "q7": "q7.ht", "q8": "q8.mt",
}  # fmt: skip
EVENTS = 300


@pytest.mark.skipif(not PROGRAM.exists(), reason="../shared is not there")
def test_histograms_are_the_published_ones_event_by_event() -> None:
    analysis = made(PROGRAM.read_text(encoding="utf-8"))
    branches = dict.fromkeys(b.branch for b in analysis.analysis.programs["data"].branches)
    events = of_file(DATA / "data/Run2012B_SingleMu-1000.root", [*branches])
    assert len(events) == 1000
    # whole histograms are compared with compiled code (benchmarks adl): the interpreter sees a part of the events here
    first, rest = (analysis.run({"run2012b": part}) for part in (events[:EVENTS], events[EVENTS : EVENTS + 20]))
    reference = json.loads((DATA / "reference/adl_1000.json").read_text(encoding="utf-8"))
    for theirs, ours in NAMES.items():
        whole = np.array(reference[theirs]["counts_with_flow"])
        some = first.cells(ours, "run2012b").entries
        assert (some <= whole).all()
        assert (some + rest.cells(ours, "run2012b").entries <= whole).all()
    assert first.cells("q1", "run2012b").entries.sum() == EVENTS
