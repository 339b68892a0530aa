# SPDX-License-Identifier: Apache-2.0
"""The eight ADL queries: what is compared with the published histograms, and when a difference is noticed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

SHARED = Path(__file__).resolve().parents[3] / "shared"
needs_data = pytest.mark.skipif(not (SHARED / "analysis").exists(), reason="the events of Run2012B_SingleMu are absent")


@pytest.fixture(autouse=True)
def _from_the_root(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(root))


def test_queries_are_as_short_as_the_design_says() -> None:
    from benchmarks.analyses import adl

    lengths = adl.lengths()
    assert {name: lengths[name] for name in adl.LENGTHS} == {"q5": 148, "q6": 204, "q7": 184, "q8": 305}


def test_without_the_published_histograms_there_is_nothing_to_compare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from benchmarks import __main__
    from benchmarks.analyses import adl

    monkeypatch.setattr(adl, "PUBLISHED", tmp_path / "none.json")
    assert __main__.run(["adl", "--quick"]) == 3
    assert "none.json" in capsys.readouterr().out


@needs_data
@pytest.mark.parametrize(("histogram", "status"), [(None, 0), ("q7.ht", 1)])
def test_one_bin_decides(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], histogram: str | None, status: int
) -> None:
    from benchmarks.analyses import adl

    wanted = adl.published()
    assert len(wanted) == 9
    if histogram:
        wanted[histogram] = wanted[histogram] + (np.arange(102) == 101)
    monkeypatch.setattr(adl, "published", lambda: wanted)
    assert adl.main(["--quick"]) == status
    assert ("MISSED" in capsys.readouterr().out) == bool(status)
