# SPDX-License-Identifier: Apache-2.0
"""Whole systems trained on known truth, each beside its reference or a classical twin, and its bar.

Rows are in the files of the folders here, a family each. A row without a bar of its own must be no worse than its twin
by more than two standard errors of their differences over seeds. `--page` writes the table into a page of the docs.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.shared.interleaved import one_thread
from benchmarks.shared.kept import kept
from benchmarks.systems.detectors import aperture, images, juno, transport
from benchmarks.systems.drawn import draw
from benchmarks.systems.inference import eft, missing
from benchmarks.systems.jets import anomalies, bosons, clouds, masked, pairs
from benchmarks.systems.quantum import attention, circuits, classifiers, kernels, mitigation, showers
from benchmarks.systems.row import Reached, Row

ROWS = {
    row.name: row
    for row in [
        *clouds.ROWS,
        *juno.ROWS,
        *mitigation.ROWS,
        *attention.ROWS,
        *classifiers.ROWS,
        *kernels.ROWS,
        *showers.ROWS,
        *circuits.ROWS,
        *aperture.ROWS,
        *eft.ROWS,
        *masked.ROWS,
        *anomalies.ROWS,
        *bosons.ROWS,
        *pairs.ROWS,
        *transport.ROWS,
        *images.ROWS,
        *missing.ROWS,
    ]
}
COLUMNS = ["system", "program", "quantity", "reached", "beside", "there", "bar", "s"]
MARKS = "<!-- systems -->", "<!-- end of systems -->"


@dataclass(frozen=True)
class Result:
    name: str
    reached: Reached
    seconds: float


def measure(row: Row, seed: int) -> Result:
    start = time.perf_counter()
    with one_thread():
        reached = row.measure(seed)
    return Result(row.name, reached, time.perf_counter() - start)


def cells(result: Result) -> list[str]:
    """Of a table, ``COLUMNS``."""
    r = result.reached
    error = f" ± {r.error:.2g}" if r.error else ""
    sign = "≤" if r.sense == "<=" else "≥"
    return [
        result.name, ROWS[result.name].program, r.quantity, f"{r.value:.4g}{error}", r.beside, f"{r.reference:.4g}",
        f"{sign} {r.bar:.4g}", f"{result.seconds:.0f}",
    ]  # fmt: skip


def fill(page: Path, rows: Sequence[Sequence[str]]) -> None:
    """Put a table between the two marks of a Markdown page."""
    before, _, rest = page.read_text().partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    lines = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    page.write_text(f"{before}{MARKS[0]}\n{lines}{MARKS[1]}{after}")


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks systems", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="those that take seconds")
    parser.add_argument("--only", nargs="+", choices=list(ROWS), help="these systems")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="a file of results: systems in it are not measured again")
    parser.add_argument("--page", type=Path, help="a page of the documentation to write the table into")
    parser.add_argument("--picture", type=Path, help="an [.svg], [.png] or [.pdf] file to draw all of them in")
    options = parser.parse_args(argv)
    names = options.only or [name for name, row in ROWS.items() if row.quick or not options.quick]
    shown = track(names, console=Console(stderr=True))
    found = list(kept(shown, lambda name: measure(ROWS[name], options.seed), Result, options.keep))
    table = Table(*COLUMNS, "")
    for result in found:
        table.add_row(*cells(result), "" if result.reached.met else "MISSED")
    Console(width=160).print(table)
    if options.page is not None:
        fill(options.page, [COLUMNS, ["---"] * len(COLUMNS), *map(cells, found)])
    if options.picture is not None:
        draw({result.name: result.reached for result in found}, options.picture)
    return 0 if all(result.reached.met for result in found) else 1
