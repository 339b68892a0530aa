# SPDX-License-Identifier: Apache-2.0
"""The ADL queries 5 to 8 with awkward arrays and vector, of coffea's NanoEvents or of what uproot alone reads.

Written as whole arrays, as these packages are used; both are read in chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import awkward as ak
import numpy as np
import uproot

#: bins of each histogram
BINS = {
    "q5.met": (0, 2000), "q6.pt": (15, 40), "q6.btag": (0, 1), "q7.ht": (15, 200), "q8.mt": (15, 250),
}  # fmt: skip
STEP = 200_000
_LEPTON = ("pt", "eta", "phi", "mass", "charge")
#: fields of each collection that a query reads
FIELDS: dict[str, dict[str, tuple[str, ...]]] = {
    "q5": {"Muon": _LEPTON, "MET": ("pt",)},
    "q6": {"Jet": ("pt", "eta", "phi", "mass", "btag")},
    "q7": {"Jet": ("pt", "eta", "phi"), "Muon": ("pt", "eta", "phi"), "Electron": ("pt", "eta", "phi")},
    "q8": {"Muon": _LEPTON, "Electron": _LEPTON, "MET": ("pt", "phi")},
}


def q5(events: Any) -> dict[str, Any]:
    a, b = ak.unzip(ak.combinations(events.Muon, 2))
    mass = (a + b).mass
    z = ak.any((a.charge != b.charge) & (mass > 60) & (mass < 120), axis=1)
    return {"q5.met": events.MET.pt[z]}


def q6(events: Any) -> dict[str, Any]:
    jets = events.Jet[ak.num(events.Jet) >= 3]
    p4 = ak.zip({name: getattr(jets, name) for name in ("px", "py", "pz", "E")}, with_name="Momentum4D")
    a, b, c = ak.unzip(ak.combinations(ak.zip({"p4": p4, "btag": jets.btag}, depth_limit=2), 3))
    total = a.p4 + b.p4 + c.p4
    best = ak.argmin(abs(total.mass - 172.5), axis=1, keepdims=True)
    tag = np.maximum(np.maximum(a.btag, b.btag), c.btag)
    return {"q6.pt": ak.flatten(total[best].pt), "q6.btag": ak.flatten(tag[best])}


def q7(events: Any) -> dict[str, Any]:
    jets = events.Jet[events.Jet.pt > 30]
    for leptons in (events.Muon, events.Electron):
        near, lepton = ak.unzip(ak.cartesian([jets, leptons[leptons.pt > 10]], nested=True))
        apart = np.hypot(near.eta - lepton.eta, (near.phi - lepton.phi + np.pi) % (2 * np.pi) - np.pi)
        jets = jets[ak.all(apart >= 0.4, axis=2)]
    return {"q7.ht": ak.sum(jets.pt[ak.num(jets) > 0], axis=1)}


def q8(events: Any) -> dict[str, Any]:
    three = ak.num(events.Muon) + ak.num(events.Electron) >= 3
    both = [
        ak.zip({f: getattr(c[three], f) for f in _LEPTON} | {"kind": ak.full_like(c.charge[three], i)})
        for i, c in enumerate((events.Muon, events.Electron))
    ]
    leptons, met = ak.with_name(ak.concatenate(both, axis=1), "Momentum4D"), events.MET[three]
    i, j = ak.unzip(ak.argcombinations(leptons, 2))
    a, b = leptons[i], leptons[j]
    same = (a.charge != b.charge) & (a.kind == b.kind)
    i, j, mass = i[same], j[same], (a[same] + b[same]).mass
    some = ak.num(mass) > 0
    i, j, mass, leptons, met = i[some], j[some], mass[some], leptons[some], met[some]
    best = ak.argmin(abs(mass - 91.2), axis=1, keepdims=True)
    places = ak.local_index(leptons)
    others = leptons[(places != ak.flatten(i[best])) & (places != ak.flatten(j[best]))]
    third = ak.flatten(others[ak.argmax(others.pt, axis=1, keepdims=True)])
    return {"q8.mt": np.sqrt(2 * met.pt * third.pt * (1 - np.cos(met.phi - third.phi)))}


QUERIES: dict[str, Callable[[Any], dict[str, Any]]] = {"q5": q5, "q6": q6, "q7": q7, "q8": q8}


def of_coffea(path: Path, query: str) -> Iterator[Any]:
    """NanoEvents that read what is used. Raises ImportError."""
    from coffea.nanoevents import NanoAODSchema, NanoEventsFactory

    class Schema(NanoAODSchema):  # type: ignore[misc]
        """Of files without numbers of events."""

        error_missing_event_ids, warn_missing_crossrefs = False, False

    with uproot.open(path) as file:
        events = file["Events"].num_entries
    for begin in range(0, events, STEP):
        yield NanoEventsFactory.from_root(
            {str(path): "Events"}, schemaclass=Schema, mode="virtual", entry_start=begin,
            entry_stop=min(begin + STEP, events),
        ).events()  # fmt: skip


def of_uproot(path: Path, query: str) -> Iterator[Any]:
    """Collections with the fields that the query reads."""
    fields = FIELDS[query]
    columns = [f"{name}_{field}" for name, of in fields.items() for field in of]
    with uproot.open(path) as file:
        for chunk in file["Events"].iterate(columns, step_size=STEP):
            yield SimpleNamespace(
                **{name: _zipped({f: chunk[f"{name}_{f}"] for f in of}) for name, of in fields.items()}
            )


def _zipped(fields: Mapping[str, Any]) -> Any:
    return ak.zip(fields, with_name="Momentum4D" if {"pt", "eta", "phi", "mass"} <= set(fields) else None)


def run(path: Path, query: str, source: Callable[[Path, str], Iterator[Any]]) -> Mapping[str, Any]:
    """Counts of each histogram, with underflow and overflow."""
    import hist
    import vector

    vector.register_awkward()
    made: dict[str, Any] = {}
    for events in source(path, query):
        for name, values in QUERIES[query](events).items():
            if name not in made:
                made[name] = hist.Hist(hist.axis.Regular(100, *BINS[name]))
            made[name].fill(ak.to_numpy(values))
    return {name: histogram.values(flow=True) for name, histogram in made.items()}
