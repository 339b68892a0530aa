# SPDX-License-Identifier: Apache-2.0
"""What a dataset with objects makes of the events of a file, and the same by awkward, in double precision."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot
from numpy.typing import NDArray

from hepq.compiler.driver.compilation import Compilation
from hepq.compiler.driver.options import Options
from hepq.runtime.events import event_files

Arrays = dict[str, NDArray[Any]]
SHARED = Path("/work/shared")
#: real files, by a short name: where they are, and the tree
FILES = {
    "nano": (SHARED / "data/nano/nanoAOD_2015_CMS_Open_Data_ttbar.root", "Events"),
    "dimuon": (SHARED / "analysis/data/nano_dimuon.root", "Events"),
    "hzz": (SHARED / "analysis/data/uproot-HZZ-objects.root", "events"),
    "physlite": (SHARED / "analysis/data/PHYSLITE_example.root", "CollectionTree"),
    "delphes": (SHARED / "analysis/data/delphes.root", "Delphes"),
    "rntuple": (SHARED / "analysis/data/Run2012BC_DoubleMuParked_Muons_1000evts_rntuple.root", "Events"),
}


def nano_file(path: Path, events: int = 300, seed: int = 0) -> Path:
    """A tree of made-up events with NanoAOD's names: leptons, jets, fat jets with candidates, missing momentum."""
    rng = np.random.default_rng(seed)
    counts = {name: rng.poisson(mean, events) for name, mean in (("Muon", 1.6), ("Electron", 0.9), ("Jet", 4.0))}
    counts |= {"FatJet": rng.poisson(1.0, events), "PFCands": rng.poisson(12.0, events)}
    tree: dict[str, Any] = {}
    for name, n in counts.items():
        total = int(n.sum())
        values: dict[str, NDArray[Any]] = {
            "pt": rng.exponential(30, total) + 5, "eta": rng.normal(0, 1.3, total),
            "phi": rng.uniform(-np.pi, np.pi, total), "mass": rng.uniform(0, 8 if "Jet" in name else 0.2, total),
        }  # fmt: skip
        values = {k: v.astype(np.float32) for k, v in values.items()}
        if name != "FatJet":
            values["charge" if name != "Jet" else "jetId"] = rng.choice([-1, 1], total).astype(np.int32)
        if name == "Jet":
            values["btagCSVV2"] = rng.uniform(0, 1, total).astype(np.float32)
            for lepton in ("muon", "electron"):
                values[f"{lepton}Idx1"] = _numbers(rng, counts[lepton.title()], n)
        tree[name] = ak.zip({k: ak.unflatten(v, n) for k, v in values.items()})
    lists = counts["FatJet"] * 3
    places = np.repeat(np.arange(events), counts["FatJet"])
    starts = np.searchsorted(places, places)
    of = {"jetIdx": np.repeat((np.arange(len(places)) - starts).astype(np.int32), 3)}
    of["pFCandsIdx"] = np.maximum(_numbers(rng, np.maximum(counts["PFCands"], 1), lists), 0)
    keep = np.repeat(counts["PFCands"] > 0, lists)
    lists = np.where(counts["PFCands"] > 0, lists, 0)
    tree["FatJetPFCands"] = ak.zip({k: ak.unflatten(v[keep], lists) for k, v in of.items()})
    tree |= {"MET_pt": rng.exponential(40, events).astype(np.float32)}
    tree |= {
        "MET_phi": rng.uniform(-np.pi, np.pi, events).astype(np.float32),
        "event": np.arange(events) + 3_000_000_000,
    }
    return write(path, "Events", tree)


def write(path: Path, name: str, columns: dict[str, Any]) -> Path:
    """A TTree of ``columns``."""
    with uproot.recreate(path) as file:
        file.mktree(name, {k: v.type if isinstance(v, ak.Array) else v.dtype for k, v in columns.items()})
        file[name].extend(columns)
    return path


def _numbers(rng: np.random.Generator, theirs: NDArray[Any], mine: NDArray[Any]) -> NDArray[Any]:
    """Of each of ``mine``, one of ``theirs`` in its event, or -1."""
    return np.asarray(rng.integers(-1, np.repeat(theirs, mine)), np.int32)


def program(imports: str, items: str, declared: str = "") -> str:
    """A program with a dataset of ``items``, and a model of the sum of its inputs, each one number of the event."""
    names = re.findall(r"^\s*input (\w+) =", items, re.MULTILINE)
    parameters = ", ".join(f"{n}: real" for n in names)
    source = '  source s = root("x.root")\n'
    model = f"model M({parameters}) -> real = {' + '.join(names)}\n"
    return f"{imports}\n{declared}\ndataset D {{\n{source}{items}\n}}\n{model}"


def made(folder: Path, text: str, path: Path, tree: str | None, step: int | str = "32 MB") -> Arrays:
    """Every input of the program's model, [events], in float64, as the compiled dataset makes it of a file."""
    (folder / "m.hepq").write_text(text)
    code = Compilation(folder / "m.hepq", Options()).check().events
    assert code is not None
    [source] = event_files.find(path, tree)
    chunks = [
        code.reader(c.events, str(source), c.first).contents
        for c in event_files.iterate(source, set(code.stage.files()), step)
    ]
    return {name: np.concatenate([np.asarray(c[name], np.float64) for c in chunks]) for name in chunks[0]}


