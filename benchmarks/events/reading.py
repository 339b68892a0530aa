# SPDX-License-Identifier: Apache-2.0
"""ROOT files read into flat columns, beside uproot's awkward arrays: the 17 columns of the ADL queries.

CPU time, one thread, in turns, of a file with ZSTD that ``adl-files`` makes; opening it counts. Both go through it in
chunks of as many events. uproot may do so as it likes best: with its own way through the file, or an array for each
part that baskets begin and end with. The bar: twice as fast as the faster of these, with the same numbers.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot
from rich.console import Console
from rich.table import Table

from benchmarks.events.adl_files import CLUSTER, COLUMNS, write
from benchmarks.shared.interleaved import Contestant, measure, one_thread
from hepq.runtime.events import event_files
from hepq.runtime.events.formats.flat import Columns

EVENTS, QUICK = 4_000_000, 1_000_000
BAR = 2.0


def ours(path: Path, step: int) -> Iterator[Any]:
    """Records of events, as what scores and trains reads them."""
    [source] = event_files.find(path)
    for chunk in event_files.iterate(source, COLUMNS, step):
        yield chunk.events


def flat(path: Path, step: int) -> Iterator[Any]:
    """The columns alone."""
    with uproot.open(path) as file:
        tree = file["Events"]
        with Columns(str(path), tree, COLUMNS) as columns:
            yield from columns.chunks(0, tree.num_entries, step)


def iterated(path: Path, step: int) -> Iterator[Any]:
    with uproot.open(path) as file:
        yield from file["Events"].iterate(COLUMNS, step_size=step, library="ak")


def arrays(path: Path, step: int) -> Iterator[Any]:
    with uproot.open(path) as file:
        tree = file["Events"]
        for begin in range(0, tree.num_entries, step):
            end = min(begin + step, tree.num_entries)
            yield tree.arrays(COLUMNS, entry_start=begin, entry_stop=end, array_cache=None, library="ak")


READERS: dict[str, Callable[[Path, int], Iterator[Any]]] = {
    "hepq": ours, "hepq, columns alone": flat, "uproot iterate": iterated, "uproot arrays": arrays,
}  # fmt: skip


def exhausted(chunks: Iterator[Any]) -> int:
    return sum(1 for _ in chunks)


def same(path: Path, step: int) -> bool:
    """Is every number the same, in lists of the same lengths?"""
    for mine, alone, theirs in zip(ours(path, step), flat(path, step), iterated(path, step), strict=True):
        for name in COLUMNS:
            wanted = theirs[name]
            if not ak.array_equal(mine[name], wanted):
                return False
            if not np.array_equal(alone[name].contents, ak.to_numpy(ak.flatten(wanted, axis=None))):
                return False
    return True


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks reading", description=__doc__)
    parser.add_argument("file", type=Path, nargs="?", help="made by adl-files; without, one is made and removed")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK:,} events")
    parser.add_argument("--step", type=int, default=CLUSTER, help="events of a chunk")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder, one_thread():
        path = options.file or write(Path(folder) / "adl.root", QUICK if options.quick else EVENTS)
        contestants = {
            name: Contestant(lambda reader=reader: exhausted(reader(path, options.step)), options.rounds)  # type: ignore[misc]
            for name, reader in READERS.items()
        }
        least, _ = measure(contestants, "reading")
        [source] = event_files.find(path)
        equal = same(path, options.step)
    peer = min(seconds for name, seconds in least.items() if name.startswith("uproot"))
    table = Table("reader", "million events per CPU second", "uproot ÷ it")
    for name, seconds in least.items():
        table.add_row(name, f"{source.events / seconds / 1e6:.2f}", f"{peer / seconds:.2f}")
    console = Console()
    console.print(table)
    ratio = peer / least["hepq"]
    console.print(f"{source.events:,} events, {len(COLUMNS)} columns; uproot ÷ hepq {ratio:.2f}")
    met = ratio >= BAR and equal
    console.print("met" if met else f"MISSED: the bar is {BAR}" if equal else "MISSED: the numbers differ")
    return 0 if met else 1
