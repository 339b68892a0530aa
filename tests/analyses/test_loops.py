# SPDX-License-Identifier: Apache-2.0
"""Random analyses against loops in Python that know nothing of the compiler: what is present, objects of objects, cut
flows with and without each cut, weights, noise. Each expression is a text and a function of an event."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hepq.compiler.backends.analysis import compiled
from hepq.runtime.analysis.engine import Options, run
from tests.analyses.made import made
from tests.analyses.random_programs import HEAD, events, write

SEEDS = range(12)
EVENTS = 150
Number = Callable[["Event"], float | None]
#: an entry of the file's jets, by its number
Entry = Callable[["Event", int], float]


@dataclass
class Event:
    """A file's event; ``noise``: of each of its jets."""

    jets: list[dict[str, float]]
    met: float
    w: float
    noise: list[float]


def splitmix(z: int) -> int:
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
    return z ^ (z >> 31)


def salted(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")


def uniform(source: str, numbers: tuple[int, ...], name: str, entry: int) -> float:
    """As docs/running.md and the reference say."""
    key = salted(f"source {source}")
    for number in numbers:
        key = splitmix((key + number) % 2**64)
    state = splitmix((key + salted(name)) % 2**64)
    bits = splitmix((state + (entry + 1) * 0x9E3779B97F4A7C15) % 2**64) >> 12
    return 0.5 + (bits + 0.5) * 2.0**-52


@dataclass
class Objects:
    """``of``: numbers of the jets that are chosen, in order. ``single``: at most one."""

    name: str
    of: Callable[[Event], list[int]]
    single: bool = False


def damped(of: Number) -> Number:
    return lambda e: 1 / (1 + abs(of(e) or 0.0))


def above(of: Number, limit: float) -> Number:
    return lambda e: float((of(e) or 0.0) > limit)


@dataclass
class Made:
    """A program's text so far, and what it means. ``cuts`` and ``weights`` in order, of the region."""

    rng: random.Random
    lines: list[str] = field(default_factory=list)
    objects: list[Objects] = field(default_factory=list)
    items: list[tuple[str, str, Number]] = field(default_factory=list)
    guards: bool = False
    hists: dict[str, tuple[int, Callable[[Event], list[float]]]] = field(default_factory=dict)

    # --- of an entry of objects

    def entry(self, name: str, depth: int = 1) -> tuple[str, Entry]:
        one = self.rng.choice(["pt", "eta", "btag", "smear", *(["+", "max"] if depth else [])])
        if one == "pt":
            return f"{name}.pt / 20 GeV", lambda e, i: e.jets[i]["pt"] / 20
        if one == "smear":
            return f"smear{'' if name == 'Jet' else f'[{name}]'}", lambda e, i: e.noise[i]
        if one in ("eta", "btag"):
            return f"{name}.{one}", lambda e, i: e.jets[i][one]
        (a, f), (b, g) = self.entry(name, depth - 1), self.entry(name, depth - 1)
        if one == "+":
            return f"({a} + {b})", lambda e, i: f(e, i) + g(e, i)
        return f"max({a}, {b})", lambda e, i: max(f(e, i), g(e, i))

    def object(self, number: int) -> None:
        base, name = self.rng.choice(self.objects), f"obj{number}"
        (a, f), (b, g) = self.entry(base.name), self.entry(base.name, 0)
        limit, less = self.rng.choice([0.0, 0.5, -0.25]), self.rng.random() < 0.4
        text = f"object {name} = {base.name} where {a} {'<' if less else '>'} {limit}"
        order = self.rng.choice(["", "asc", "desc"])
        take = self.rng.choice([0, 0, 1, 2])

        def of(e: Event) -> list[int]:
            found = [i for i in base.of(e) if (f(e, i) < limit if less else f(e, i) > limit)]
            if order:
                found.sort(key=lambda i: g(e, i) if order == "asc" else -g(e, i))
            return found[:take] if take else found

        text += f" by {b} {order}" if order else ""
        text += f" take {take}" if take else ""
        self.lines.append(text)
        self.objects.append(Objects(name, of, take == 1 or base.single))

    # --- of an event; None: absent

    def certain(self) -> tuple[str, Number]:
        """A number that every event has."""
        over = self.rng.choice(self.objects)
        a, f = self.entry(over.name)
        kind = self.rng.choice(["sum", "count", "max", "met", "default"])
        if kind == "sum":
            return f"sum({a}, over={over.name})", lambda e: math.fsum(f(e, i) for i in over.of(e))
        if kind == "count":
            return f"count({over.name})", lambda e: float(len(over.of(e)))
        if kind == "max":
            return f"max({a}, over={over.name}, empty=-1)", lambda e: max([f(e, i) for i in over.of(e)], default=-1.0)
        if kind == "met":
            return "MET.pt / 30 GeV", lambda e: e.met / 30
        # what is guarded is always there: it takes no default
        text = f"min({a}, over={over.name}, empty=0.3)" if self.guards else f"default(min({a}, over={over.name}), 0.3)"
        return text, lambda e: min([f(e, i) for i in over.of(e)], default=0.3)

    def guarded(self) -> list[tuple[str, str, Number]]:
        """A cut that says that something is there, and a cut or a weight that needs it."""
        self.guards = True
        over, n = self.rng.choice(self.objects), self.rng.choice([1, 1, 2])
        if over.single:
            n = 1
        there = f"exists({over.name})" if n == 1 and self.rng.random() < 0.5 else f"count({over.name}) >= {n}"
        field = self.rng.choice(["eta", "btag"])
        value = f"{over.name}.{field}" if over.single else f"{over.name}[{n - 1}].{field}"

        def one(e: Event) -> float | None:
            found = over.of(e)
            return e.jets[found[n - 1]][field] if len(found) >= n else None

        def passes(e: Event) -> float | None:
            x = one(e)
            return None if x is None else float(x > -0.5)

        def weighs(e: Event) -> float | None:
            x = one(e)
            return None if x is None else 1 + x * x

        later = ("weight", f"1 + {value} * {value}", weighs) if self.rng.random() < 0.5 else (
            "cut", f"{value} > -0.5", passes
        )  # fmt: skip
        return [("cut", there, lambda e: float(len(over.of(e)) >= n)), later]

    def region(self) -> None:
        for _ in range(3):
            if self.rng.random() < 0.5:
                self.items += self.guarded()
            elif self.rng.random() < 0.4:
                text, f = self.certain()
                self.items.append(("weight", f"1 / (1 + abs({text}))", damped(f)))
            else:
                text, f = self.certain()
                limit = self.rng.choice([0.0, 0.5, 1.5])
                self.items.append(("cut", f"{text} > {limit}", above(f, limit)))

    def hist(self, after: int) -> None:
        """Of entries, of what may be absent, or of the event; ``after`` so many items of the region."""
        over = self.rng.choice(self.objects)
        name = f"h{len(self.hists)}"
        if self.rng.random() < 0.5:
            text, f = self.entry(over.name)
            self.hists[name] = after, lambda e: [f(e, i) for i in over.of(e)]
        elif not over.single and self.rng.random() < 0.6:
            text = f"{over.name}[1].eta"
            self.hists[name] = after, lambda e: [e.jets[i]["eta"] for i in over.of(e)[1:2]]
        else:
            text, g = self.certain()
            self.hists[name] = after, lambda e: [g(e) or 0.0]
        self.lines.append(f"  hist {name} = {text} in bins([-1.5, -0.25, 0.1, 0.7, 1.6, 4])")


def program(seed: int) -> tuple[str, Made]:
    at = Made(random.Random(seed), objects=[Objects("Jet", lambda e: list(range(len(e.jets))))])
    at.lines += ['source top = mc("top.root")', "branch w: real", "noise smear: real[Jet] ~ uniform(0.5, 1.5)"]
    for i in range(3):
        at.object(i)
    at.region()
    at.lines.append("weight norm = w")
    at.lines.append("region r {")
    at.hist(0)
    for i, (kind, text, _) in enumerate(at.items):
        at.lines.append(f"  {kind} {kind}{i} = {text}")
        if at.rng.random() < 0.6:
            at.hist(i + 1)
    at.lines.append("}")
    at.items.insert(0, ("weight", "w", lambda e: e.w))
    return HEAD + "analysis A {\n" + "\n".join(at.lines) + "\n}\n", at


def given(seed: int) -> tuple[list[Any], list[Event]]:
    found, read = events(EVENTS, seed), []
    for one in found:
        numbers = tuple(int(one[n]) for n in ("run", "luminosityBlock", "event"))
        jets = [{f: float(one[f"Jet_{f}"][i]) for f in ("pt", "eta", "btag")} for i in range(len(one["Jet_pt"]))]
        noise = [uniform("top", numbers, "smear", i) for i in range(len(jets))]
        read.append(Event(jets, float(one["MET_pt"]), float(one["w"]), noise))
    return found, read


def total(of: list[Event], weights: list[Number]) -> tuple[int, float]:
    """Events whose weights are all there, and the sum of their products."""
    found = [[w(e) for w in weights] for e in of]
    return (
        sum(None not in ws for ws in found),
        math.fsum(math.prod(w for w in ws if w is not None) for ws in found if None not in ws),
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_random_programs_are_what_loops_say(seed: int, tmp_path: Path) -> None:
    text, at = program(seed)
    found, read = given(seed)
    write(tmp_path / "top.root", found)
    analysis = made(text, str(tmp_path / "analysis.hepq"))
    code = compiled(analysis.analysis, analysis.modules, cached=False)
    result = run(code, Options(folder=tmp_path, chunk=40)).result
    edges = [-math.inf, -1.5, -0.25, 0.1, 0.7, 1.6, 4, math.inf]
    for name, (after, values) in at.hists.items():
        items = at.items[: after + 1]
        of = [e for e in read if all(f(e) for kind, _, f in items if kind == "cut")]
        weights = [(e, math.prod(f(e) or 0.0 for kind, _, f in items if kind == "weight")) for e in of]
        filled = [(v, w) for e, w in weights for v in values(e)]
        cells = result.cells(f"r.{name}", "top")
        counts = np.histogram([v for v, _ in filled], edges)[0]
        assert cells.entries.tolist() == counts.tolist(), f"{name}\n{text}"
        sums = np.histogram([v for v, _ in filled], edges, weights=[w for _, w in filled])[0]
        np.testing.assert_allclose(cells.values, sums, rtol=1e-12, atol=1e-12, err_msg=text)
    flow = result.cut_flow("r", "top")
    assert flow is not None
    places = [i for i, (kind, _, _) in enumerate(at.items) if kind == "cut"]
    for row, place in zip(flow.rows[1:], places, strict=True):
        upto = next((p for p in places if p > place), len(at.items))
        of = [e for e in read if all(f(e) for kind, _, f in at.items[: place + 1] if kind == "cut")]
        count, summed = total(of, [f for kind, _, f in at.items[:upto] if kind == "weight"])
        assert row.passed.events == count, text
        assert row.passed.sum == pytest.approx(summed, rel=1e-12), text
        others = [f for i, (kind, _, f) in enumerate(at.items) if kind == "cut" and i != place]
        of = [e for e in read if all(f(e) for f in others)]
        count, summed = total(of, [f for kind, _, f in at.items if kind == "weight"])
        assert row.without is not None
        assert row.without.events == count, text
        assert row.without.sum == pytest.approx(summed, rel=1e-12), text


def test_programs_have_what_is_tested() -> None:
    texts = "".join(program(seed)[0] for seed in SEEDS)
    for word in (
        "exists(",
        "count(",
        "[1].eta",
        "[0].",
        "take 1",
        "by smear",
        "default(",
        "empty=",
        "weight weight",
        "desc",
    ):
        assert word in texts
    some = [object_.of(e) for seed in SEEDS for object_ in program(seed)[1].objects for e in given(seed)[1]]
    assert {len(s) for s in some} == {0, 1, 2, 3}
