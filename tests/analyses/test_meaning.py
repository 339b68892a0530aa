# SPDX-License-Identifier: Apache-2.0
"""What items of analyses mean, by the reference interpreter, against loops in NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hepq.compiler.driver.check import check_text
from hepq.compiler.golden.sums import Violated
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.runtime.analysis.results import Result
from tests.analyses.made import Event, made

HEAD = """
collection Jet = "Jet_*" {
  pt: GeV
  eta: real
  phi: rad
  flavour: int
}
record MET = "MET_*" {
  pt: GeV
  phi: rad
}
"""
SOURCES = """
  source run = data("run.root")
  source top = mc("top.root", xsec=2 pb, sumw="Runs:sumw")
"""


def events(n: int, seed: int = 0) -> list[Event]:
    rng = np.random.default_rng(seed)
    return [_event(rng) for _ in range(n)]


def _event(rng: np.random.Generator) -> Event:
    jets = int(rng.integers(0, 6))
    return {
        "Jet_pt": rng.exponential(40, jets), "Jet_eta": rng.normal(0, 1.5, jets),
        "Jet_phi": rng.uniform(-math.pi, math.pi, jets), "Jet_flavour": rng.choice([0, 4, 5], jets),
        "MET_pt": rng.exponential(30), "MET_phi": rng.uniform(-math.pi, math.pi), "w": rng.normal(1, 0.3),
    }  # fmt: skip


EVENTS = {"run": events(40, 1), "top": events(60, 2)}


def run(text: str, given: dict[str, list[Event]] | None = None, sources: str = SOURCES) -> Result:
    analysis = made(f"{HEAD}\nanalysis A {{\n{sources}\n{text}\n}}\n")
    known = given or EVENTS
    return analysis.run({s.name: known[s.name] for s in analysis.analysis.sources}, {"top": 50.0})


def filled(
    given: Sequence[Event], edges: NDArray[Any], values: Callable[[Event], Sequence[float]],
    weight: Callable[[Event], float] = lambda e: 1.0,
) -> NDArray[Any]:  # fmt: skip
    """Sums of weights, the underflow first."""
    cells = np.zeros(len(edges) + 1)
    for event in given:
        for value in values(event):
            cells[np.searchsorted(edges, value, side="right")] += weight(event)
    return cells


HT = np.linspace(0, 400, 21)
BINS = "bins(20, 0 GeV, 400 GeV)"


def hard(e: Event, least: float = 30) -> NDArray[Any]:
    return np.asarray(e["Jet_pt"][e["Jet_pt"] > least])


def test_cut_flow_raw_weighted_and_without_each_cut() -> None:
    found = run("""
  object jet = Jet where Jet.pt > 30 GeV
  branch w: real
  cut two = count(jet) >= 2
  weight own = w
  cut met = MET.pt > 20 GeV
  weight scale = 3
  cut central = all(abs(jet.eta) < 2, over=jet)
""")
    cuts: list[Callable[[Event], bool]] = [
        lambda e: len(hard(e)) >= 2,
        lambda e: e["MET_pt"] > 20,
        lambda e: bool((np.abs(e["Jet_eta"][e["Jet_pt"] > 30]) < 2).all()),
    ]
    weights: list[Callable[[Event], float]] = [
        lambda e: 1.0,
        lambda e: e["w"],
        lambda e: 3 * e["w"],
        lambda e: 3 * e["w"],
    ]
    for source in ("run", "top"):
        flow = found.cut_flow("", source)
        assert flow is not None
        assert [row.cut for row in flow.rows] == ["all events", "two", "met", "central"]
        for i, row in enumerate(flow.rows):
            passed = [e for e in EVENTS[source] if all(cut(e) for cut in cuts[:i])]
            weight = weights[i] if source == "top" else weights[0]
            assert row.passed.events == len(passed)
            assert row.passed.sum == pytest.approx(math.fsum(map(weight, passed)), rel=1e-13)
            if i:
                others = [e for e in EVENTS[source] if all(c(e) for j, c in enumerate(cuts) if j != i - 1)]
                last = weights[-1] if source == "top" else weights[0]
                assert row.without is not None
                assert row.without.events == len(others)
                assert row.without.sum == pytest.approx(math.fsum(map(last, others)), rel=1e-13)


def test_regions_extend_each_other_and_weights_act_below() -> None:
    found = run(f"""
  branch w: real
  hist all = MET.pt in {BINS}
  weight own = w
  region two {{
    cut two = count(Jet) >= 2
    hist met = MET.pt in {BINS}
    weight twice = 2
  }}
  region hot {{
    cut hot = MET.pt > 20 GeV
  }}
  region both extends two, hot {{
    hist met = MET.pt in {BINS}
  }}