def read(path: Path, tree: str, *names: str) -> Any:
    """Branches of a file, in double precision."""
    with uproot.open(path) as file:
        found = {n: file[tree][n].array() for n in names}
    return {n: ak.values_astype(a, "float64") if not a.fields else a for n, a in found.items()}


def vectors(pt: Any, eta: Any, phi: Any, mass: Any) -> Any:
    """Records of px, py, pz, energy."""
    energy = np.sqrt((pt * np.cosh(eta)) ** 2 + mass**2)
    return ak.zip({"x": pt * np.cos(phi), "y": pt * np.sin(phi), "z": pt * np.sinh(eta), "e": energy + 0 * pt})


def invariant(*parts: Any) -> Any:
    """The mass of the sum of four-vectors."""
    x, y, z, e = (sum(p[k] for p in parts) for k in "xyze")
    return np.sqrt(np.maximum((e - z) * (e + z) - x * x - y * y, 0))


def separation(a: Any, b: Any) -> Any:
    """ΔR of records of eta and phi."""
    turn = (a.phi - b.phi + np.pi) % (2 * np.pi) - np.pi
    return np.hypot(a.eta - b.eta, turn)


def nearest(values: Any, to: float) -> Any:
    """Of each event, that of ``values`` nearest to a number; -1 if there is none."""
    best = ak.argmin(abs(values - to), axis=1, keepdims=True)
    return ak.fill_none(ak.firsts(values[best]), -1.0)


def first_by(pt: Any, value: Any) -> Any:
    """``value`` of the entry with the largest ``pt``; -1 if there is none."""
    return ak.fill_none(ak.firsts(value[ak.argmax(pt, axis=1, keepdims=True)]), -1.0)


def same(found: Arrays, expected: dict[str, Any], whole: tuple[str, ...] = ()) -> None:
    """Equal to 1e-6, and to the last bit where ``whole`` numbers are; and not all the same number."""
    assert set(found) == set(expected)
    for name, value in expected.items():
        wanted = np.asarray(ak.to_numpy(value), np.float64)
        np.testing.assert_allclose(found[name], wanted, rtol=0 if name in whole else 1e-6, atol=0, err_msg=name)


def edm4hep_file(path: Path, events: int = 60, seed: int = 0) -> Path:
    """A tree of made-up events with the names of FCC's EDM4hep files."""
    rng = np.random.default_rng(seed)
    many, true, jets = rng.poisson(7, events) + 2, rng.poisson(9, events) + 2, rng.poisson(1.5, events)
    tree = _moving(rng, "ReconstructedParticles", many) | _moving(rng, "Particle", true) | _moving(rng, "Jet", jets)
    del tree["Particle.energy"]
    muons = rng.poisson(2.0, events)
    tree["Muon_objIdx.index"] = _places(rng, many, muons)
    tree |= {
        f"MissingET.momentum.{k}": ak.from_regular(rng.normal(0, 20, (events, 1)).astype(np.float32)) for k in "xyz"
    }
    for parents, name, begin, list_, into in (
        (jets, "Jet", "particles", "_Jet_particles.index", many),
        (true, "Particle", "parents", "_Particle_parents.index", true),
    ):
        lengths = rng.integers(0, 4, int(parents.sum()))
        by_event = ak.unflatten(lengths, parents)
        ends = ak.from_iter([np.cumsum(row).tolist() for row in by_event.tolist()])
        tree[f"{name}.{begin}_end"] = ak.values_astype(ends, "uint32")
        tree[f"{name}.{begin}_begin"] = ak.values_astype(ends - by_event, "uint32")
        tree[list_] = _places(rng, into, np.asarray(ak.sum(by_event, axis=1)))
    pairs = rng.poisson(3.0, events)
    tree |= {f"_MCRecoAssociations_{k}.index": _places(rng, n, pairs) for k, n in (("rec", many), ("sim", true))}
    return write(path, "events", tree)


def _moving(rng: np.random.Generator, name: str, counts: NDArray[Any]) -> dict[str, Any]:
    total = int(counts.sum())
    p = rng.normal(0, 25, (3, total))
    mass = rng.choice([0.000511, 0.10566, 0.13957], total)
    columns = {f"momentum.{k}": v for k, v in zip("xyz", p, strict=True)} | {"mass": mass}
    columns |= {"energy": np.sqrt((p**2).sum(axis=0) + mass**2), "charge": rng.choice([-1.0, 1.0], total)}
    return {f"{name}.{k}": ak.unflatten(v.astype(np.float32), counts) for k, v in columns.items()}


def _places(rng: np.random.Generator, theirs: NDArray[Any], mine: NDArray[Any]) -> Any:
    return ak.unflatten(rng.integers(0, np.repeat(theirs, mine)).astype(np.int32), mine)
