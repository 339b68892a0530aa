# SPDX-License-Identifier: Apache-2.0
"""Objects of datasets against plain loops over the entries of random events."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.lang.elaborate.events import Event, delta_r, event_of, events, largest, mass, p4, program, run

EVENTS = events()


def pts(entries: list[Any]) -> float:
    """A number that tells entries and their order apart."""
    return float(sum(e["pt"] * (i + 1) + 7 * e["eta"] for i, e in enumerate(entries)))


def shown(name: str) -> str:
    return f"sum(({name}.pt / 1 GeV) * (position({name}) + 1) + 7 * {name}.eta, over={name})"


def leptons(e: Event) -> list[Any]:
    return [x | {"kind": 0, "id": ("m", i)} for i, x in enumerate(e["Muon"])] + [
        x | {"kind": 1, "id": ("e", i)} for i, x in enumerate(e["Electron"])
    ]


def sfos(e: Event) -> list[Any]:
    pairs = combinations(leptons(e), 2)
    return [(a, b) for a, b in pairs if a["charge"] != b["charge"] and a["kind"] == b["kind"]]


def best_z(e: Event) -> list[Any]:
    return sorted(sfos(e), key=lambda p: abs(mass(*p) - 91.2))[:1]


def third(e: Event) -> list[Any]:
    used = [x["id"] for z in best_z(e) for x in z]
    return largest([x for x in leptons(e) if x["id"] not in used], lambda x: x["pt"])[:1]


SFOS = """
  object lepton = union(Muon, Electron)
  object sfos = combinations(lepton, 2) as a, b where a.charge != b.charge and a.kind == b.kind
  object z = sfos by abs(sfos.mass - 91.2 GeV) take 1