""")

    def met(e: Event) -> list[float]:
        return [e["MET_pt"]]

    top = EVENTS["top"]
    np.testing.assert_allclose(found.cells("all", "top").values, filled(top, HT, met))
    two = [e for e in top if len(e["Jet_pt"]) >= 2]
    np.testing.assert_allclose(found.cells("two.met", "top").values, filled(two, HT, met, lambda e: e["w"]))
    both = [e for e in two if e["MET_pt"] > 20]
    np.testing.assert_allclose(found.cells("both.met", "top").values, filled(both, HT, met, lambda e: 2 * e["w"]))
    assert [cut.name for cut in found.analysis.regions[-1].cuts] == ["two", "hot"]
    data = [e for e in EVENTS["run"] if len(e["Jet_pt"]) >= 2]
    np.testing.assert_array_equal(found.cells("two.met", "run").values, filled(data, HT, met))


def test_factors_of_sources() -> None:
    found = run(f"""
  branch w: real
  weight norm = w * 100 pb^-1 * source.xsec / source.sumw
  hist met = MET.pt in {BINS}
""")
    expected = filled(EVENTS["top"], HT, lambda e: [e["MET_pt"]], lambda e: e["w"] * 100 * 2 / 50)
    np.testing.assert_allclose(found.cells("met", "top").values, expected, rtol=1e-12)


def test_variations_read_nominal_values_and_met_follows() -> None:
    found = run(f"""
  Jet.pt = 1.1 * Jet.pt
  object jet = Jet where Jet.pt > 30 GeV
  met = propagate(MET, Jet)
  scale = 2
  branch w: real
  weight own = w
  vary jes {{
    up {{ Jet.pt = 1.5 * Jet.pt }}
    down {{ Jet.pt = 0.5 * Jet.pt own = 1 / w }}
  }}
  vary other {{ up {{ scale = 1 + scale }} }}
  vary jes {{ up {{ scale = 7 }} }}
  vary idle {{ up {{ scale = 2 }} }}
  hist ht = sum(jet.pt, over=jet) in {BINS}
  hist miss = met.pt in {BINS}
  hist scaled = scale * MET.pt in {BINS}
""", sources=SOURCES.replace(SOURCES.splitlines()[1], ""))  # fmt: skip
    assert found.analysis.variations == ("jes_up", "jes_down", "other_up", "idle_up")
    assert found.unchanging() == ("idle_up",)
    assert found.varied("ht", "top") == ("jes_up", "jes_down")
    assert found.varied("scaled", "top") == ("jes_up", "jes_down", "other_up")
    top = EVENTS["top"]
    # right sides read the nominal value, 1.1 times the file's
    for variation, factor, scale in (
        ("nominal", 1.1, 2),
        ("jes_up", 1.65, 7),
        ("jes_down", 0.55, 2),
        ("other_up", 1.1, 3),
    ):
        weight: Callable[[Event], float] = (lambda e: 1 / e["w"]) if variation == "jes_down" else (lambda e: e["w"])

        def ht(e: Event, factor: float = factor) -> list[float]:
            pt = factor * e["Jet_pt"]
            return [pt[pt > 30].sum()]

        def miss(e: Event, factor: float = factor) -> list[float]:
            x, y = (
                e["MET_pt"] * f(e["MET_phi"]) - ((factor - 1) * e["Jet_pt"] * f(e["Jet_phi"])).sum()
                for f in (np.cos, np.sin)
            )
            return [float(np.hypot(x, y))]

        for name, values in (("ht", ht), ("miss", miss), ("scaled", lambda e, scale=scale: [scale * e["MET_pt"]])):
            expected = filled(top, HT, values, weight)
            np.testing.assert_allclose(found.cells(name, "top", variation).values, expected, rtol=1e-12, atol=1e-12)


def test_what_a_cut_guards_is_absent_without_it() -> None:
    found = run(f"""
  cut three = count(Jet) >= 3
  cut third = Jet.pt[Jet[2]] > 20 GeV
  cut met = MET.pt > 20 GeV
  hist pt = Jet[2].pt in {BINS}
