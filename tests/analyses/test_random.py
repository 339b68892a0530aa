# SPDX-License-Identifier: Apache-2.0
"""Random analyses: what is compiled and run on files gives the interpreter's sums, to the bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hepq.compiler.backends.analysis import compiled
from hepq.compiler.golden.sums import summed
from hepq.runtime.analysis import keys
from hepq.runtime.analysis.engine import Options, run
from hepq.runtime.analysis.sums import Sums
from tests.analyses.made import made
from tests.analyses.random_programs import HEAD, Program, events, write

SEEDS = range(6)
EVENTS = 40


def same(a: Sums, b: Sums) -> list[str]:
    """Fills that differ."""
    return [name for name in sorted({*a, *b}) if Sums({name: a[name]}).to_bytes() != Sums({name: b[name]}).to_bytes()]


@pytest.mark.parametrize("seed", SEEDS)
def test_compiled_is_interpreted(seed: int, tmp_path: Path) -> None:
    agrees(Program(seed).text, seed, tmp_path)


def test_a_weight_of_entries_that_a_variation_changes(tmp_path: Path) -> None:
    """Its dim is another object than the cell's, and equal: each entry was added once for every entry."""
    agrees(
        f"""{HEAD}
analysis Varied {{
  source run = data("run.root")
  source top = mc("top.root", xsec=2 pb)
  object muon = Muon where Muon.pt > 10 GeV
  vary scale {{ up {{ Muon.eta = Muon.eta + 0.5 }} }}
  hist h[weight=1 / (2 + abs(muon.eta))] = muon.pt / 20 GeV in bins(7, -2, 3)
}}
""",
        3,
        tmp_path,
    )


def agrees(text: str, seed: int, tmp_path: Path) -> None:
    analysis = made(text, str(tmp_path / "analysis.hepq"))
    given = {source: events(EVENTS, 100 * seed + i) for i, source in enumerate(("run", "top"))}
    for name, found in given.items():
        write(tmp_path / f"{name}.root", found)
    code = compiled(analysis.analysis, analysis.modules, cached=False)
    for chunk in (7, EVENTS):
        result = run(code, Options(folder=tmp_path, chunk=chunk)).result
        for source in analysis.analysis.sources:
            found = given[source.name]
            numbers = [np.array([e[n] for e in found], np.int64) for n in keys.NUMBERS[0]]
            own = [
                analysis.inputs(source.kind, event, int(key))
                for event, key in zip(found, keys.of_events(source.name, numbers), strict=True)
            ]
            expected = summed(analysis.modules[source.kind], own)
            assert not same(result.read[source.name].sums, expected), text


def test_random_programs_have_everything() -> None:
    texts = "".join(Program(seed).text for seed in range(60))
    for word in (
        "where",
        "by",
        "take 1",
        "extends",
        "vary",
        "noise",
        "weight",
        "per",
        "default(",
        "exists(",
        "[weight=",
        "union(",
        "combinations(",
        "part_of(",
        "by=Muon.jet",
        "by=Part.Jet",
        "Part.Jet.btag",
        "(low=",
    ):
        assert word in texts
