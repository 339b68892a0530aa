# SPDX-License-Identifier: Apache-2.0
"""Datasets with objects, run on random events in the reference interpreter; and the kinematics of plain Python."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np

from hepq.compiler.driver.check import check_path
from hepq.compiler.ir.build import build
from hepq.compiler.ir.interpret import run_event
from hepq.compiler.ir.node import Module
from hepq.compiler.ir.stages import event_module
from hepq.compiler.ir.verify import verify
from hepq.core.diagnostics.diagnostic import Diagnostic, Sink
from hepq.core.diagnostics.render import render_text
from hepq.lang.modules import load

COLLECTIONS = """
collection Muon = "Muon_*" { pt, mass: GeV eta, phi: real charge: int jet = "jetIdx": index of Jet }
collection Electron = "Electron_*" { pt, mass: GeV eta, phi: real charge: int jet = "jetIdx": index of Jet }
collection Jet = "Jet_*" { pt, mass: GeV eta, phi: real btag: real muon = "muonIdx1": index of Muon }
collection Cand of Jet = "Cand_*" { pt: GeV charge: int }
collection Track = "Track_*" { px, py, pz, energy: GeV }
collection Tau = "Tau_*" { pt, energy: GeV eta, phi: real }
record MET = "MET_*" { pt: GeV phi: real lead = "leadIdx": index of Jet }
dim part <= 3
dim feat = 2
dim xy = 2
"""

Objects = list[dict[str, Any]]
Event = Mapping[str, Any]


def program(items: str, value: str, *, declared: str = "") -> str:
    source = '  source s = root("a.root", tree="Events")\n'
    model = "model M(y: real) -> real = y\n"
    return f"{COLLECTIONS}{declared}\ndataset D {{\n{source}{items}\n  input y = {value}\n}}\n{model}"


def event_of(text: str, folder: Path) -> Module:
    """The module that makes a model's inputs of an event, well formed."""
    path = folder / "events.hepq"
    path.write_text(text, encoding="utf-8")
    sink = Sink()
    loaded = load(path, None, sink)
    built = build(loaded, sink)
    assert built is not None, render_text(check_path(path))
    module = event_module(cast("Any", built.plan).dataset, built.module)
    assert module is not None
    verify(module)
    verify(built.module)
    return module


def mistakes(text: str, folder: Path) -> list[Diagnostic]:
    path = folder / "wrong.hepq"
    path.write_text(text, encoding="utf-8")
    return check_path(path)


def random_event(rng: np.random.Generator, most: int = 4) -> dict[str, Any]:
    """0 to ``most`` entries of each collection, among them ties; references of which some are to none."""
    n = {c: int(rng.integers(0, most + 1)) for c in ("Muon", "Electron", "Jet", "Track", "Tau")}
    event: dict[str, Any] = {}
    for name, count in n.items():
        event[name] = [
            {
                "pt": float(rng.integers(5, 30) * 4), "mass": rng.uniform(0, 10), "eta": rng.normal(),
                "phi": rng.uniform(-3, 3), "charge": int(rng.choice([-1, 1])), "btag": rng.uniform(),
                "px": rng.normal() * 9, "py": rng.normal() * 9, "pz": rng.normal() * 9, "energy": rng.uniform(60, 90),
                "muon": int(rng.integers(-1, n["Muon"])), "jet": int(rng.integers(-1, n["Jet"])),
            }
            for _ in range(count)
        ]  # fmt: skip
    owners = sorted(int(rng.integers(n["Jet"])) for _ in range(int(rng.integers(0, 3 * n["Jet"] + 1))))
    event["Cand"] = [{"pt": rng.uniform(1, 9), "charge": int(rng.choice([-1, 1])), "Jet": i} for i in owners]
    event["MET"] = {"pt": rng.uniform(0, 50), "phi": rng.uniform(-3, 3), "lead": int(rng.integers(-1, n["Jet"]))}
    return event


def events(count: int = 40) -> list[dict[str, Any]]:
    """Random ones; the first has nothing."""
    rng = np.random.default_rng(4)
    return [random_event(rng, most) for most in [0, *[4] * count, 6]]


def run(module: Module, event: Event) -> dict[str, Any]:
    given = {}
    for node in module.inputs:
        collection, field = node["name"].split(".")
        entries = event[collection]
        values = entries[field] if isinstance(entries, dict) else [e[field] for e in entries]
        dtype = {"real": float, "bool": bool}.get(node.type.elem, np.int64)
        given[node["name"]] = np.asarray(values, dtype)
    return dict(run_event(module, given, {}))


def p4(x: Mapping[str, float]) -> tuple[float, float, float, float]:
    """(px, py, pz, energy) of pt, eta, phi, mass."""
    pz, p = x["pt"] * math.sinh(x["eta"]), x["pt"] * math.cosh(x["eta"])
    return x["pt"] * math.cos(x["phi"]), x["pt"] * math.sin(x["phi"]), pz, math.hypot(p, x["mass"])


def mass(*parts: Mapping[str, float]) -> float:
    px, py, pz, energy = (sum(c) for c in zip(*map(p4, parts), strict=True))
    return math.sqrt(max(energy**2 - px**2 - py**2 - pz**2, 0))


def delta_r(a: Mapping[str, float], b: Mapping[str, float]) -> float:
    phi = (a["phi"] - b["phi"] + math.pi) % (2 * math.pi) - math.pi
    return math.hypot(a["eta"] - b["eta"], phi)


def largest(items: Objects, key: Callable[[dict[str, Any]], float]) -> Objects:
    """By falling ``key``, ties in order."""
    return sorted(items, key=lambda x: -key(x))
