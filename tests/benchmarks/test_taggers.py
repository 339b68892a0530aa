# SPDX-License-Identifier: Apache-2.0
"""Taggers beside their peers: what a row says of its turns, which bars it misses, agreement on one small network."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from benchmarks.taggers.taggers import Row


@pytest.fixture(autouse=True)
def _from_the_root(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(root))


TIMES = {"hepq": [1.0, 2.0, 1.0], "torch": [9.0, 8.0, 5.0], "ONNX Runtime": [3.0, 4.0, 30.0]}


def row(times: Mapping[str, Sequence[float]] = TIMES, batch: int = 16, share: float = 0.8, full: bool = False) -> Row:
    from benchmarks.taggers.taggers import Row

    peers = {name: 1.0 for name in times if name != "hepq"}
    return Row("PFN", batch, full, 50.0, times, peers, peers, share, dict.fromkeys(times, 1e6))


def test_ratios_are_medians_of_turns() -> None:
    assert row().ratios == {"torch": 5.0, "ONNX Runtime": 3.0}


def test_bars_that_are_missed_are_named() -> None:
    from benchmarks.taggers.tagger_contestants import Bar

    bar = Bar(real=2.5, full=3.5, share=0.7)
    assert row().missed(bar) == []
    assert row().missed(replace(bar, real=3.1)) == ["best peer 3.00 × ours, at least 3.1"]
    assert row(share=0.6).missed(bar) == ["60% of sgemm, at least 70%"]
    assert row(full=True, share=0.6).missed(bar) == ["best peer 3.00 × ours, at least 3.5"]
    assert row(batch=1, share=0.1).missed(bar) == []
    slow = {"hepq": [1.0], "torch": [0.9]}
    assert row(slow, batch=1).missed(bar) == ["best peer 0.90 × ours, at least 1.0"]
    apart = replace(row(), agreeing={"torch": 0.89, "ONNX Runtime": 1.0})
    assert apart.missed(Bar()) == ["torch agrees on 89% of made-up jets"]


def test_a_missed_bar_is_the_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    from benchmarks.taggers.taggers import Measured, report

    met = Measured([row(share=0.95)], {"hepq": 1.0}, {"hepq": 10**6})
    assert report({"PFN": met}) == 0
    assert "ONNX Runtime 3.00 (100%, 100%, 1)" in capsys.readouterr().out
    assert report({"PFN": replace(met, rows=[row(share=0.5)])}) == 1
    assert "MISSED PFN, batch 16: 50% of sgemm, at least 90%" in capsys.readouterr().out


def test_without_a_peer_there_is_a_status(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from benchmarks import __main__
    from benchmarks.shared import interleaved

    monkeypatch.setattr(interleaved, "find_spec", lambda name: None)
    assert __main__.run(["taggers", "--quick"]) == 3
    assert "onnxruntime is not installed" in capsys.readouterr().out


def test_all_give_the_same_on_jets_that_differ() -> None:
    """P-CNN is the quickest to make, and its slots are the peers' own."""
    from benchmarks.taggers.tagger_contestants import Entrant, made_up_jets

    jets = made_up_jets([3, 40, 60, 9], 0)
    entrant = Entrant("P-CNN", jets, 0)
    scores = {name: np.array(run()) for name, run in entrant.contestants(jets, compiled=False).items()}
    assert list(scores) == ["hepq", "ONNX Runtime", "torch"]
    assert np.ptp(scores["hepq"], axis=0).max() > 0.1
    for found in scores.values():
        np.testing.assert_allclose(found, scores["hepq"], atol=1e-5)
    assert entrant.flops(jets) > 4 * 10**7
    assert entrant.bytes["hepq"] > 10**6


def test_memory_is_what_a_run_adds() -> None:
    """Of numbers that are written, not of what is reserved only. In a process of its own, as the benchmark is: what
    other tests left would hide it."""
    script = (
        "import numpy as np\nfrom benchmarks.taggers.tagger_contestants import memory\n"
        "print(memory(lambda: np.ones(1 << 25, np.float32)), memory(lambda: None))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    written, nothing = map(float, done.stdout.split())
    assert written > 100e6
    assert nothing < 10e6
