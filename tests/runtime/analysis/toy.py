# SPDX-License-Identifier: Apache-2.0
"""A made-up analysis and its result, filled event by event in plain Python: what writers, pictures and fits are tested
on without a compiler."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from hepq.core.analyses import Kind
from hepq.runtime.analysis.description import (
    Analysis,
    Axis,
    Cut,
    Factor,
    Filled,
    Flow,
    Histogram,
    Program,
    Region,
    SourceFiles,
    Step,
)
from hepq.runtime.analysis.provenance import Provenance, ReadFile
from hepq.runtime.analysis.results import Result, SourceRead
from hepq.runtime.analysis.sums import Counts, Part, Sums, Weighted

PB = 1e-34  # mm²
LUMI = 3000 / PB
NORM = Factor(number=LUMI, xsec=1, events=-1)
HT = Axis(name="ht", kind="regular", bins=8, edges=(100.0, 500.0), unit="GeV")
ETA = Axis(name="eta", kind="variable", bins=3, edges=(-2.5, -1.0, 1.0, 2.5))
JETS = Axis(name="jets", kind="integer", bins=4, edges=(2.0, 6.0))
CLASS = Axis(name="flavour", kind="category", bins=2, entries=("b", "light"))
VARIATIONS = ("scale_up", "scale_down", "res_up", "btag_up", "btag_down", "never_up")
REGION = Region(name="sr", cuts=(Cut(name="jets", text="count(jet) >= 4"), Cut(name="tag", text="tags >= 1")))


@dataclass(frozen=True)
class Event:
    ht: float
    eta: float
    jets: int
    tags: int
    weight: float


def events(seed: int, number: int, slope: float, jets: float) -> list[Event]:
    rng = np.random.default_rng(seed)
    return [
        Event(100 + rng.exponential(slope), rng.uniform(-3, 3), int(rng.poisson(jets)), int(rng.poisson(0.8)),
              float(rng.choice([1.0, 1.0, 1.2, -0.3])))
        for _ in range(number)
    ]  # fmt: skip


def varied(event: Event, variation: str) -> tuple[float, float]:
    """ht and weight."""
    scale = {"scale_up": 1.05, "scale_down": 0.95, "res_up": 1.02}.get(variation, 1.0)
    return event.ht * scale, event.weight * {"btag_up": 1.1, "btag_down": 0.9}.get(variation, 1.0)


def state(event: Event) -> int:
    holds = (event.jets >= 4, event.tags >= 1)
    failed = [j for j, held in enumerate(holds) if not held]
    return 0 if not failed else 2 * failed[0] + 1 + (len(failed) > 1)


def cell(axis: Axis, value: float) -> int:
    return int(np.searchsorted(np.linspace(axis.edges[0], axis.edges[1], axis.bins + 1) if axis.kind == "regular" else
                               np.arange(axis.edges[0], axis.edges[1] + 1) if axis.kind == "integer" else axis.edges,
                               value, side="right"))  # fmt: skip


def program(kind: Kind) -> Program:
    factor = NORM if kind == "mc" else Factor()

    def of(variation: str, sums: str) -> Filled:
        """never_up changes nothing, btag nothing of `flat`."""
        same = variation == "never_up" or (sums in ("flat", "raw") and not variation.startswith(("scale", "res")))
        return Filled(sums=sums if same or variation == "nominal" else f"{sums}/{variation}", factor=factor)

    def filled(variation: str) -> dict[str, Filled]:
        return {"sr.ht": of(variation, "ht"), "sr.map": of(variation, "map"), "jets": of(variation, "flat")}

    def flow(variation: str) -> dict[str, Flow]:
        weighted = of(variation, "flow") if kind == "mc" else Filled(sums="flow")
        steps = (Step(first=0, filled=weighted),)
        return {"sr": Flow(raw="states", steps=steps, nan=("nan", "nan2"), absent=("absent",))}

    names = ("nominal", *VARIATIONS) if kind == "mc" else ("nominal",)
    return Program(
        branches=(), histograms={v: filled(v) for v in names}, flows={v: flow(v) for v in names}, idle=("never_up",)
    )


def sums(found: Iterable[Event], kind: Kind) -> Sums:
    found = list(found)
    parts: dict[str, Part] = {
        "states": Counts.of([state(e) for e in found]),
        "nan": Counts.of([1]),
        "nan2": Counts.of([0, 1, 1]),
        "absent": Counts.of([]),
    }
    for variation in ("nominal", *VARIATIONS[:-1]) if kind == "mc" else ("nominal",):
        end = "" if variation == "nominal" else f"/{variation}"
        ht = [cell(HT, varied(e, variation)[0]) for e in found]
        weights = np.array([varied(e, variation)[1] if kind == "mc" else 1.0 for e in found])
        passed = np.array([state(e) == 0 for e in found])
        places = [(h * 5 + cell(ETA, e.eta)) * 2 + (e.tags < 2) for h, e in zip(ht, found, strict=True)]
        parts[f"ht{end}"] = Weighted.of(np.where(passed, ht, -1), weights)
        parts[f"map{end}"] = Weighted.of(np.where(passed, places, -1), weights)
        parts[f"flow{end}"] = Weighted.of([state(e) for e in found], weights)
        parts[f"flat{end}"] = Counts.of([cell(JETS, e.jets) for e in found])
    return Sums(parts)


SAMPLES: dict[str, tuple[Kind, list[Event], float | None]] = {
    "run": ("data", events(1, 700, 110, 3.6), None),
    "ttbar": ("mc", events(2, 1500, 120, 4.5), 0.4 * PB),
    "wjets": ("mc", events(3, 900, 70, 3.0), 0.9 * PB),
}
ANALYSIS = Analysis(
    name="Toy",
    sources=tuple(
        SourceFiles(name=name, kind=kind, files=(f"{name}.root",), xsec=xsec)
        for name, (kind, _, xsec) in SAMPLES.items()
    ),
    regions=(Region(name="", cuts=()), REGION),
    histograms=(
        Histogram(name="sr.ht", region="sr", axes=(HT,)),
        Histogram(name="sr.map", region="sr", axes=(HT, ETA, CLASS)),
        Histogram(name="jets", region="", axes=(JETS,)),
    ),
    variations=VARIATIONS,
    programs={"data": program("data"), "mc": program("mc")},
    digest="0" * 64,
)


def result() -> Result:
    read = {name: SourceRead(sums(found, kind), len(found)) for name, (kind, found, _) in SAMPLES.items()}
    files = tuple(
        ReadFile(source=n, path=f"{n}.root", size=1000, events=one.events, uuid="u") for n, one in read.items()
    )
    return Result(ANALYSIS, read, Provenance.of("toy.hepq", ANALYSIS.digest, files))
