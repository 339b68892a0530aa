# SPDX-License-Identifier: Apache-2.0
"""Compiled models in analyses: of events, of chosen objects, of lists in objects; each against NumPy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

from hepq.compiler.backends.analysis import compiled
from hepq.compiler.driver.analysis import build_analysis
from hepq.compiler.driver.compilation import Compilation
from hepq.core.diagnostics.diagnostic import Sink
from hepq.core.diagnostics.render import render_text
from hepq.core.errors import DataError
from hepq.lang.checker import check
from hepq.lang.modules import load
from hepq.runtime.analysis.engine import Options, run
from hepq.runtime.analysis.program import Compiled
from hepq.runtime.analysis.results import Result

OF_EVENTS = """
dim part <= 16
dim cls = [low, high]
model Shape(pt: GeV[part], eta: real[part], met: GeV) -> real[cls] {
  wide = sum(pt * abs(eta), over=part) / 100 GeV
  return stack(wide, met / 100 GeV)
}
"""
OF_JETS = "model Central(pt: GeV, eta: real) -> real = pt / (100 GeV * (1 + eta * eta))\n"
ANALYSIS = """
collection Jet = "Jet_*" {
  pt: GeV
  eta: real
}
collection Cand of Jet = "Cand_*" {
  Jet: index of Jet
  pt: GeV
  eta: real
}
record MET = "MET_*" { pt: GeV }

analysis Models {
  source top = mc("top.root", xsec=1 pb)
  object jet = Jet where Jet.pt > 30 GeV by Jet.pt desc
  central = artifact("central.hepqx")
  shape = artifact("shape.hepqx")
  one = central(pt=jet.pt, eta=jet.eta)
  again = central(pt=jet.pt, eta=jet.eta)
  of_event = shape(pt=jet.pt, eta=jet.eta, met=MET.pt)
  of_jet = shape(each=Jet, pt=Cand.pt, eta=Cand.eta, met=MET.pt)
  low = if of_jet.low >= 0 then of_jet.low else 0
  deep = central(pt=100 GeV * low, eta=if of_jet.high >= 0 then of_jet.high else 0)
  vary jes { up { Jet.pt = 1.5 * Jet.pt } }
  vary model { up { central = artifact("other.hepqx") } }
  hist one = one in bins(20, 0, 2)
  hist sum = one + again in bins(20, 0, 4)
  hist wide = of_event.low in bins(20, 0, 4)
  hist met = of_event.high in bins(20, 0, 4)
  hist jets = of_jet.low[jet] in bins(20, 0, 4)
  hist deep = deep in bins(20, 0, 4)
  region tight {
    cut wide = of_event.low > 0.5
    hist best = max(one, over=jet) in bins(20, 0, 2)
  }
}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("models")
    other = OF_JETS.replace("1 + eta * eta", "2 + eta * eta")
    for name, text in (("shape", OF_EVENTS), ("central", OF_JETS), ("other", other)):
        (made / f"{name}.hepq").write_text(text)
        Compilation(made / f"{name}.hepq").write(made / f"{name}.hepqx")
    (made / "analysis.hepq").write_text(ANALYSIS)
    with uproot.recreate(made / "top.root") as file:
        file["Events"] = {name: ak.Array([e[name] for e in EVENTS]) for name in EVENTS[0]}
    return made


def _event(rng: np.random.Generator) -> dict[str, Any]:
    jets = int(rng.integers(0, 5))
    owner = np.repeat(np.arange(jets), rng.integers(0, 4, jets))
    return {
        "Jet_pt": rng.exponential(60, jets), "Jet_eta": rng.normal(0, 1, jets), "MET_pt": rng.exponential(60),
        "Cand_Jet": owner.astype(np.int32), "Cand_pt": rng.exponential(30, len(owner)),
        "Cand_eta": rng.normal(0, 1, len(owner)),
    }  # fmt: skip


_RNG = np.random.default_rng(3)
EVENTS = [_event(_RNG) for _ in range(120)]


def built(path: Path) -> Compiled:
    sink = Sink()
    program = load(path, None, sink)
    check(program, sink)
    assert not sink.items, render_text(sink.items)
    analysis, modules = build_analysis(program, sink)
    return compiled(analysis, modules)


@pytest.fixture(scope="module")
def result(folder: Path) -> Result:
    code = Compiled.from_bytes(built(folder / "analysis.hepq").to_bytes())
    whole, parts = (run(code, Options(folder=folder, chunk=chunk)).result for chunk in (None, 7))
    assert whole.read["top"].sums.to_bytes() == parts.read["top"].sums.to_bytes()
    return whole


def central(pt: Any, eta: Any, least: float = 1) -> Any:
    return pt / (100 * (least + eta**2))


def close_to(found: Any, values: list[float], low: float, high: float) -> None:
    """Single precision moves few of them to the next bin."""
    expected = np.histogram(np.clip(values, low - 1, high + 1), [low - 2, *np.linspace(low, high, 21), high + 2])[0]
    assert np.abs(found - expected).sum() <= 2
    assert found.sum() == expected.sum() == len(values) > 20


