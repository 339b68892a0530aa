# SPDX-License-Identifier: Apache-2.0
"""ROOT files read into flat columns, beside uproot's awkward arrays: the 17 columns of the ADL queries.

CPU time, one thread, in turns, of a file with ZSTD that ``adl-files`` makes, and opening it; each in chunks as it takes
them by itself. The bar: half as fast again as the faster of ``arrays`` and ``iterate``, with the same numbers: most of
both is ZSTD, the same bytes by the same library. Beside them: uproot told where baskets end, so that it decompresses
none twice; its arrays made into what event code takes; and what no reader outruns, baskets decompressed and left.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot
from rich.console import Console
from rich.table import Table

from benchmarks.events.adl_files import COLUMNS, MET, write
from benchmarks.shared.interleaved import Contestant, measure, one_thread
from hepq.runtime.events import columns, event_files
from hepq.runtime.events.formats.baskets import BasketFile

EVENTS, QUICK = 4_000_000, 1_000_000
BAR = 1.5


def ours(path: Path) -> Iterator[dict[str, Any]]:
    """Lengths of lists and contents, from the records that whatever scores, trains and analyses reads."""
    [source] = event_files.find(path)
    for chunk in event_files.iterate(source, COLUMNS):
        table = columns.Table(chunk.events)
        yield {name: table.flat(name, name not in MET, ()) for name in COLUMNS}


def arrays(path: Path) -> Iterator[ak.Array]:
    with uproot.open(path) as file:
        yield file["Events"].arrays(COLUMNS, library="ak", array_cache=None)


def iterated(path: Path) -> Iterator[ak.Array]:
    with uproot.open(path) as file:
        yield from file["Events"].iterate(COLUMNS, library="ak")


def by_baskets(path: Path) -> Iterator[ak.Array]:
    with uproot.open(path) as file:
        tree = file["Events"]
        edges = tree[COLUMNS[0]].entry_offsets
        for begin, end in pairwise(edges):
            yield tree.arrays(COLUMNS, entry_start=begin, entry_stop=end, array_cache=None, library="ak")


def flattened(path: Path) -> Iterator[dict[str, Any]]:
    """Lengths and contents as awkward gives them."""
    for events in iterated(path):
        yield {
            name: (len(events), None, ak.to_numpy(events[name])) if name in MET
            else (len(events), ak.to_numpy(ak.num(events[name])), ak.to_numpy(ak.flatten(events[name])))
            for name in COLUMNS
        }  # fmt: skip


def decompressed(path: Path) -> Iterator[int]:
    """Bytes of each basket, counts' too."""
    with uproot.open(path) as file:
        branches = [file["Events"][name] for name in (*COLUMNS, "nJet", "nElectron", "nMuon")]
    baskets = BasketFile(str(path))
    for branch in branches:
        seeks, lengths = (branch.member(name) for name in ("fBasketSeek", "fBasketBytes"))
        for i in range(branch.num_baskets - len(branch.embedded_baskets)):
            entries = branch.entry_offsets[i + 1] - branch.entry_offsets[i]
            yield len(baskets.read(int(seeks[i]), int(lengths[i]), entries, table=False).content)
    baskets.close()


PEERS = {"uproot arrays": arrays, "uproot iterate": iterated}
READERS: dict[str, Callable[[Path], Iterator[Any]]] = {
    "hepq": ours, **PEERS, "uproot, basket by basket": by_baskets, "uproot iterate, as columns": flattened,
    "decompressed": decompressed,
}  # fmt: skip


def exhausted(reader: Callable[[Path], Iterator[Any]], path: Path) -> None:
    for _ in reader(path):
        pass


def same(path: Path) -> bool:
    """Is every number the same, in lists of the same lengths?"""
    [theirs], mine = arrays(path), list(ours(path))
    for name in COLUMNS:
        if any(chunk[name] is None for chunk in mine):
            return False
        values = np.concatenate([chunk[name][2] for chunk in mine])
        if not np.array_equal(values, ak.to_numpy(ak.flatten(theirs[name], axis=None))):
            return False
        if name not in MET and not np.array_equal(np.concatenate([chunk[name][1] for chunk in mine]),
                                                  ak.to_numpy(ak.num(theirs[name]))):  # fmt: skip
            return False
    return True


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks reading", description=__doc__)
    parser.add_argument("file", type=Path, nargs="?", help="made by adl-files; without, one is made and removed")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK:,} events")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder, one_thread():
        path = options.file or write(Path(folder) / "adl.root", QUICK if options.quick else EVENTS)
        contestants = {
            name: Contestant(partial(exhausted, reader, path), options.rounds) for name, reader in READERS.items()
        }
        least, _ = measure(contestants, "reading")
        [source] = event_files.find(path)
        equal = same(path)
    peer = min(least[name] for name in PEERS)
    table = Table("reader", "million events per CPU second", "÷ the faster of uproot's")
    for name, seconds in least.items():
        table.add_row(name, f"{source.events / seconds / 1e6:.2f}", f"{peer / seconds:.2f}")
    console = Console()
    console.print(table)
    ratio = peer / least["hepq"]
    console.print(f"{source.events:,} events, {len(COLUMNS)} columns; uproot ÷ hepq {ratio:.2f}")
    met = ratio >= BAR and equal
    console.print("met" if met else f"MISSED: the bar is {BAR}" if equal else "MISSED: the numbers differ")
    return 0 if met else 1
