# SPDX-License-Identifier: Apache-2.0
"""Files of as many events as are wanted, like those of the ADL queries: the 17 columns that these read, as NanoAOD.

Made of the first 1000 events of CMS's Run2012B_SingleMu, drawn again and again; with `--agc`, of toy top quark pairs.
Each is turned by an angle of its own about the beam, boosted a little along it, mirrored or not, and its momenta are
scaled by about 1: so it stays an event of pp collisions, its charges, counts and b-tags are real, and only bytes repeat
that do in real files.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot
from rich.console import Console
from rich.progress import track

from benchmarks.shared.data import SHARED, Absent

_ANALYSIS = (SHARED / "../analysis/data").resolve()


@dataclass(frozen=True)
class Layout:
    """``sample``: the file that events are drawn of. ``collections``: fields of each; ``alone``: other branches."""

    sample: Path
    collections: Mapping[str, tuple[str, ...]]
    alone: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        return (*(f"{name}_{field}" for name, fields in self.collections.items() for field in fields), *self.alone)


_P4 = ("pt", "eta", "phi", "mass")
ADL = Layout(
    _ANALYSIS / "Run2012B_SingleMu-1000.root",
    {"Muon": (*_P4, "charge"), "Electron": (*_P4, "charge"), "Jet": (*_P4, "btag")},
    ("MET_pt", "MET_phi"),
)
AGC = Layout(
    _ANALYSIS / "toy_ttbar.root",
    {
        "Electron": ("pt", "eta", "sip3d", "cutBased"),
        "Muon": ("pt", "eta", "sip3d", "tightId", "pfRelIso04_all"),
        "Jet": (*_P4, "btagCSVV2", "jetId"),
    },
)
#: branches that the eight queries read
COLUMNS, MET = ADL.columns, ADL.alone
#: events of a cluster: one basket of each branch
CLUSTER = 100_000
#: standard deviations: of the scale of momenta, of the boost in rapidity
SCALE, BOOST = 0.02, 0.05


def sample(layout: Layout = ADL) -> Mapping[str, Any]:
    """The events that all are made of, by branch. Raises ``Absent``."""
    if not layout.sample.exists():
        raise Absent(f"no {layout.sample}")
    with uproot.open(layout.sample) as file:
        found = file["Events"].arrays(layout.columns)
    return {name: found[name] for name in layout.columns}


def drawn(events: Mapping[str, Any], count: int, rng: np.random.Generator, layout: Layout = ADL) -> dict[str, Any]:
    """``count`` events by branch, lists of each collection as records."""
    which = rng.integers(0, len(events[layout.columns[0]]), count)
    scale = np.exp(SCALE * rng.standard_normal(count))
    angle, boost = rng.uniform(-np.pi, np.pi, count), BOOST * rng.standard_normal(count)
    side = rng.choice([-1.0, 1.0], count)

    def changed(name: str) -> Any:
        values = events[name][which]
        match name.split("_"):
            case [_, "pt"] | ["Jet", "mass"]:
                values = values * scale
            case [_, "phi"]:
                values = (values + angle + np.pi) % (2 * np.pi) - np.pi
            case [_, "eta"]:
                values = side * (values + boost)
            case _:
                return values
        return ak.values_astype(values, np.float32)

    made = {name: ak.zip({f: changed(f"{name}_{f}") for f in fields}) for name, fields in layout.collections.items()}
    return made | {name: ak.to_numpy(changed(name)) for name in layout.alone}


def write(path: Path, events: int, seed: int = 0, cluster: int = CLUSTER, level: int = 3, layout: Layout = ADL) -> Path:
    """A file with a tree ``Events``, compressed by ZSTD of that level."""
    rng, source = np.random.default_rng(seed), sample(layout)
    sizes = [min(cluster, events - begin) for begin in range(0, events, cluster)]
    with uproot.recreate(path, compression=uproot.ZSTD(level)) as file:
        for number, size in enumerate(track(sizes, path.name, console=Console(stderr=True), transient=True)):
            part = drawn(source, size, rng, layout)
            if not number:
                kinds = {k: v.dtype if isinstance(v, np.ndarray) else v.type.content for k, v in part.items()}
                file.mktree("Events", kinds)
            file["Events"].extend(part)
    return path


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks adl-files", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("build/adl"))
    parser.add_argument("--events", type=int, default=4_000_000, help="of each file")
    parser.add_argument("--files", type=int, default=1)
    parser.add_argument("--cluster", type=int, default=CLUSTER, help="events of a basket")
    parser.add_argument("--quick", action="store_true", help="one file of 100,000 events")
    parser.add_argument("--agc", action="store_true", help="toy top quark pairs, as the AGC reads them")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    options.folder.mkdir(parents=True, exist_ok=True)
    events, files = (100_000, 1) if options.quick else (options.events, options.files)
    kind, layout = ("agc", AGC) if options.agc else ("adl", ADL)
    for number in range(files):
        path = options.folder / f"{kind}_{number}.root"
        write(path, events, options.seed + number, options.cluster, layout=layout)
        print(f"{path}: {events:,} events, {path.stat().st_size / 1e6:.0f} MB")
    return 0