""".replace("Jet.pt[Jet[2]]", "Jet[2].pt"))  # fmt: skip
    run_ = EVENTS["run"]
    flow = found.cut_flow("", "run")
    assert flow is not None
    three, third, met = flow.rows[1:]
    passed = [e for e in run_ if len(e["Jet_pt"]) >= 3 and e["Jet_pt"][2] > 20]
    assert third.passed.events == len(passed)
    # without `three` the third jet is not there: the cut on it fails
    assert three.without is not None
    assert three.without.events == len([e for e in passed if e["MET_pt"] > 20])
    assert three.absent == len([e for e in run_ if len(e["Jet_pt"]) < 3])
    assert met.without is not None
    assert met.without.events == len(passed)
    expected = filled([e for e in passed if e["MET_pt"] > 20], HT, lambda e: [e["Jet_pt"][2]])
    np.testing.assert_array_equal(found.cells("pt", "run").values, expected)


def test_absent_values_are_not_filled_and_entries_are_filled_once_each() -> None:
    found = run(f"""
  object jet = Jet where Jet.pt > 30 GeV by Jet.pt desc
  hist lead = jet[0].pt in {BINS}
  hist pt[weight=1 / (1 + jet.eta^2)] = jet.pt in {BINS}, jet.eta in bins([-2, 0, 1]) per jet.flavour == 5
""")
    run_ = EVENTS["run"]
    expected = filled(run_, HT, lambda e: [hard(e).max()] if len(hard(e)) else [])
    np.testing.assert_array_equal(found.cells("lead", "run").values, expected)
    cells = np.zeros((22, 4, 2))
    for e in run_:
        for pt, eta, flavour in zip(e["Jet_pt"], e["Jet_eta"], e["Jet_flavour"], strict=True):
            if pt > 30:
                place = np.searchsorted(HT, pt, side="right"), np.searchsorted([-2, 0, 1], eta, side="right")
                cells[(*place, int(flavour == 5))] += 1 / (1 + eta**2)
    np.testing.assert_allclose(found.cells("pt", "run").values, cells, rtol=1e-12)


def test_categories_and_events_in_none_of_them() -> None:
    text = f"""
  cut some = count(Jet) >= 1
  channel = (few=count(Jet) < 3, many=count(Jet) < LIMIT)
  hist met = MET.pt in {BINS} per channel
"""
    found = run(text.replace("LIMIT", "99"))
    axis = found.analysis.histograms[0].axes[1]
    assert (axis.name, axis.kind, axis.entries) == ("channel", "category", ("few", "many"))
    for i, wanted in enumerate((range(1, 3), range(3, 99))):
        chosen = [e for e in EVENTS["run"] if len(e["Jet_pt"]) in wanted]
        np.testing.assert_array_equal(
            found.cells("met", "run").values[:, i], filled(chosen, HT, lambda e: [e["MET_pt"]])
        )
    with pytest.raises(Violated):
        run(text.replace("LIMIT", "5"))


def test_disjoint_regions_are_checked_on_every_event() -> None:
    text = """
  region low { cut low = MET.pt < LIMIT GeV }
  region high { cut high = MET.pt >= 30 GeV }
"""
    analysis = made(f"{HEAD}@disjoint(low, high)\nanalysis A {{{SOURCES}{text.replace('LIMIT', '30')}}}")
    analysis.run(EVENTS)
    overlapping = made(f"{HEAD}@disjoint(low, high)\nanalysis A {{{SOURCES}{text.replace('LIMIT', '40')}}}")
    assert list(overlapping.analysis.programs["data"].checks.values()) == ["no event is in both low and high"]
    with pytest.raises(Violated):
        overlapping.run(EVENTS)


def test_cuts_of_disjoint_regions_may_have_one_name() -> None:
    text = """
  region low { cut met = MET.pt < 30 GeV }
  region high { cut met = MET.pt >= 30 GeV }
"""
    made(f"{HEAD}@disjoint(low, high)\nanalysis A {{{SOURCES}{text}}}").run(EVENTS)
    with pytest.raises(HepqError, match="HQ0922"):
        made(f"{HEAD}@disjoint(low, high)\nanalysis A {{{SOURCES}{text.replace('>=', '<')}}}")


@pytest.mark.parametrize("names", ["base, signal", "signal, base"])
def test_a_region_within_another_is_not_disjoint_of_it(names: str) -> None:
    text = """
  region base { cut low = MET.pt < 30 GeV }
  region signal extends base { cut high = MET.pt >= 10 GeV }
