# SPDX-License-Identifier: Apache-2.0
"""Random analyses as texts, with types, and events for them.

All of it is computed by operations that round correctly, or not at all, so that sums agree to the bit; of lists there
are so few entries that the order of a sum is one.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tests.analyses.made import Event

_REST = """collection Part of Jet = "Part_*" {
  Jet = "jet": index of Jet
  pt: GeV
  eta: real
  kind: int
}
record MET = "MET_*" {
  pt: GeV
  x: real
}
"""
HEAD = (
    """collection Jet = "Jet_*" {
  pt: GeV
  eta, btag: real
  flavour: int
  tight: bool
}
collection Muon = "Muon_*" {
  pt: GeV
  eta: real
  charge: int
  jet: index of Jet
}
"""
    + _REST
)
#: the same, as Delphes has it in Parquet: jets have numbers, which muons refer to
DELPHES = (
    """collection Jet = "Jet.*" {
  pt = "PT": GeV
  eta = "Eta", btag = "BTag": real
  flavour = "Flavor", id = "fUniqueID": int
  tight = "Tight": bool
}
collection Muon = "Muon.*" {
  pt = "PT": GeV
  eta = "Eta": real
  charge = "Charge": int
  jet = "Jet.ref": index of Jet by id
}
"""
    + _REST
)
_DELPHES = {
    "Jet_pt": "Jet.PT", "Jet_eta": "Jet.Eta", "Jet_btag": "Jet.BTag", "Jet_flavour": "Jet.Flavor",
    "Jet_tight": "Jet.Tight", "Muon_pt": "Muon.PT", "Muon_eta": "Muon.Eta", "Muon_charge": "Muon.Charge",
}  # fmt: skip
REFERENCE = "Muon.Jet.ref"
#: a list of good runs of data: two in four luminosity blocks of `events`
GOOD = {"1": [[5, 5], [8, 8]]}
#: entries of a list: of all parts, and of a union of two, fewer than eight
MOST = 3
#: of collections, and of what is made: a pair's, its parts'
_FIELDS: dict[str, dict[str, tuple[str, ...]]] = {
    "Jet": {"real": ("eta", "btag"), "int": ("flavour",)},
    "Muon": {"real": ("eta",), "int": ("charge",)},
    "Part": {"real": ("eta",), "int": ("kind",)},
    "Union": {"real": ("eta",), "int": ("kind",)},
    "Pair": {"real": ("a.eta", "b.eta"), "int": ()},
}


@dataclass
class Scope:
    """``objects``: names, and the collection whose fields each has; ``sure``: those that an event has one of at least.
    ``numbers``: names that are bound to a real number of the event."""

    objects: dict[str, str] = field(default_factory=lambda: {"Jet": "Jet", "Muon": "Muon", "Part": "Part"})
    single: set[str] = field(default_factory=set)
    sure: set[str] = field(default_factory=set)
    numbers: list[str] = field(default_factory=list)

    def inner(self) -> Scope:
        return Scope(dict(self.objects), set(self.single), set(self.sure), list(self.numbers))


class Program:
    """``text``: of an analysis with a source of data and one of simulation."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.names = 0
        self.regions: dict[str, Scope] = {}
        scope = Scope()
        lines = ['source run = data("run.root")', 'source top = mc("top.root", xsec=2 pb)', "branch w: real",
                 "branch run, luminosityBlock, event: int"]  # fmt: skip
        if self.maybe(0.4):
            lines.append('@data cut good = golden_json("good.json", run, luminosityBlock)')
        if self.maybe(0.5):
            lines.append(f"Jet.pt = {self.rng.choice(['1.25', '(1 + 0.125 * Jet.btag)'])} * Jet.pt")
        if self.maybe(0.5):
            lines.append("noise smear: real[Jet] ~ uniform(0.5, 1.5)")
            lines.append("weight shaken = 1 + sum(if source.mc then smear else 0 * Jet.eta, over=Jet) / 8")
        for _ in range(self.rng.randint(1, 4)):
            lines += self.object(scope) if self.maybe(0.6) else self.bind(scope)
        lines.append("weight norm = 8 * w / source.events")
        for _ in range(self.rng.randint(1, 3)):
            lines += self.vary(scope)
        lines += self.hist(scope)
        for _ in range(self.rng.randint(1, 4)):
            lines += self.region(scope)
        self.text = HEAD + "analysis Random {\n" + "".join(f"  {line}\n" for line in lines) + "}\n"

    def maybe(self, share: float) -> bool:
        return self.rng.random() < share

    def name(self, head: str) -> str:
        self.names += 1
        return f"{head}{self.names}"

    # --- items

    def object(self, scope: Scope) -> list[str]:
        if self.maybe(0.35):
            return self.combined(scope)
        base = self.rng.choice([*scope.objects])
        name, of = self.name("obj"), scope.objects[base]
        parts = [f"object {name} = {base}"]
        if self.maybe(0.8):
            parts.append(f"where {self.condition(scope, base, 2)}")
        if self.maybe(0.5):
            parts.append(f"by {self.number(scope, base, 1)} {self.rng.choice(['asc', 'desc'])}")
        if self.maybe(0.4):
            take = self.rng.choice([1, 1, 2])
            parts.append(f"take {take}")
            if take == 1:
                scope.single.add(name)
        if len(parts) == 1:
            parts.append("take 3")
        elif base in scope.single:
            scope.single.add(name)
        scope.objects[name] = of
        return [" ".join(parts)]

    def combined(self, scope: Scope) -> list[str]:
        """A union, or pairs, and whether others are part of one."""
        several = [o for o, of in scope.objects.items() if of in ("Jet", "Muon") and o not in scope.single]
        base, name = self.rng.choice(several), self.name("obj")
        if self.maybe(0.5):
            scope.objects[name] = "Union"
            return [f"object {name} = union({base}, {self.rng.choice(several)})"]
        scope.objects[name] = "Pair"
        line = f"object {name} = combinations({base}, 2) as a, b where {self.condition(scope, name, 0)}"
        if self.maybe(0.5):
            line += f" by {self.number(scope, name, 0)} desc"
        if self.maybe(0.4):
            line += " take 1"
            scope.single.add(name)
        free = self.name("obj")
        scope.objects[free] = scope.objects[base]
        negated = self.rng.choice(["", "not "])
        return [line, f"object {free} = {base} where {negated}part_of({base}, {name})"]

    def bind(self, scope: Scope) -> list[str]:
        name = self.name("x")
        line = f"{name} = 1.0 * {self.event(scope, 3)}"
        scope.numbers.append(name)
        return [line]

    def vary(self, scope: Scope) -> list[str]:
        choices = [f"Jet.pt = {self.rng.choice(['1.5', '0.75'])} * Jet.pt", "Muon.eta = Muon.eta + 0.5", "norm = w / 4",
                   "MET.x = 2 * MET.x"]  # fmt: skip
        choices += [f"{n} = {self.event(scope, 1)}" for n in scope.numbers[:2]]
        name = self.name("vary")
        picked = self.rng.sample(choices, 2)
        return [f"vary {name} {{", f"  up {{ {picked[0]} }}", f"  down {{ {picked[1]} }}", "}"]

    def region(self, scope: Scope) -> list[str]:
        name, parents = self.name("region"), [*self.regions]
        above = self.rng.sample(parents, min(len(parents), self.rng.choice([0, 0, 1, 2])))
        inner = scope.inner()
        for parent in above:
            theirs = self.regions[parent]
            inner = Scope(inner.objects | theirs.objects, inner.single | theirs.single, inner.sure | theirs.sure,
                          [*dict.fromkeys((*inner.numbers, *theirs.numbers))])  # fmt: skip
        lines = []
        for _ in range(self.rng.randint(1, 3)):
            lines += self.cut(inner)
            if self.maybe(0.4):
                lines += self.object(inner) if self.maybe(0.6) else self.bind(inner)
            if self.maybe(0.3):
                lines.append(f"weight {self.name('weight')} = 1 / (1 + abs({self.event(inner, 2)}))")
            if self.maybe(0.6):
                lines += self.hist(inner)
        if self.maybe(0.5):
            lines += self.save(inner)
        self.regions[name] = inner
        extends = f" extends {', '.join(above)}" if above else ""
        return [f"region {name}{extends} {{", *(f"  {line}" for line in lines), "}"]

    def cut(self, scope: Scope) -> list[str]:
        name = self.name("cut")
        if self.maybe(0.3):
            objects = self.rng.choice([*scope.objects])
            scope.sure.add(objects)
            return [f"cut {name} = exists({objects})"]
        sure = sorted(scope.sure)
        if sure and self.maybe(0.6):
            one = self.rng.choice(sure)
            field = self.rng.choice(_FIELDS[scope.objects[one]]["real"])
            value = f"max({one}.{field}, over={one})" if one not in scope.single else f"{one}.{field}"
            return [f"cut {name} = {value} < {self.constant()}"]
        return [f"cut {name} = {self.condition(scope, None, 2)}"]

    def hist(self, scope: Scope) -> list[str]:
        over = self.rng.choice([None, None, *scope.objects])
        axes = [f"{self.number(scope, over, 2)} in {self.bins()}" for _ in range(self.rng.choice([1, 1, 2]))]
        kinds = [
            self.condition(scope, over, 1),
            f"(low={self.condition(scope, over, 1)}, high={self.true(scope, over)})",
        ]
        per = f" per {', '.join(self.rng.sample(kinds, self.rng.choice([1, 2])))}" if self.maybe(0.3) else ""
        weight = f"[weight=1 / (2 + abs({self.number(scope, over, 1)}))]" if self.maybe(0.3) else ""
        return [f"hist {self.name('h')}{weight} = {', '.join(axes)}{per}"]

    def save(self, scope: Scope) -> list[str]:
        objects = self.rng.choice([*scope.objects])
        return [f"save {self.name('skim')} = id=event, x={self.event(scope, 1)}, y={self.number(scope, objects, 1)}"]

    def true(self, scope: Scope, over: str | None) -> str:
        """A condition that holds."""
        return f"{self.number(scope, over, 0)} > -1000"

    def bins(self) -> str:
        return self.rng.choice(
            ["bins(7, -2, 3)", "bins([-1.5, -0.25, 0, 0.3, 4])", "integers(-2, 5)", "bins(40, 0, 8)"]
        )

    def constant(self) -> str:
        return self.rng.choice(["0.5", "0.25", "1", "1.75", "0"])

    # --- expressions: of the event, or of each entry of objects

    def number(self, scope: Scope, over: str | None, depth: int) -> str:
        if over is None:
            return self.event(scope, depth)
        of = scope.objects[over]
        leaves = [
            f"{over}.{'a.' if of == 'Pair' else ''}pt / 20 GeV",
            *(f"{over}.{f}" for f in (*_FIELDS[of]["real"], *_FIELDS[of]["int"])),
        ]
        if of == "Muon" and over not in scope.single:
            leaves.append(f"default({over}.jet.btag, 0.5)")
        if of == "Part" and over not in scope.single:
            leaves.append(f"({over}.eta - {over}.Jet.btag)")
        if over == "Jet":
            leaves += ["sum(Muon.eta, by=Muon.jet)", "count(by=Muon.jet)", "max(Part.eta, by=Part.Jet, empty=0)"]
        if depth <= 0 or self.maybe(0.3):
            return self.rng.choice(leaves)
        a, b = (self.number(scope, over, depth - 1) for _ in range(2))
        return self.rng.choice([
            f"({a} + {b})", f"({a} - 0.5 * {b})", f"max({a}, {b})", f"abs({a})", f"sqrt(abs({a}))",
            f"(if {self.condition(scope, over, depth - 1)} then {a} else {b})",
            f"({a} * {self.event(scope, depth - 1)})",
        ])  # fmt: skip

    def event(self, scope: Scope, depth: int) -> str:
        leaves = ["MET.pt / 20 GeV", "MET.x", "w", *scope.numbers]
        if depth <= 0:
            return self.rng.choice(leaves)
        objects = self.rng.choice([*scope.objects])
        inner = self.number(scope, objects, depth - 1)
        a, b = (self.event(scope, depth - 1) for _ in range(2))
        choices = [
            f"sum({inner}, over={objects})", f"max({inner}, over={objects}, empty=0)", f"count({objects})",
            f"({a} + {b})", f"min({a}, {b})", f"({a} / (1 + abs({b})))",
            f"(if {self.condition(scope, None, depth - 1)} then {a} else {b})",
        ]  # fmt: skip
        if not scope.sure and objects not in scope.single:
            choices.append(f"default(max({inner}, over={objects}), -1)")
            choices.append(f"default({objects}[1].{_FIELDS[scope.objects[objects]]['real'][0]}, 0.25)")
        return self.rng.choice(choices)

    def condition(self, scope: Scope, over: str | None, depth: int) -> str:
        if over is not None and scope.objects[over] == "Jet" and self.maybe(0.2):
            return f"{over}.tight"
        if depth <= 0 or self.maybe(0.5):
            compare = self.rng.choice(["<", ">", ">=", "<="])
            return f"{self.number(scope, over, depth - 1)} {compare} {self.constant()}"
        a, b = (self.condition(scope, over, depth - 1) for _ in range(2))
        if over is None and self.maybe(0.4):
            objects = self.rng.choice([*scope.objects])
            reduce = self.rng.choice(["any", "all"])
            return f"{reduce}({self.condition(scope, objects, depth - 1)}, over={objects})"
        return self.rng.choice([f"({a} and {b})", f"({a} or {b})", f"(not ({a}))"])