@pytest.mark.parametrize(("variation", "scale", "least"), [("nominal", 1, 1), ("jes_up", 1.5, 1), ("model_up", 1, 2)])
def test_scores_are_those_of_the_formulas(result: Result, variation: str, scale: float, least: float) -> None:
    found: dict[str, list[float]] = {n: [] for n in ("one", "sum", "wide", "met", "jets", "deep", "best")}
    for e in EVENTS:
        pt, eta = scale * e["Jet_pt"], e["Jet_eta"]
        chosen = pt > 30
        ones = central(pt[chosen], eta[chosen], least)
        wide = (pt[chosen] * np.abs(eta[chosen])).sum() / 100
        lows = [(e["Cand_pt"] * np.abs(e["Cand_eta"]))[e["Cand_Jet"] == i].sum() / 100 for i in range(len(pt))]
        found["one"] += ones.tolist()
        found["sum"] += (2 * ones).tolist()
        found["wide"].append(wide)
        found["met"].append(e["MET_pt"] / 100 if chosen.any() else 99)  # of no entry the model gives NaN
        found["jets"] += np.array(lows)[chosen].tolist()
        there = [i in e["Cand_Jet"] for i in range(len(pt))]
        found["deep"] += [
            central(100 * v, e["MET_pt"] / 100 if any_ else 0, least) for v, any_ in zip(lows, there, strict=True)
        ]
        if wide > 0.5:
            found["best"].append(ones.max())
    for name, (low, high) in {"one": (0, 2), "sum": (0, 4), "met": (0, 4), "deep": (0, 4)}.items():
        close_to(result.cells(name, "top", variation).entries, found[name], low, high)
    close_to(result.cells("tight.best", "top", variation).entries, found["best"], 0, 2)
    for name in ("wide", "jets"):
        entries = result.cells(name, "top", variation).entries
        some = [v for v in found[name] if v > 0]
        expected = np.histogram(some, np.linspace(0, 4, 21))[0]
        assert np.abs(entries[1:-1] - expected).sum() <= 3
        assert entries.sum() == len(found[name])


def test_equal_calls_are_one(folder: Path) -> None:
    program = built(folder / "analysis.hepq").analysis.programs["mc"]
    first, second = program.models
    calls = [(Path(c.path).name, c.each) for c in (*first.calls, *second.calls)]
    # nominal and with other jets; the model that another one is applied to is the same with other jets
    assert sorted(calls[: len(first.calls)]) == [
        ("central.hepqx", "jet"), ("central.hepqx", "jet1"), ("other.hepqx", "jet"),
        ("shape.hepqx", ""), ("shape.hepqx", ""), ("shape.hepqx", "Jet"),
    ]  # fmt: skip
    assert [name for name, _ in calls[len(first.calls) :]] == ["central.hepqx", "other.hepqx"]


def test_a_model_that_was_replaced_is_noticed(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    code = built(tmp_path / "analysis.hepq")
    (tmp_path / "central.hepqx").write_bytes((folder / "other.hepqx").read_bytes())
    with pytest.raises(DataError) as caught:
        run(code, Options(folder=tmp_path))
    assert "HQ0957" in str(caught.value)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('x = artifact("nothing.hepqx")', "HQ0938"),
        ('x = artifact("top.root")', "HQ0938"),
        ("x = artifact(3)", "HQ0404"),
        ("x = central(pt=jet.pt)", "HQ0939"),
        ("x = central(pt=jet.pt, eta=jet.eta, mass=1)", "HQ0939"),
        ("x = central(jet.pt, jet.eta)", "HQ0939"),
        ("x = central(pt=jet.pt, eta=MET.pt)", "HQ0302"),
        ("x = central(pt=1 GeV, eta=jet.eta, each=Cand)", "HQ0939"),
        ("x = shape(each=Jet, pt=jet.pt, eta=jet.eta, met=MET.pt)", "HQ0671"),
        ("x = shape(pt=MET.pt, eta=jet.eta, met=MET.pt)", "HQ0939"),
        ("pair = combinations(Jet, 2)", ""),
        ("object pair = combinations(Jet, 2) as a, b x = central(pt=pair.a.pt, eta=pair.a.eta)", "HQ0939"),
    ],
)
def test_mistakes_are_told(folder: Path, line: str, code: str) -> None:
    sink = Sink()
    check(load(folder / "wrong.hepq", ANALYSIS.replace("  hist one", f"  {line}\n  hist one"), sink), sink)
    assert [d.code for d in sink.items] == ([code] if code else []), render_text(sink.items)


FEW = """
dim part <= 2
dataset Few {
  source x = root("x.root")
  branch pt: GeV[part]
  order part by pt desc
  input pt = pt
}
model Leading(pt: GeV[part]) -> real = sum(pt, over=part) / 100 GeV
"""


def test_what_a_model_leaves_out_is_counted_and_said(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "few.hepq").write_text(FEW)
    Compilation(tmp_path / "few.hepq").write(tmp_path / "few.hepqx")
    (tmp_path / "top.root").write_bytes((folder / "top.root").read_bytes())
    head = ANALYSIS[: ANALYSIS.index("analysis Models")]
    (tmp_path / "analysis.hepq").write_text(f"""{head}
analysis Few {{
  source top = mc("top.root", xsec=1 pb)
  few = artifact("few.hepqx")
  hist two = few(pt=Jet.pt) in bins(20, 0, 4)
}}
""")
    made = run(built(tmp_path / "analysis.hepq"), Options(folder=tmp_path, chunk=50))
    cut = sum(max(len(e["Jet_pt"]) - 2, 0) for e in EVENTS)
    empty = sum(len(e["Jet_pt"]) == 0 for e in EVENTS)
    assert made.result.left_out("top") == {
        "few.hepqx: entries of part beyond its bound, cut": cut, "few.hepqx: NaN, since there is no entry": empty,
    }  # fmt: skip
    assert any("beyond its bound" in note and f"{cut:,} times in top" in note for note in made.notes)
    close_to(made.result.cells("two", "top").entries,
             [np.sort(e["Jet_pt"])[-2:].sum() / 100 if len(e["Jet_pt"]) else 99 for e in EVENTS], 0, 4)  # fmt: skip