"""
    (found,) = check_text(f"{HEAD}@disjoint({names})\nanalysis A {{{SOURCES}{text}}}")
    assert found.code == "HQ0922"
    assert "all events of `signal` are in `base`" in found.title


def test_the_share_of_a_cut_with_which_a_weight_comes_is_of_numbers() -> None:
    found = run("""
  cut two = count(Jet) >= 2
  weight w = 0.01
  cut met = MET.pt > 20 GeV
""")
    flow = found.cut_flow("", "top")
    assert flow is not None
    all_events, two, met = flow.rows
    assert two.passed.sum == pytest.approx(0.01 * two.passed.events)
    assert two.share == two.passed.events / all_events.passed.events
    assert met.share == pytest.approx(met.passed.sum / two.passed.sum)


def test_not_a_number_in_a_cut_is_counted_and_fails_it() -> None:
    given: list[Event] = [dict(e) for e in EVENTS["run"]]
    for i in (3, 5, 8):
        given[i] = {**given[i], "MET_pt": math.nan}
    found = run("""
  cut two = count(Jet) >= 2
  cut met = MET.pt > 20 GeV
""", {"run": given, "top": EVENTS["top"]})  # fmt: skip
    flow = found.cut_flow("", "run")
    assert flow is not None
    assert flow.rows[1].nan == 0
    assert flow.rows[2].nan == len([i for i in (3, 5, 8) if len(given[i]["Jet_pt"]) >= 2]) > 0
    assert flow.rows[2].passed.events == len([e for e in given if len(e["Jet_pt"]) >= 2 and e["MET_pt"] > 20])


def test_marks_and_loops() -> None:
    found = run(f"""
  @mc cut truth = any(Jet.flavour == 5, over=Jet)
  @data cut quality = MET.phi > 0
  for i in 0..3 {{
    low = 20 GeV * i
    hist jets[i] = count(Jet) in integers(0, 7)
    region above[i] {{
      cut met = MET.pt > low
      hist ht = sum(Jet.pt, over=Jet) in {BINS}
    }}
  }}
""")
    chosen = {
        "run": [e for e in EVENTS["run"] if e["MET_phi"] > 0],
        "top": [e for e in EVENTS["top"] if (e["Jet_flavour"] == 5).any()],
    }
    for source, given in chosen.items():
        for i in range(3):
            above = [e for e in given if e["MET_pt"] > 20 * i]
            expected = filled(above, HT, lambda e: [e["Jet_pt"].sum()])
            np.testing.assert_array_equal(found.cells(f"above_{i}.ht", source).values, expected)
            assert found.cells(f"jets_{i}", source).values.sum() == len(given)


def test_noise_is_of_the_event_and_the_entry() -> None:
    text = """
  noise smear: real[Jet] ~ normal(1, 0.1)
  object jet = Jet where Jet.eta > 0
  noise own: real[jet] ~ normal(1, 0.1)
  noise shift: real ~ uniform(0, 1)
  hist all = smear in bins(200, 0, 2)
  hist same = own - own in bins(2, -1, 1)
  hist flat = shift in bins(10, 0, 1)
"""
    sources = '  source top = mc("top.root", xsec=2 pb)\n'
    given = {"top": events(400, 5)}
    found, again = run(text, given, sources), run(text, given, sources)
    assert (found.cells("all", "top").values == again.cells("all", "top").values).all()
    centres = np.arange(0.005, 2, 0.01)
    counts = found.cells("all", "top").values[1:-1]
    mean = (counts * centres).sum() / counts.sum()
    assert mean == pytest.approx(1, abs=4 * 0.1 / math.sqrt(counts.sum()))
    assert counts[90:110].sum() / counts.sum() == pytest.approx(math.erf(1 / math.sqrt(2)), abs=0.06)
    assert found.cells("flat", "top").values[1:-1].min() > 10
    assert found.analysis.programs["mc"].key is not None


def test_skims_have_columns_of_events_that_pass() -> None:
    found = made(f"""{HEAD}
analysis A {{{SOURCES}
  object jet = Jet where Jet.pt > 30 GeV by Jet.pt desc
  cut some = exists(jet)
  save jets = lead=jet[0].pt, pt=jet.pt, n=count(jet)
}}""").analysis
    saved = found.programs["data"].saves["nominal"]["jets"]
    assert [(c, o.elem, o.dim) for c, o in saved.columns.items()] == [
        ("lead", "real", ""),
        ("pt", "real", "jet"),
        ("n", "int", ""),
    ]


def test_outputs_of_skims_are_not_those_of_fills() -> None:
    """Outputs that are added up are not handed out; an event is in a skim where histograms below it are filled."""
    analysis = made(f"""{HEAD}
