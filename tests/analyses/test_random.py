# SPDX-License-Identifier: Apache-2.0
"""Random analyses: what is compiled and run on files gives the interpreter's sums, to the bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

from hepq.compiler.backends.analysis import compiled
from hepq.compiler.golden.sums import summed
from hepq.compiler.ir import interpret
from hepq.core.analyses import Kind
from hepq.runtime.analysis import keys
from hepq.runtime.analysis.engine import Options, run
from hepq.runtime.analysis.sums import Sums
from hepq.runtime.analysis.writers.skims import changed
from tests.analyses.made import Event, Made, made
from tests.analyses.random_programs import DELPHES, HEAD, REFERENCE, Program, as_delphes, events, write

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


@pytest.mark.parametrize("seed", SEEDS[::2])
def test_of_delphes(seed: int, tmp_path: Path) -> None:
    """References by numbers of objects, of Parquet files."""
    text = Program(seed).text
    assert HEAD in text
    agrees(text.replace(HEAD, DELPHES).replace(".root", ".parquet"), seed, tmp_path, delphes=True)


def agrees(text: str, seed: int, tmp_path: Path, *, delphes: bool = False) -> None:
    given = {source: events(EVENTS, 100 * seed + i) for i, source in enumerate(("run", "top"))}
    for name, found in given.items():
        if delphes:
            write(tmp_path / f"{name}.parquet", as_delphes(found, seed))
        else:
            write(tmp_path / f"{name}.root", found)
    analysis = made(text, str(tmp_path / "analysis.hepq"))
    code = compiled(analysis.analysis, analysis.modules, cached=False)
    for chunk, ending in ((7, ".root"), (EVENTS, ".parquet")):
        skims = tmp_path / f"skims{ending[1:]}"
        skims.mkdir()
        result = run(code, Options(folder=tmp_path, chunk=chunk, skims=skims, skim_format=ending)).result
        for source in analysis.analysis.sources:
            found = given[source.name]
            numbers = [np.array([e[n] for e in found], np.int64) for n in keys.NUMBERS[0]]
            found = by_place(found) if delphes else found
            own = [
                analysis.inputs(source.kind, event, int(key))
                for event, key in zip(found, keys.of_events(source.name, numbers), strict=True)
            ]
            expected = summed(analysis.modules[source.kind], own)
            assert not same(result.read[source.name].sums, expected), text
            for (name, variation), rows in saved(analysis, source.kind, own).items():
                assert skimmed(skims / f"{name}{ending}", source.name, variation) == rows, text


def by_place(given: list[Event]) -> list[Event]:
    """Events as Delphes has them, once the numbers that references are by have been looked up: their places."""
    return [{**made, REFERENCE: event["Muon_jet"]} for event, made in zip(given, as_delphes(given, 0), strict=True)]


def saved(analysis: Made, kind: Kind, read: list[dict[str, Any]]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """What skims have of events, by name and variation: those of the interpreter that pass."""
    found, outputs = {}, interpret.run(analysis.modules[kind], read, {})
    for (name, variation), of in {
        (n, v): s for v, saves in analysis.analysis.programs[kind].saves.items() for n, s in saves.items()
    }.items():
        if variation not in changed(name, analysis.analysis)[kind]:
            continue
        passed = [i for i, one in enumerate(outputs[of.passed]) if one]
        found[name, variation] = [
            {column: np.asarray(outputs[o.name][i]).tolist() for column, o in of.columns.items()} for i in passed
        ]
    return found


def skimmed(path: Path, source: str, variation: str) -> list[dict[str, Any]]:
    """Rows of a skim's file."""
    if path.suffix == ".parquet":
        rows = ak.from_parquet(path)
        rows = rows[(rows.source == source) & (rows.variation == variation)]
        return [{k: v for k, v in row.items() if k not in ("source", "variation")} for row in rows.to_list()]
    with uproot.open(path) as file:
        tree = file[f"{source}/{variation}"]
        names = [b.name for b in tree.branches if not b.name.startswith("n")]
        return list(tree.arrays(names).to_list())


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
        "save",
        "golden_json(",
    ):
        assert word in texts
