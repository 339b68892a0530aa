# SPDX-License-Identifier: Apache-2.0
"""The AGC's analysis and its peer: that they agree, and that what differs is noticed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(__file__).resolve().parents[3] / "shared"
pytestmark = pytest.mark.skipif(not (SHARED / "analysis").exists(), reason="the toy events are absent")


@pytest.fixture(autouse=True)
def _from_the_root(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(root))


@pytest.fixture
def reference() -> Any:
    return json.loads((SHARED / "analysis/reference/analyses.json").read_text(encoding="utf-8"))


def test_toy_events_are_as_published_and_one_bin_is_noticed(reference: Any) -> None:
    from benchmarks.analyses import agc
    from benchmarks.analyses.running import DATA, Case

    result = Case.of(agc.PROGRAM, DATA, agc.MOMENTUM).run().result
    wanted = reference["agc_toy_ttbar"]
    rows = {row.what: row for row in agc.published(result, wanted)}
    assert [row.number for row in rows.values()] == [26, 26, 4, 2]
    assert all(row.met for row in rows.values())
    wanted["hists"]["4j2b_btag_var_1_down"]["sumw_with_flow"][3] *= 1 + 1e-11
    wanted["cutflow"]["pt_scale_up.4j1b"][2][1] += 1
    missed = [row.what for row in agc.published(result, wanted) if not row.met]
    assert missed == ["histograms: sums of weights and of squares", "cut flows"]


def test_flat_trees(reference: Any) -> None:
    from benchmarks.analyses import agc

    assert all(row.met for row in agc.flat(reference["zmumu_flat"]))


def test_awkward_makes_the_published_histograms(reference: Any) -> None:
    pytest.importorskip("vector")
    pytest.importorskip("correctionlib")
    from benchmarks.analyses import agc, agc_awkward

    given = agc.events(agc.TOY)
    peer = agc_awkward.Filling(len(given), exact=True)
    for begin in range(0, len(given), 3000):
        peer.add(given[begin : begin + 3000])
    for name in agc_awkward.REGIONS:
        for variation in set(agc_awkward.VARIATIONS) - {"pt_res_up"}:
            wanted = reference["agc_toy_ttbar"]["hists"][f"{agc.HISTOGRAMS[name]}_{variation}"]
            values, variances = peer.cells(name, variation)
            assert agc.apart(values, wanted["sumw_with_flow"]) < agc.SAME
            assert agc.apart(variances, wanted["sumw2_with_flow"]) < agc.SAME