"""
LISTS = "object c = Cand by Cand.pt desc"
Case = tuple[str, str, Callable[[Event], float]]

CASES: dict[str, Case] = {
    "where": ("object x = Jet where Jet.pt > 60 GeV and abs(Jet.eta) < 1", shown("x"),
              lambda e: pts([j for j in e["Jet"] if j["pt"] > 60 and abs(j["eta"]) < 1])),
    "by": ("object x = Jet by Jet.pt desc", shown("x"), lambda e: pts(largest(e["Jet"], lambda j: j["pt"]))),
    "by several": ("object x = Jet by Jet.pt desc, Jet.btag take 2", shown("x"),
                   lambda e: pts(sorted(e["Jet"], key=lambda j: (-j["pt"], j["btag"]))[:2])),
    "take": ("object x = Jet take 2", shown("x"), lambda e: pts(e["Jet"][:2])),
    "bound": ("object x <= 2 = Jet by Jet.btag", shown("x"),
              lambda e: pts(sorted(e["Jet"], key=lambda j: j["btag"])[:2])),
    "of sub-dims": ("object w = Jet where Jet.pt > 40 GeV\n  object x = w where w.btag > 0.3 by w.eta take 2",
                    shown("x"),
                    lambda e: pts(sorted([j for j in e["Jet"] if j["pt"] > 40 and j["btag"] > 0.3],
                                         key=lambda j: j["eta"])[:2])),
    "for each by an event's value": ("object x = Jet where MET.pt > 20 GeV", shown("x"),
                                     lambda e: pts(e["Jet"]) if e["MET"]["pt"] > 20 else 0),
    "counted only": ("object x = combinations(union(Muon, Tau), 2)", "real(count(x)) + 100 * real(count(Jet))",
                     lambda e: math.comb(len(e["Muon"]) + len(e["Tau"]), 2) + 100 * len(e["Jet"])),
    "pairs by choice": ("object x = combinations(Jet, 2) as a, b where a.pt > b.pt",
                        "sum((x.a.pt - x.b.pt) / 1 GeV + x.mass / 1 GeV, over=x)",
                        lambda e: sum(a["pt"] - b["pt"] + mass(a, b) for a, b in combinations(e["Jet"], 2)
                                      if a["pt"] > b["pt"])),
    "pairs of the first four": ("object w = Jet take 4\n  object x = combinations(w, 2) as a, b",
                                "sum(x.a.pt / 1 GeV - 2 * x.b.pt / 1 GeV, over=x)",
                                lambda e: sum(a["pt"] - 2 * b["pt"] for a, b in combinations(e["Jet"][:4], 2))),
    "triplets": ("object x = combinations(Jet, 3) as a, b, c where max(a.btag, b.btag, c.btag) > 0.5",
                 "sum(x.mass / 1 GeV, over=x)",
                 lambda e: sum(mass(*t) for t in combinations(e["Jet"], 3) if max(j["btag"] for j in t) > 0.5)),
    "best candidate": ("object trijet = combinations(Jet, 3) as a, b, c\n"
                       "  object top = trijet by abs(trijet.mass - 172.5 GeV) take 1",
                       "default(top.p4.pt, -1 GeV) / 1 GeV + 100 * default(max(top.a.btag, top.b.btag, top.c.btag), 0)",
                       lambda e: best_top(e)),
    "union": ("object x = union(Muon, Electron)", f"{shown('x')} + 100 * sum(position(x) * x.kind, over=x)",
              lambda e: pts(leptons(e)) + 100 * sum(i * x["kind"] for i, x in enumerate(leptons(e)))),
    "union of a union": ("object l = union(Muon, Electron)\n  object x = union(l, Tau)", shown("x"),
                         lambda e: pts(leptons(e) + e["Tau"])),
    "references of a union": ("object x = union(Muon, Electron)",
                              "sum(if exists(x.jet) then x.jet.btag else 2, over=x)",
                              lambda e: sum(e["Jet"][x["jet"]]["btag"] if x["jet"] >= 0 else 2 for x in leptons(e))),
    "best pair": (SFOS, "default(z.mass, 0 GeV) / 1 GeV", lambda e: sum(mass(*z) for z in best_z(e))),
    "part_of": (SFOS + "  object x = lepton where not part_of(lepton, z) by lepton.pt desc take 1", shown("x"),
                lambda e: pts(third(e))),
    "part_of an element of a union": (SFOS + "  object x = Muon where part_of(Muon, z)", shown("x"),
                                      lambda e: pts([x for z in best_z(e) for x in z if x["kind"] == 0])),
    "part_of through a choice": (SFOS + "  object l = lepton where lepton.pt > 40 GeV\n"
                                 "  object x = l where not part_of(l, z)", shown("x"),
                                 lambda e: pts([x for x in leptons(e) if x["pt"] > 40 and all(x["id"] != y["id"]
                                                for z in best_z(e) for y in z)])),
    "part_of of a reference": ("object x = Jet where Jet.pt > 60 GeV\n  object y1 = Cand where part_of(Cand.Jet, x)",
                               "sum(y1.pt / 1 GeV, over=y1)",
                               lambda e: sum(c["pt"] for c in e["Cand"] if e["Jet"][c["Jet"]]["pt"] > 60)),
    "pairs": ("object lead = Jet where Jet.pt > 60 GeV\n  a, b = pairs(Jet, lead)\n  dr = deltaR(a, b)",
              "sum(if dr > 0.5 then dr * b.btag else 0, over=[Jet, lead'])",
              lambda e: sum(delta_r(a, b) * b["btag"] for a in e["Jet"] for b in e["Jet"]
                            if b["pt"] > 60 and delta_r(a, b) > 0.5)),
    "pairs of one collection": ("a, b = pairs(Jet, Jet)", "sum(deltaR(a, b), over=[Jet, Jet'])",
                                lambda e: sum(delta_r(a, b) for a in e["Jet"] for b in e["Jet"])),
    "overlap removal": ("object l = union(Muon, Electron)\n  object near = l where l.pt > 30 GeV\n"
                        "  object x = Jet where all(deltaR(Jet, near) >= 0.8, over=near)", shown("x"),
                        lambda e: pts([j for j in e["Jet"] if all(delta_r(j, x) >= 0.8 for x in leptons(e)
                                                                  if x["pt"] > 30)])),
    "cross-reference": ("", "sum(default(Jet.muon.pt, -1 GeV), over=Jet) / 1 GeV",
                        lambda e: sum(e["Muon"][j["muon"]]["pt"] if j["muon"] >= 0 else -1 for j in e["Jet"])),
    "reference of a reference": ("", "sum(default(Jet.muon.jet.btag, 3), over=Jet)", lambda e: there_and_back(e)),
    "reference through a choice": ("object x = Jet where exists(Jet.muon) and Jet.muon.charge > 0",
                                   "sum(x.muon.pt, over=x) / 1 GeV",
                                   lambda e: sum(e["Muon"][j["muon"]]["pt"] for j in e["Jet"]
                                                 if j["muon"] >= 0 and e["Muon"][j["muon"]]["charge"] > 0)),
    "reference of a record": ("", "default(MET.lead.btag, -1)",
                              lambda e: e["Jet"][e["MET"]["lead"]]["btag"] if e["MET"]["lead"] >= 0 else -1),
    "value at references": ("", "sum(default(Muon.pt[Jet.muon], -1 GeV), over=Jet) / 1 GeV",
                            lambda e: sum(e["Muon"][j["muon"]]["pt"] if j["muon"] >= 0 else -1 for j in e["Jet"])),
    "absent at a choice": ("object x = Jet take 2", "sum(default(Jet.muon.pt[x], -1 GeV), over=x) / 1 GeV",
                           lambda e: sum(e["Muon"][j["muon"]]["pt"] if j["muon"] >= 0 else -1 for j in e["Jet"][:2])),
    "value at a choice": ("object x = Jet by Jet.eta take 3\n  object w = x where x.btag > 0.5",
                          "sum((Jet.pt[x] / 1 GeV) * x.eta, over=x) + sum(Jet.pt[w] / 1 GeV, over=w)",
                          lambda e: sum(j["pt"] * (j["eta"] + (j["btag"] > 0.5))
                                        for j in sorted(e["Jet"], key=lambda j: j["eta"])[:3])),
    "objects at a choice": ("object x = Jet where Jet.btag > 0.5", "sum(Jet[x].pt / 1 GeV, over=x)",
                            lambda e: sum(j["pt"] for j in e["Jet"] if j["btag"] > 0.5)),
    "one entry": ("", "default(Jet[2].pt, -1 GeV) / 1 GeV", lambda e: e["Jet"][2]["pt"] if len(e["Jet"]) > 2 else -1),
    "guarded entries": ("n = count(Jet)", "if n >= 2 and Jet[1].pt > 40 GeV then Jet[0].eta - Jet[1].eta else -9",
                        lambda e: e["Jet"][0]["eta"] - e["Jet"][1]["eta"]
                        if len(e["Jet"]) >= 2 and e["Jet"][1]["pt"] > 40 else -9),
    "parents of a list": ("", "sum(Cand.Jet.btag * Cand.charge, over=Cand)",
                          lambda e: sum(e["Jet"][c["Jet"]]["btag"] * c["charge"] for c in e["Cand"])),
    "first of each list": (f"{LISTS} take 2", "sum((c.pt / 1 GeV) * (position(c) + 1) * c.Jet.btag, over=c)",
                           lambda e: sum(c["pt"] * (i + 1) * e["Jet"][c["Jet"]]["btag"]
                                         for i, c in enumerate(first_of_each(e, 2)))),
    "chosen in each list": ("object c = Cand where Cand.charge > 0 by Cand.pt take 1", "sum(c.pt / 1 GeV, over=c)",
                            lambda e: sum(min(x["pt"] for x in e["Cand"] if x["Jet"] == i and x["charge"] > 0)
                                          for i in range(len(e["Jet"]))
                                          if any(x["Jet"] == i and x["charge"] > 0 for x in e["Cand"]))),
    "sums of each list": ("hardest = max(Cand.pt, by=Cand.Jet, empty=-1 GeV)\n  n = count(by=Cand.Jet)",
                          "sum((hardest + default(min(Cand.pt, by=Cand.Jet), -2 GeV)) / 1 GeV + n*Jet.btag, over=Jet)",
                          lambda e: sum(max(pts := [c["pt"] for c in e["Cand"] if c["Jet"] == i], default=-1)
                                        + len(pts) * j["btag"] + min(pts, default=-2) for i, j in enumerate(e["Jet"]))),
    "fields before functions": ("", "sum(Track.pt / 1 GeV, over=Track) + sum(Jet.pt / 1 GeV, over=Jet)",
                                lambda e: sum(math.hypot(t["px"], t["py"]) for t in e["Track"])
                                + sum(j["pt"] for j in e["Jet"])),
    "four-vectors": ("", "(sum(Track, over=Track).energy + sum(Jet, over=Jet).px + sum(Tau, over=Tau).mass) / 1 GeV",
                     lambda e: sum(t["energy"] for t in e["Track"]) + sum(p4(j)[0] for j in e["Jet"]) + tau_mass(e)),
    "record": ("", "sqrt(2 * MET.pt * 10 GeV * (1 - cos(MET.phi))) / 1 GeV",
               lambda e: math.sqrt(20 * e["MET"]["pt"] * (1 - math.cos(e["MET"]["phi"])))),
    "empty": ("", "max(Jet.btag, over=Jet, empty=-1) + min(Muon.pt, over=Muon, empty=0 GeV) / 1 GeV",
              lambda e: max([j["btag"] for j in e["Jet"]], default=-1) + min([m["pt"] for m in e["Muon"]], default=0)),
    "mean or another": ("", "default(mean(Jet.btag, over=Jet), default(mean(Tau.eta, over=Tau), 5))",
                        lambda e: float(np.mean([j["btag"] for j in e["Jet"]] or [t["eta"] for t in e["Tau"]] or [5]))),
    "the first that is there": ("object a = Muon take 1\n  object b = Tau take 1",
                                "default(default(a.pt, b.pt), -1 GeV) / 1 GeV",
                                lambda e: next(x["pt"] for x in [*e["Muon"][:1], *e["Tau"][:1], {"pt": -1}])),
    "either of two": ("object a = Muon take 1\n  object b = Tau take 1",
                      "default(if MET.pt > 20 GeV then a.pt else b.pt, -1 GeV) / 1 GeV",
                      lambda e: next(x["pt"] for x in [*e["Muon" if e["MET"]["pt"] > 20 else "Tau"][:1], {"pt": -1}])),
    "reference of one that may be absent": ("object a = Jet take 1",
                                            "if exists(a.muon) then a.muon.pt / 1 GeV else -1",
                                            lambda e: next(e["Muon"][j["muon"]]["pt"] if j["muon"] >= 0 else -1
                                                           for j in [*e["Jet"][:1], {"muon": -1}])),
}  # fmt: skip


def best_top(e: Event) -> float:
    found = sorted(combinations(e["Jet"], 3), key=lambda t: abs(mass(*t) - 172.5))[:1]
    if not found:
        return -1
    px, py = (sum(p4(j)[i] for j in found[0]) for i in (0, 1))
    return math.hypot(px, py) + 100 * float(max(j["btag"] for j in found[0]))


def there_and_back(e: Event) -> float:
    total = 0.0
    for j in e["Jet"]:
        back = e["Muon"][j["muon"]]["jet"] if j["muon"] >= 0 else -1
        total += e["Jet"][back]["btag"] if back >= 0 else 3
    return total


def first_of_each(e: Event, n: int) -> list[Any]:
    lists = [largest([c for c in e["Cand"] if c["Jet"] == i], lambda c: c["pt"])[:n] for i in range(len(e["Jet"]))]
    return [c for each in lists for c in each]


def tau_mass(e: Event) -> float:
    parts = [(*p4(t | {"mass": 0})[:3], t["energy"]) for t in e["Tau"]]
    px, py, pz, energy = (sum(p[i] for p in parts) for i in range(4))
    return math.sqrt(max(energy**2 - px**2 - py**2 - pz**2, 0))


@pytest.mark.parametrize("case", CASES)
def test_against_loops(case: str, tmp_path: Path) -> None:
    items, value, expected = CASES[case]
    module = event_of(program(f"  {items}", value), tmp_path)
    for event in EVENTS:
        assert float(run(module, event)["y"]) == pytest.approx(expected(event), rel=1e-9, abs=1e-9)


def test_selected_events_and_cut_entries_are_counted(tmp_path: Path) -> None:
    items = "  object part <= 3 = Jet by Jet.pt desc\n  select two = count(Jet) >= 2\n"
    items += "  select hard = Jet[1].pt > 40 GeV"
    module = event_of(program(items, "sum(part.pt, over=part) / 1 GeV"), tmp_path)
    for event in EVENTS:
        out = run(module, event)
        assert bool(out["select two"]) == (len(event["Jet"]) >= 2)
        if out["select two"]:
            assert bool(out["select hard"]) == (event["Jet"][1]["pt"] > 40)


def inputs(items: str, params: str, result: str) -> str:
    text = program(items, "1.0")
    return text.replace("\n  input y = 1.0", "").replace("M(y: real) -> real = y", f"M({params}) -> real = {result}")


def test_inputs_of_a_models_dim(tmp_path: Path) -> None:
    items = "  object part <= 3 = Jet where Jet.pt > 30 GeV by Jet.pt desc\n"
    items += "  input x: real[part, feat] = stack(part.pt / 1 GeV, part.eta, dim=feat)"
    module = event_of(inputs(items, "x: real[part, feat]", "sum(x, over=[part, feat])"), tmp_path)
    for event in EVENTS:
        kept = largest([j for j in event["Jet"] if j["pt"] > 30], lambda j: j["pt"])
        out = run(module, event)
        np.testing.assert_allclose(out["x"], np.array([[j["pt"], j["eta"]] for j in kept[:3]]).reshape(-1, 2))
        assert int(out["cut part"]) == len(kept)


def test_each_entry_with_its_list(tmp_path: Path) -> None:
    items = "  each Jet\n  object c = Cand by Cand.pt desc take 2\n"
    items += "  input x = c.pt / 1 GeV\n  input t = Jet.btag\n  input m = MET.pt / 1 GeV"
    text = "dim cand <= 2\n" + inputs(items, "x: real[c], t: real, m: real", "sum(x, over=c) + t + m")
    module = event_of(text.replace("dim cand <= 2", "dim c"), tmp_path)
    for event in EVENTS:
        out = run(module, event)
        chosen = first_of_each(event, 2)
        np.testing.assert_allclose(out["x"], [c["pt"] for c in chosen])
        assert [int(i) for i in out["owner c"]] == [c["Jet"] for c in chosen]
        np.testing.assert_allclose(out["t"], [j["btag"] for j in event["Jet"]])
        np.testing.assert_allclose(out["m"], [event["MET"]["pt"]] * len(event["Jet"]))