def events(n: int, seed: int) -> list[Event]:
    rng = np.random.default_rng(seed)
    return [_event(rng, i) for i in range(n)]


def _event(rng: np.random.Generator, number: int) -> Event:
    jets, muons = (int(k) for k in rng.integers(0, MOST + 1, 2))

    def some(n: int, scale: float = 1.0) -> Any:
        return np.round(rng.normal(0, scale, n) * 64) / 64  # many are equal, and some at edges of bins

    owners = np.sort(rng.integers(0, jets, 2 * jets)) if jets else np.zeros(0, int)
    return {
        "run": 1, "luminosityBlock": 5 + number % 4, "event": number,
        "Jet_pt": np.abs(some(jets, 40)), "Jet_eta": some(jets), "Jet_btag": some(jets),
        "Jet_flavour": rng.choice([0, 4, 5], jets), "Jet_tight": rng.integers(0, 2, jets).astype(bool),
        "Muon_pt": np.abs(some(muons, 30)), "Muon_eta": some(muons), "Muon_charge": rng.choice([-1, 1], muons),
        "Muon_jet": rng.integers(-1, jets, muons) if jets else np.full(muons, -1), "MET_pt": abs(some(1, 30)[0]),
        "Part_jet": owners, "Part_pt": np.abs(some(len(owners), 9)), "Part_eta": some(len(owners)),
        "Part_kind": rng.integers(0, 3, len(owners)), "MET_x": some(1)[0], "w": abs(some(1)[0]),
    }  # fmt: skip