analysis A {{{SOURCES}
  cut some = exists(Jet)
  hist met = MET.pt in {BINS}
  save all = met=MET.pt
}}""")
    module, saved = analysis.modules["data"], analysis.analysis.programs["data"].saves["nominal"]["all"]
    filled = {name for fill in module.fills for name in fill.outputs}
    assert saved.passed not in filled
    assert saved.passed in module.outputs
    assert module.within == {column.name: saved.passed for column in saved.columns.values()}


def test_text_is_varied_by_text_alone() -> None:
    text = (
        HEAD
        + """
analysis A {
  source top = mc("top.root", xsec=2 pb)
  side = "central"
  vary shift { up { side = GIVEN } }
  hist met = MET.pt in bins(10, 0 GeV, 100 GeV)
}
"""
    )
    assert made(text.replace("GIVEN", '"up"')).analysis.variations == ("shift_up",)
    with pytest.raises(AssertionError, match="HQ0911"):
        made(text.replace("GIVEN", "2"))


def test_functions_of_objects_take_the_values_that_these_have() -> None:
    """No four-vector is built, and taken apart again, for an angle between objects that say their eta and phi."""
    head = HEAD.replace("  phi: rad\n  flavour", "  phi: rad\n  mass: GeV\n  flavour", 1)
    text = f"""{head}
analysis A {{{SOURCES}
  object hard = Jet where Jet.pt > 30 GeV
  object soft = Jet where Jet.pt <= 30 GeV
  hist near = min(deltaR(hard, soft), over=soft) in bins(20, 0, 5)
  object scaled = hard where pt(hard) > 40 GeV and mass(hard) < 10 GeV
  hist pt = scaled.pt in {BINS}
}}"""
    analysis = made(text)
    assert not {"sinh", "asinh", "atan2"} & {n.op for n in analysis.modules["data"].walk()}
    given = {s: [{**e, "Jet_mass": np.full(len(e["Jet_pt"]), 5.0)} for e in found] for s, found in EVENTS.items()}
    found = analysis.run(given, {"top": 50.0})

    def near(e: Event) -> list[float]:
        pt, eta, phi = e["Jet_pt"], e["Jet_eta"], e["Jet_phi"]
        pairs = [[(i, j) for j in np.flatnonzero(pt <= 30)] for i in np.flatnonzero(pt > 30)]
        apart = [
            [np.hypot(eta[i] - eta[j], (phi[i] - phi[j] + np.pi) % (2 * np.pi) - np.pi) for i, j in p] for p in pairs
        ]
        return [min(values) for values in apart if values]

    np.testing.assert_array_equal(found.cells("near", "run").values, filled(EVENTS["run"], np.linspace(0, 5, 21), near))
    expected = filled(EVENTS["run"], HT, lambda e: hard(e, 40).tolist())
    np.testing.assert_array_equal(found.cells("pt", "run").values, expected)


def test_whole_numbers_are_varied_by_any_number() -> None:
    found = run(f"""
  scale = 1
  vary scale {{ up {{ scale = 1.5 }} }}
  hist met = scale * MET.pt in {BINS}
""")
    for variation, factor in (("nominal", 1.0), ("scale_up", 1.5)):
        expected = filled([{**e, "MET_pt": factor * e["MET_pt"]} for e in EVENTS["top"]], HT, lambda e: [e["MET_pt"]])
        np.testing.assert_array_equal(found.cells("met", "top", variation).values, expected)


def test_minus_a_product_is_a_factor() -> None:
    found = run("""
  branch w: real
  weight back = -(2 * w)
  cut every = MET.pt >= 0 GeV
""")
    flow = found.cut_flow("", "top")
    assert flow is not None
    assert flow.rows[-1].passed.sum == pytest.approx(-2 * sum(e["w"] for e in EVENTS["top"]))


def test_data_have_no_cross_section() -> None:
    text = f'{HEAD}\nanalysis A {{\n  source run = data("run.root")\n  cut some = source.xsec > 1 pb\n}}\n'
    (error,) = check_text(text, "a.hepq")
    assert error.code == "HQ0914"
    assert error.title == "`source.xsec` is not known here: data have none"
