# SPDX-License-Identifier: Apache-2.0
"""An analysis built node by node, files of events for it, and what it adds up to by loops in plain Python.

Jets with pt > 30 GeV and |eta| < 2.4; a region of two cuts, at least two such jets and met > 20; in simulation a weight
of the generator times a random number of the event, and a variation of the jets' energy scale.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot

from hepq.compiler.ir.infer import make
from hepq.compiler.ir.node import Fill, Module, Node
from hepq.core.analyses import NOMINAL, Kind
from hepq.core.axes import BinAxis
from hepq.core.noise import noise
from hepq.core.types import Dim, Type
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
    Saved,
    SourceFiles,
    Step,
)
from hepq.runtime.analysis.sums import Counts, Part, Sums, Weighted
from hepq.runtime.artifact.stage import StageBranch, StageOutput

JET, GOOD = Dim("jet", bound=2**31 - 1), "good"
MET, PT = BinAxis.regular(20, 0.0, 200.0), BinAxis.variable((30.0, 40.0, 60.0, 100.0, 200.0))
UP = "scale_up"
VARIATIONS: dict[Kind, tuple[str, ...]] = {"data": (NOMINAL,), "mc": (NOMINAL, UP)}
LUMI, XSEC = 2e35, 3e-34  # per mm², mm²


def _end(variation: str) -> str:
    return "" if variation == NOMINAL else f"/{variation}"


def module(kind: Kind) -> Module:
    def real(value: float) -> Node:
        return make("const", value=value)

    mc = kind == "mc"
    met, gen = (make("input", name=name, type=Type("real")) for name in ("met", "gen"))
    pt, eta = (make("input", name=name, type=Type("real", (JET,))) for name in ("pt", "eta"))
    key = make("input", name="key", type=Type("int"))
    outputs: dict[str, Node] = {}
    fills: list[Fill] = []

    def fill(name: str, cells: int, **nodes: Node) -> None:
        names = {part: f"{name}.{part}" for part in nodes}
        outputs.update({names[part]: node for part, node in nodes.items()})
        fills.append(Fill(name, cells, **names))

    smear = make("noise", key, make("const", value=0), name="smear")
    weights = {"weight": make("mul", gen, make("add", real(0.5), smear))} if mc else {}
    one = make("const", value=1)
    fill("met", 22, cell=make("add", make("bin", met, axis=MET), one), **weights)
    for variation in VARIATIONS[kind]:
        end, scaled = _end(variation), pt if variation == NOMINAL else make("mul", pt, real(1.1))
        holds = make("and", make("gt", scaled, real(30.0)), make("lt", make("abs", eta), real(2.4)))
        number = make("reduce_sum", make("cast", holds, type=Type("int", (JET,))), over=(JET,))
        state = make("cut", make("const", value=0), make("ge", number, make("const", value=2)), number=0)
        state = make("cut", state, make("gt", met, real(20.0)), number=1)
        rows = make("filter", holds, dim=JET, dst=Dim(GOOD + end, bound=2**31 - 1))
        good = make("gather", scaled, rows)
        passed = make("eq", state, make("const", value=0))
        fill(f"pt{end}", 6, cell=make("add", make("bin", good, axis=PT), one), when=passed, **weights)
        fill(f"states{end}", 5, cell=state)
        if mc:
            fill(f"flow{end}", 5, cell=state, **weights)
        outputs |= {f"passed{end}": passed, f"good_pt{end}": good}
    outputs |= {"met": met, "positive": make("ge", met, real(0.0))}
    inputs = (met, *((gen,) if mc else ()), pt, eta, *((key,) if mc else ()))
    return Module(f"hand_made {kind}", inputs, outputs, fills=tuple(fills), checks=("positive",))


def program(kind: Kind) -> Program:
    mc = kind == "mc"
    factor = Factor(number=LUMI, xsec=1, sumw=-1) if mc else Factor()

    def filled(name: str) -> Filled:
        return Filled(sums=name, factor=factor)

    def flow(end: str) -> Flow:
        return Flow(raw=f"states{end}", steps=(Step(first=0, filled=filled(f"flow{end}")),) if mc else ())

    def saved(end: str) -> Saved:
        columns = {"met": StageOutput(name="met"), "pt": StageOutput(name=f"good_pt{end}", dim=GOOD + end)}
        return Saved(passed=f"passed{end}", columns=columns)

    names = VARIATIONS[kind]
    return Program(
        branches=(
            StageBranch(name="met", branch="MET_pt"), *((StageBranch(name="gen", branch="genWeight"),) if mc else ()),
            StageBranch(name="pt", branch="Jet_pt", dim="jet"), StageBranch(name="eta", branch="Jet_eta", dim="jet"),
        ),
        histograms={v: {"met": filled("met"), "sr.pt": filled(f"pt{_end(v)}")} for v in names},
        flows={v: {"sr": flow(_end(v))} for v in names},
        saves={v: {"good": saved(_end(v))} for v in names},
        sums={f.name: (f.cells, f.weight is not None) for f in module(kind).fills},
        checks={"positive": "MET_pt is never negative"}, key="key" if mc else None,
    )  # fmt: skip


def analysis(files: Mapping[str, Sequence[Path]]) -> Analysis:
    """``files``: of each source; those whose names begin with "run" are data."""
    kinds: dict[str, Kind] = {name: "data" if name.startswith("run") else "mc" for name in files}
    of: dict[Kind, dict[str, Any]] = {
        "data": {"kind": "data"}, "mc": {"kind": "mc", "xsec": XSEC, "sumw": "Runs:genEventSumw"}
    }  # fmt: skip
    return Analysis(
        name="HandMade",
        sources=tuple(
            SourceFiles(name=name, files=tuple(map(str, paths)), tree="Events", **of[kinds[name]])
            for name, paths in files.items()
        ),
        regions=(
            Region(name="", cuts=()),
            Region(name="sr", cuts=(Cut(name="jets", text="count(good) >= 2"), Cut(name="met", text="MET_pt > 20"))),
        ),
        histograms=(
            Histogram(name="met", region="", axes=(Axis(name="met", kind="regular", bins=20, edges=(0, 200)),)),
            Histogram(name="sr.pt", region="sr", axes=(Axis(name="pt", kind="variable", bins=4, edges=PT.edges),)),
        ),
        variations=(UP,), programs={"data": program("data"), "mc": program("mc")}, digest="1" * 64,
    )  # fmt: skip


def modules() -> dict[Kind, Module]:
    return {"data": module("data"), "mc": module("mc")}


@dataclass(frozen=True)
class Event:
    run: int
    lumi: int
    event: int
    met: float
    gen: float
    pt: tuple[float, ...]
    eta: tuple[float, ...]


def events(number: int, seed: int) -> list[Event]:
    """Values are float32, as files have them."""
    rng = np.random.default_rng(seed)

    def some(values: Any) -> tuple[float, ...]:
        return tuple(np.asarray(values, np.float32).astype(float).tolist())

    found = []
    for i in range(number):
        n = int(rng.poisson(2.5))
        (met,), (gen,) = some([rng.exponential(40)]), some([rng.choice([1.0, -0.25, 1.7])])
        number_of = (1 << 40) * seed + i
        found.append(Event(1, 1 + i // 7, number_of, met, gen, some(rng.exponential(40, n)), some(rng.normal(0, 2, n))))
    return found


def write(path: Path, found: Sequence[Event], basket: int = 50, **changed: Any) -> Path:
    """A file with baskets of ``basket`` events. ``changed``: other values of branches, None for none."""
    columns: dict[str, Any] = {
        "run": np.array([e.run for e in found], np.uint32),
        "luminosityBlock": np.array([e.lumi for e in found], np.uint32),
        "event": np.array([e.event for e in found], np.uint64),
        "MET_pt": np.array([e.met for e in found], np.float32),
        "genWeight": np.array([e.gen for e in found], np.float32),
        "Jet_pt": ak.values_astype(ak.Array([list(e.pt) for e in found]), np.float32),
        "Jet_eta": ak.values_astype(ak.Array([list(e.eta) for e in found]), np.float32),
    }
    columns = {name: value for name, value in (columns | changed).items() if value is not None}
    with uproot.recreate(path) as file:
        jets = {n: v for n, v in columns.items() if isinstance(v, ak.Array)}
        types = {n: v.dtype for n, v in columns.items() if n not in jets}
        tree = file.mktree("Events", types | {n: v.type.content for n, v in jets.items()}, counter_name=_counter)
        for first in range(0, len(found), basket):
            tree.extend({name: value[first : first + basket] for name, value in columns.items()})
        file["Runs"] = {"genEventSumw": np.array([sum(e.gen for e in found), 0.125])}
    return path


def _counter(name: str) -> str:
    return f"n{name.partition('_')[0]}"


def key(source: str, event: Event) -> int:
    """What the noise of an event follows from: as docs/running.md says it."""
    from hepq.core.noise import mix, salt

    state = salt(f"source {source}")
    for number in (event.run, event.lumi, event.event):
        state = mix((state + number) % 2**64)
    return state - 2**64 if state >= 2**63 else state


def expected(found: Iterable[Event], kind: Kind, source: str) -> Sums:
    """By boost-histogram's arithmetic, in NumPy."""
    found = list(found)
    mc = kind == "mc"
    weights = np.array([e.gen * (0.5 + noise("smear", key(source, e), 0)) if mc else 1.0 for e in found])
    cells = np.array([1 + _regular(e.met) for e in found])
    parts: dict[str, Part] = {"met": Weighted.of(cells, weights) if mc else Counts.of(cells)}
    for variation in VARIATIONS[kind]:
        end = _end(variation)
        made = list(selected(found, variation))
        states = np.array([state for state, _ in made])
        at = [(1 + int(np.searchsorted(PT.edges, x, "right")) - 1, w)
              for (state, good), w in zip(made, weights, strict=True) if state == 0 for x in good]  # fmt: skip
        pt, of = [a for a, _ in at], [w for _, w in at]
        parts[f"pt{end}"] = Weighted.of(pt, of) if mc else Counts.of(pt)
        parts[f"states{end}"] = Counts.of(states)
        if mc:
            parts[f"flow{end}"] = Weighted.of(states, weights)
    return Sums(parts)


def _regular(x: float) -> int:
    z = x / 200.0
    return int(z * 20) if 0 <= z < 1 else -1 if z < 0 else 20


def selected(found: Iterable[Event], variation: str) -> Iterator[tuple[int, list[float]]]:
    """Of each event its state in the cut flow, and its jets."""
    for e in found:
        scaled = [x if variation == NOMINAL else x * 1.1 for x in e.pt]
        good = [x for x, eta in zip(scaled, e.eta, strict=True) if x > 30 and abs(eta) < 2.4]
        failed = [j for j, holds in enumerate((len(good) >= 2, e.met > 20)) if not holds]
        yield 0 if not failed else 2 * failed[0] + 1 + (len(failed) > 1), good


def same(a: Sums, b: Sums) -> None:
    """To the bit."""
    assert set(a) == set(b)
    for name in a:
        for end in type(a[name]).__dataclass_fields__:
            np.testing.assert_array_equal(getattr(a[name], end), getattr(b[name], end), err_msg=f"{name} {end}")
