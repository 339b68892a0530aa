# SPDX-License-Identifier: Apache-2.0
"""Analyses beside coffea, awkward with uproot, and ROOT's RDataFrame (compiled): CPU time, one thread, warm, in turns.

ADL queries 5 to 8, all eight in one pass, and the AGC with 13 variations, of files that `adl-files` makes. A ratio is
the median over rounds of a peer's seconds over ours in the same round. Then what one more variation costs, what a run
costs before its first event, and peak memory of one file and of several. Bars of speed are those of files of a million
events or more: in smaller ones, as of --quick, the start of a run is most of it; what was filled is compared all the
same. Where a peer is absent, the others are measured, and the exit status is 3. ROOT's programs are compiled once, to
build/peers: the first run takes a minute longer.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import uproot
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.analyses import adl_awkward, agc_awkward, root_peer, run_costs
from benchmarks.analyses.adl import PROGRAM as ADL
from benchmarks.analyses.adl import regions
from benchmarks.analyses.running import DATA, Case, there
from benchmarks.events import adl_files
from benchmarks.shared.data import Absent
from benchmarks.shared.interleaved import need, one_thread

EVENTS, QUICK = 4_000_000, 50_000
#: from which on bars of speed hold
LARGE = 1_000_000
#: peers' seconds over ours
BARS = {"q5": 1.3, "q6": 1.3, "q7": 1.3, "q8": 1.3, "all eight": 2.5, "AGC": 4.0}
#: of a peer's entries, those that may stand in other bins than ours: it computes in float32
MOVED = 1e-3
STEP = 200_000

Histograms = Mapping[str, Any]
#: CPU seconds, and the histograms
Run = Callable[[], tuple[float, Histograms]]


@dataclass
class Row:
    """Of one analysis: contestants by name, ours first; their seconds by round, and what was filled."""

    name: str
    runs: dict[str, Run]
    seconds: dict[str, list[float]] = field(default_factory=dict)
    filled: dict[str, Histograms] = field(default_factory=dict)

    def measure(self, rounds: int) -> None:
        for i in range(rounds + 1):  # the first warms
            for name, run in self.runs.items():
                seconds, self.filled[name] = run()
                if i:
                    self.seconds.setdefault(name, []).append(seconds)

    def ratio(self, peer: str) -> float:
        return median(b / a for a, b in zip(self.seconds["hepq"], self.seconds[peer], strict=True))

    @property
    def least(self) -> float:
        """The ratio to the best peer; infinite without one."""
        return min((self.ratio(peer) for peer in self.seconds if peer != "hepq"), default=math.inf)

    def moved(self, peer: str) -> float:
        """Half of the largest sum of differences between bins, of what is filled."""
        ours, theirs = self.filled["hepq"], self.filled[peer]
        return max(float(np.abs(ours[n] - theirs[n]).sum() / 2 / max(ours[n].sum(), 1e-300)) for n in theirs)


def clocked(run: Callable[[], Histograms]) -> tuple[float, Histograms]:
    start = time.process_time()
    found = run()
    return time.process_time() - start, found


def of_hepq(case: Case, source: str) -> Histograms:
    result = case.run(n_minus_one=False).result
    return {name: result.cells(name, source).values for name in result}


def of_awkward(path: Path) -> Histograms:
    """The AGC's nominal histograms, times its number of events over its norm: so as ROOT's are."""
    with uproot.open(path) as file:
        tree, rng = file["Events"], np.random.default_rng(0)
        peer = agc_awkward.Filling(tree.num_entries)
        for events in tree.iterate(agc_awkward.COLUMNS, step_size=STEP):
            peer.add(events, _smears(events, rng))
    return {name: peer.cells(name, "nominal")[0] for name in agc_awkward.REGIONS}


def _smears(events: Any, rng: np.random.Generator) -> Any:
    import awkward as ak

    counts = ak.num(events["Jet_pt"])
    return ak.unflatten(rng.normal(1, 0.05, int(ak.sum(counts))).astype(np.float32), counts)


def of_root(program: Path, file: Path, query: str, norm: float = 1.0) -> tuple[float, Histograms]:
    found = root_peer.timed(program, file, query)
    return min(found.seconds), {n.removesuffix("/nominal"): norm * h for n, h in found.histograms.items()
                                if "/" not in n or n.endswith("/nominal")}  # fmt: skip


def adl_case(query: str, file: Path) -> Case:
    """One query alone; or "all"."""
    text = ADL.read_text(encoding="utf-8")
    if query != "all":
        head = text[: text.index("  hist q1")]
        text = f"{head}  {regions()[query].strip()}\n}}\n"
    path = file.parent / f"{query}.hepq"
    path.write_text(text, encoding="utf-8")
    return Case.of(path, file.parent, [("Run2012B_SingleMu-1000.root", file.name)])


def rows(adl: Path, agc: Path, absent: list[str]) -> list[Row]:
    """``absent`` gets what peers are not here."""
    programs: dict[str, Path] = {}
    for name in ("adl_root", "agc_root"):
        try:
            programs[name] = root_peer.built(Path(__file__).with_name(f"{name}.cxx"))
        except Absent as one:
            absent.append(f"ROOT: {one}")
    arrays = {"awkward": adl_awkward.of_uproot}
    for package, peer in (("coffea", {"coffea": adl_awkward.of_coffea}), ("vector", {}), ("correctionlib", {})):
        try:
            need(package)
            arrays |= peer
        except Absent as one:
            absent.append(str(one))
    made = []
    for query in ("q5", "q6", "q7", "q8", "all"):
        runs: dict[str, Run] = {"hepq": partial(clocked, partial(of_hepq, adl_case(query, adl), "run2012b"))}
        if query != "all":
            for name, source in arrays.items():
                runs[name] = partial(clocked, partial(adl_awkward.run, adl, query, source))
        if "adl_root" in programs:
            runs["ROOT"] = partial(of_root, programs["adl_root"], adl, query)
        made.append(Row("all eight" if query == "all" else query, runs))
    with uproot.open(agc) as file:
        norm = agc_awkward.LUMI * agc_awkward.XSEC / file["Events"].num_entries
    runs = {"hepq": partial(clocked, partial(of_hepq, run_costs.agc_case(agc), "ttbar"))}
    runs["awkward"] = partial(clocked, partial(of_awkward, agc))
    if "agc_root" in programs:
        runs["ROOT"] = partial(of_root, programs["agc_root"], agc, "agc", norm)
    return [*made, Row("AGC", runs)]


def compared(found: list[Row], events: int, console: Console) -> bool:
    peers = list(dict.fromkeys(name for row in found for name in row.runs if name != "hepq"))
    table = Table(
        "", "hepq", *peers, "÷ best peer", "bar", "moved", title="million events per CPU second (peer ÷ hepq)"
    )
    met = True
    for row in found:
        cells = [f"{events / median(row.seconds['hepq']) / 1e6:.2f}"]
        for peer in peers:
            rate = events / median(row.seconds[peer]) / 1e6 if peer in row.seconds else None
            cells.append("" if rate is None else f"{rate:.2f} ({row.ratio(peer):.2f})")
        moved = max((row.moved(peer) for peer in row.seconds if peer != "hepq"), default=0.0)
        good = (events < LARGE or row.least >= BARS[row.name]) and moved <= MOVED
        met = met and good
        bar = ("" if events < LARGE else f"{BARS[row.name]:g}") + ("" if good else " MISSED")
        table.add_row(row.name, *cells, f"{row.least:.2f}", bar, f"{moved:.0e}")
    console.print(table)
    return met


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks analysis-speed", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", help="of files that adl-files made, and --agc")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK:,} events")
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(argv)
    there(DATA / "agc_corrections.json")
    events, rounds = (QUICK, 1) if options.quick else (options.events, options.rounds)
    absent: list[str] = []
    console = Console()
    with tempfile.TemporaryDirectory() as name, one_thread():
        folder = Path(name)
        files = {}
        for kind, layout in (("adl", adl_files.ADL), ("agc", adl_files.AGC)):
            given = (options.folder or folder) / f"{kind}_0.root"
            files[kind] = folder / given.name
            if given.exists():
                files[kind].symlink_to(given.resolve())
            else:
                adl_files.write(files[kind], events, layout=layout)
        with uproot.open(files["adl"]) as adl, uproot.open(files["agc"]) as agc:
            numbers = {adl["Events"].num_entries, agc["Events"].num_entries}
        if len(numbers) > 1:
            raise Absent(f"files of as many events each, and not {numbers}")
        found = rows(files["adl"], files["agc"], absent)
        for row in track(found, "analyses", console=Console(stderr=True), transient=True):
            row.measure(rounds)
        events = numbers.pop()
        met = compared(found, events, console)
        met = run_costs.shown(files["agc"], rounds, console, large=events >= LARGE) and met
    if events < LARGE:
        console.print(f"bars of speed and of variations hold from {LARGE:,} events on: not judged of {events:,}")
    for one in absent:
        console.print(f"not measured: {one}")
    console.print("met" if met else "MISSED")
    return 3 if absent and met else 0 if met else 1