def as_delphes(given: list[Event], seed: int) -> list[Event]:
    """The same events; numbers of jets are in no order, 0 is none."""
    rng, found = np.random.default_rng(seed), list[Event]()
    for event in given:
        ids = rng.permutation(np.arange(1, 60))[: len(event["Jet_pt"])]
        made = {_DELPHES.get(name, name): value for name, value in event.items() if name != "Muon_jet"}
        refs = np.array([ids[i] if i >= 0 else 0 for i in event["Muon_jet"]], int)
        found.append({**made, "Jet.fUniqueID": ids, REFERENCE: refs})
    return found


def write(path: Path, given: list[Event]) -> None:
    """A file of these events, ROOT or Parquet, and beside it the list of good runs."""
    import awkward as ak
    import uproot

    (path.parent / "good.json").write_text(json.dumps(GOOD))
    kinds = {"Jet_flavour": np.int32, "Jet_tight": bool, "Muon_charge": np.int32, "Muon_jet": np.int16,
             "Part_jet": np.int32, "Part_kind": np.int32, "Jet.Flavor": np.int32, "Jet.Tight": bool,
             "Muon.Charge": np.int32, "Jet.fUniqueID": np.uint32, REFERENCE: np.uint32}  # fmt: skip
    columns: dict[str, Any] = {}
    for name, value in given[0].items():
        if isinstance(value, np.ndarray) and value.ndim:
            entries = np.concatenate([e[name] for e in given]).astype(kinds.get(name, np.float64))
            columns[name] = ak.unflatten(entries, [len(e[name]) for e in given])
        else:
            columns[name] = np.array([e[name] for e in given])
    if path.suffix == ".parquet":
        ak.to_parquet(ak.zip(columns, depth_limit=1), path)
        return
    with uproot.recreate(path) as file:
        file["Events"] = columns
