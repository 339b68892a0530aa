# SPDX-License-Identifier: Apache-2.0
"""The eight queries of the ADL benchmark: nine histograms against the published ones, bin by bin, and their lengths.

1000 events of CMS's Run2012B_SingleMu. Lengths are of the four hard queries' regions, in characters without blanks. The
bars: every bin equal, underflow and overflow too, and no query longer than the design says.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.analyses.running import DATA, REFERENCE, Case, there
from hepq.core.diagnostics.diagnostic import Sink
from hepq.lang.modules import load
from hepq.lang.syntax.ast_analysis import AnalysisDecl, RegionItem

PROGRAM, SOURCE = Path(__file__).with_suffix(".hepq"), "run2012b"
FILE, PUBLISHED = DATA / "Run2012B_SingleMu-1000.root", REFERENCE / "adl_1000.json"
#: histograms of the program by their names in the reference
NAMES = {
    "q1": "q1", "q2": "q2", "q3": "q3", "q4": "q4.met", "q5": "q5.met", "q61": "q6.pt", "q62": "q6.btag",
    "q7": "q7.ht", "q8": "q8.mt",
}  # fmt: skip
#: characters without blanks: ours at most, and of programs for Julia and for coffea
LENGTHS = {"q5": (148, 594, 601), "q6": (204, 633, 1231), "q7": (184, 683, 663), "q8": (305, 1035, 1526)}


def regions(path: Path = PROGRAM) -> dict[str, str]:
    """The text of each region."""
    [analysis] = [d for d in load(path, None, Sink()).main.file.decls if isinstance(d, AnalysisDecl)]
    found = [item for item in analysis.items if isinstance(item, RegionItem)]
    return {r.name.name: r.span.source.text[r.span.start : r.span.end] for r in found}


def lengths(path: Path = PROGRAM) -> dict[str, int]:
    """Characters between the braces of each region, without blanks and the commas that only broken lines end with."""
    bodies = {name: "".join(text.partition("{")[2].split())[:-1] for name, text in regions(path).items()}
    return {name: len(body.replace(",)", ")")) for name, body in bodies.items()}


def published() -> dict[str, NDArray[np.int64]]:
    """Counts of each histogram with underflow and overflow, by our name. Raises ``Absent``."""
    found: dict[str, Any] = json.loads(there(PUBLISHED).read_text(encoding="utf-8"))
    return {ours: np.array(found[theirs]["counts_with_flow"], np.int64) for theirs, ours in NAMES.items()}


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks adl", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the same: it takes seconds")
    parser.parse_args(argv)
    wanted = published()
    result = Case.of(PROGRAM, there(FILE).parent).run().result
    console, met = Console(), True
    table = Table("histogram", "entries", "in bins", "bins that differ", title="histograms")
    for name, theirs in wanted.items():
        ours = result.cells(name, SOURCE).entries
        apart = int((ours != theirs).sum()) if ours.shape == theirs.shape else len(theirs)
        met = met and not apart
        table.add_row(name, f"{ours.sum():,}", f"{ours[1:-1].sum():,}", f"{apart}")
    console.print(table)
    table = Table("query", "hepq", "at most", "Julia", "coffea", title="characters without blanks")
    for (name, (most, *others)), length in zip(LENGTHS.items(), map(lengths().__getitem__, LENGTHS), strict=True):
        met = met and length <= most
        table.add_row(name, str(length), str(most), *map(str, others))
    console.print(table)
    console.print("met" if met else "MISSED: every bin is to be equal, and no query longer")
    return 0 if met else 1
