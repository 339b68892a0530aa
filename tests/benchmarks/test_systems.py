# SPDX-License-Identifier: Apache-2.0
"""Whole systems: bars, differences over seeds, what is kept, the table of the page."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

from benchmarks.shared import data
from benchmarks.systems import systems
from benchmarks.systems.detectors import aperture, juno
from benchmarks.systems.drawn import better, draw
from benchmarks.systems.inference import eft
from benchmarks.systems.jets import anomalies, bosons, masked
from benchmarks.systems.quantum import attention, circuits, classifiers, kernels, mitigation
from benchmarks.systems.quantum.toys import TOYS
from benchmarks.systems.row import Reached, Row, no_worse, over_seeds
from benchmarks.systems.trained import columns, given, trained, write
from hepq.compiler.driver.compilation import build_file
from hepq.compiler.driver.options import Options
from hepq.compiler.ir.interpret import run
from hepq.compiler.targets.quantum import device
from hepq.compiler.weights.initialise import initial_weights
from tests.stdlib.detectors.detector import module_from


def test_a_bar_is_met_on_its_side() -> None:
    assert Reached("angle", 6.0, 0, "linear fit", 6.1, "<=", 6.0).met
    assert not Reached("angle", 6.2, 0, "linear fit", 6.1, "<=", 6.1).met
    assert Reached("AUC", 0.9, 0, "twin", 0.91, ">=", 0.89).met
    assert not Reached("AUC", float("nan"), 0, "twin", 0.91, ">=", 0.89).met


def test_in_the_picture_more_is_better(tmp_path: Path) -> None:
    found = {
        "angle": Reached("angle", 5.0, 0.5, "linear fit", 6.0, "<=", 5.8),
        "AUC": Reached("AUC", 0.9, 0.01, "twin", 0.8, ">=", 0.95),
        "difference": Reached("difference", 2e-6, 0, "formula", 0, "<=", 1e-5),
    }
    assert [better(one, one.value) for one in found.values()] == pytest.approx([1.2, 1.125, 5])
    draw(found, tmp_path / "all.svg")
    # one of the points, that of the bar missed, is red
    assert (tmp_path / "all.svg").read_text().count("fill: #d62728") == 1


def test_twins_are_compared_seed_by_seed() -> None:
    """Values that vary together: what counts is the error of their differences."""
    twin = [0.5, 0.7, 0.9, 0.6]
    same = no_worse(
        "AUC", [v - 0.01 + d for v, d in zip(twin, (0.01, -0.01, 0.01, -0.01), strict=True)], twin, "t", True
    )
    assert same.value == pytest.approx(0.665)
    assert same.error == pytest.approx(over_seeds([0.0, -0.02, 0.0, -0.02])[1])
    assert same.met
    assert not no_worse("AUC", [v - 0.02 for v in twin], twin, "t", True).met
    assert no_worse("loss", [v - 0.02 for v in twin], twin, "t", False).met
    assert not no_worse("loss", [v + 0.02 for v in twin], twin, "t", False).met


def test_rows_are_kept_and_a_missed_bar_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seeds = []

    def good(seed: int) -> Reached:
        seeds.append(seed)
        return Reached("accuracy", 0.9, 0.01, "integral", 0.8, ">=", 0.8)

    rows = {
        "good": Row("good", "std.a", good, quick=True),
        "bad": Row("bad", "std.b", lambda seed: Reached("angle", 7.0, 0, "fit", 6.1, "<=", 6.1)),
    }
    monkeypatch.setattr(systems, "ROWS", rows)
    page, keep = tmp_path / "page.md", tmp_path / "kept"
    page.write_text(f"before\n{systems.MARKS[0]}\nold\n{systems.MARKS[1]}\nafter\n")
    assert systems.main(["--quick", "--keep", str(keep), "--seed", "5"]) == 0
    assert systems.main(["--keep", str(keep), "--page", str(page)]) == 1
    assert seeds == [5]
    assert capsys.readouterr().out.count("MISSED") == 1
    text = page.read_text()
    assert "| good | std.a | accuracy | 0.9 ± 0.01 | integral | 0.8 | ≥ 0.8 | 0 |" in text
    assert "old" not in text
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")


def test_every_row_has_a_line_in_the_page() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs/comparison.md").read_text()
    assert [name for name in systems.ROWS if f"| {name} |" not in text] == []


def test_angles_are_in_degrees_and_a_linear_fit_points() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(50, 3))
    np.testing.assert_allclose(juno.angles(7 * truth, truth), 0, atol=1e-5)
    np.testing.assert_allclose(juno.angles(np.cross(truth, rng.normal(size=3)), truth), 90)
    sensors = rng.normal(size=(200, 3))
    seen = np.einsum("ex,sx->es", truth, sensors)[:, :, None]
    x = juno.pooled(seen, sensors)
    fit = np.linalg.lstsq(x, truth, rcond=None)[0]
    assert juno.angles(x @ fit, truth).max() < 1e-3


def test_integrals_are_rounded_at_the_best_scale() -> None:
    truth = np.arange(40) % 7
    events = {"wave": np.repeat(truth[:, None] * 0.31, 10, axis=1), "pe": truth}
    np.testing.assert_array_equal(juno.rounded_integral(events, events), truth)


def test_a_silent_chip_has_no_errors() -> None:
    chip = mitigation.silent(device("ibm:torino"))
    assert not any(q.error or any(q.flips) or q.t1 for q in chip.qubits)
    assert not any(c.error for c in chip.couplings)
    assert [(c.a, c.b) for c in chip.usable] == [(c.a, c.b) for c in device("ibm:torino").usable]


def test_weights_of_a_training_give_their_model(tmp_path: Path) -> None:
    """Of few events and one epoch: the models of a program with two datasets, through their own."""
    rng = np.random.default_rng(0)
    values = {"wave": rng.normal(size=(40, 200)).astype("f4"), "pe": (np.arange(40) % 7).astype("i4")}
    weights = trained(juno.PROGRAM, "Counting", values, 0, epochs=1)
    found = given(juno.PROGRAM, "Photons", "Waves", weights, values)
    assert found.shape == (40, 7)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)
    write(tmp_path / "a.root", values)
    np.testing.assert_array_equal(columns(tmp_path / "a.root")["pe"], values["pe"])


@pytest.mark.parametrize("name", TOYS)
def test_toys_are_those_of_their_seed(name: str) -> None:
    x, truth = TOYS[name](400, np.random.default_rng(1))
    again, other = (TOYS[name](400, np.random.default_rng(seed))[0] for seed in (1, 2))
    np.testing.assert_array_equal(again, x)
    assert not np.allclose(other, x)
    assert np.isfinite(x).all()
    assert 0.4 < x.std() < 1.5
    assert 150 < truth.sum() < 250


def test_sentences_say_what_their_words_say() -> None:
    token, truth = attention.sentences(300, np.random.default_rng(0))
    assert 0 < int(np.sum(ak.any(token == attention.NOT, axis=1))) < 150
    for words, praises in zip(token.tolist(), truth, strict=True):
        (said,) = [w for w in words if 7 <= w < 19]
        assert ((said < 13) != (attention.NOT in words)) == bool(praises)
        assert 3 <= len(words) <= 6


@pytest.mark.parametrize("model", [*classifiers.MODELS, classifiers.RBF])
def test_every_classifier_tells_something(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classifiers, "TRAINED", 200)
    x, truth = TOYS["charmonium"](500, np.random.default_rng(0))
    assert 0.6 < classifiers.area(model, x, truth, 0) < 1


def test_rings_are_tracked_as_by_hand() -> None:
    """One particle at a time; without sextupoles it goes round for ever."""
    assert aperture.tracked(np.zeros(2)) > 3.9
    k2, mu = np.array([1.1, 0.8]), 2 * np.pi * 0.2052

    def stays(amplitude: float) -> bool:
        z = complex(amplitude, 0)
        for _ in range(300):
            for strength in (1.1, -0.7 * 0.8):
                z = (z + 1j * strength * z.real**2) * np.exp(-1j * mu)
                if abs(z.real) >= 10:
                    return False
        return True

    found = aperture.tracked(k2)
    assert all(stays(a) for a in np.arange(0.005, found + 0.001, 0.005))
    assert not stays(found + 0.005)


def test_inputs_climb_to_the_surrogates_top() -> None:
    """Weights by hand: it falls with the first strength and rises with the second."""
    module = build_file(aperture.PROGRAM, Options(model="Aperture", use_dataset=False)).module
    weights = {path: np.zeros_like(value) for path, value in initial_weights(module).items()}
    weights["first.weight"][0], weights["second.weight"][0, 0], weights["out.weight"][0, 0] = [-0.3, 0.2], 0.5, 1
    np.testing.assert_allclose(aperture.best(weights, 0), [aperture.LOW, aperture.HIGH], atol=1e-6)


def test_families_of_circuits_are_found() -> None:
    sizes = {family: circuits.circuit_of(*family) for family in circuits.FAMILIES}
    assert [circuit.qubits for circuit in sizes.values()] == [4, 4, 4, 6]
    assert all(circuit.slots >= 4 for circuit in sizes.values())


def test_partons_are_momenta_and_their_score_has_no_mean() -> None:
    rng = np.random.default_rng(0)
    p = eft.partons(300, rng)
    np.testing.assert_allclose(p.sum(axis=1), [[1, 0, 0, 0]] * 300, atol=1e-12)
    np.testing.assert_allclose((p[..., 1:] ** 2).sum(axis=-1), p[..., 0] ** 2, atol=1e-12)
    in_a_line = np.array([[[0.5, 0, 0, 0.5], [0.5, 0, 0, -0.5], [0, 0, 0, 0], [0, 0, 0, 0]]]) + 1e-9
    assert eft.interference(in_a_line)[0] == pytest.approx(0, abs=1e-6)
    assert eft.interference(p).min() > -1
    made = eft.events(400, 1)
    assert abs(made["parton_score"].mean()) < 1e-5
    assert (made["energy"] ** 2 > made["px"] ** 2 + made["py"] ** 2 + made["pz"] ** 2).all()


def test_the_error_of_a_coefficient_is_that_of_a_fit() -> None:
    """Of two bins: 30 + 20 c and 70 - 20 c of 100 events."""
    error = eft._error(np.array([30.0, 70.0]), np.array([20.0, -20.0]))
    information = eft.EXPECTED / 100 * (20**2 / 30 + 20**2 / 70)
    assert error == pytest.approx(information**-0.5)


def test_labels_are_few_and_no_jet_is_in_both_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"UNLABELLED": 20, "LABELLED": 4, "HELD": 6}.items():
        monkeypatch.setattr(masked, name, value)
    rng = np.random.default_rng(0)

    def jets(label: str) -> ak.Array:
        momenta = {f"part_{axis}": ak.unflatten(rng.random(180), 6) for axis in ("px", "py", "pz", "energy")}
        return ak.Array(momenta | {f"label_{name}": np.full(30, float(name == label)) for name in masked.CLASSES})

    monkeypatch.setattr(data, "jets", jets)
    many, few = (uproot.open(path)["tree"].arrays() for path in masked.files(tmp_path, 0))
    assert [len(many), len(few)] == [40, 20]
    assert ak.sum(few["label_QCD"]) == 10
    first = [set(ak.to_list(ak.firsts(events["part_px"]))) for events in (many, few)]
    assert not first[0] & first[1]


def test_the_hardest_particles_are_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    many = {name: ak.unflatten(rng.normal(size=90), 30) for name in anomalies.BRANCHES}
    monkeypatch.setattr(data, "jets", lambda label: ak.Array(many))
    kept = anomalies.jets("QCD")
    assert ak.to_list(ak.num(kept["part_px"])) == [anomalies.PARTICLES] * 3
    pt = np.hypot(kept["part_px"], kept["part_py"])
    assert ak.all(pt[:, :-1] >= pt[:, 1:])
    assert ak.all(ak.min(pt, axis=1) >= ak.sort(np.hypot(many["part_px"], many["part_py"]))[:, 6])


def gauss(x: kernels.Array, y: kernels.Array) -> kernels.Array:
    return np.asarray(np.exp(-((x[:, None] - y[None]) ** 2).sum(axis=-1) / 3))


def test_few_circuits_give_the_kernel_where_it_was_measured() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(12, 2))
    features = kernels.nystrom(gauss, x)(x)
    np.testing.assert_allclose(features @ features.T, gauss(x, x), atol=1e-8)
    of_grid = kernels.grid(gauss)
    points = rng.integers(0, kernels.POINTS, (9, 2)).astype(float)
    np.testing.assert_allclose(of_grid(points) @ of_grid(points).T, gauss(points, points), atol=1e-12)
    between = of_grid(np.array([[2.25, 5.0]]))
    np.testing.assert_allclose(between, 0.75 * of_grid(np.array([[2.0, 5.0]])) + 0.25 * of_grid(np.array([[3.0, 5.0]])))


def test_points_of_the_grid_are_what_a_qft_makes() -> None:
    text = kernels.PROGRAM.read_text()
    circuit = text[text.index("circuit Fourier") : text.index("# the two features")]
    states = [f"circuit Basis{n}() on q: qubit[3] {{\n" + "".join(f"  x(q[{k}])\n" for k in range(3) if n >> k & 1)
              + "  QFT[three](q)\n}\n" for n in range(8)]  # fmt: skip
    values = ", ".join(f"fidelity(Fourier({n} * one), Basis{n}())" for n in range(8))
    module = module_from(
        f"from std.quantum import QFT\ndim three = 3\n{circuit}{''.join(states)}model M(one: real) = stack({values})"
    )
    found = np.array(run(module, [{"one": np.array(1.0)}], {})["output"])
    np.testing.assert_allclose(found, np.ones((1, 8)), atol=1e-12)


def test_heavy_and_neutral_jets_are_no_w() -> None:
    jets = ak.Array({
        "part_px": [[3.0, 4.0]] * 3, "part_py": [[0.0, 0.0]] * 3, "part_charge": [[1, -1], [1, 1], [1, -1]],
        "jet_sdmass": [91.2, 91.2, 80.4],
    })  # fmt: skip
    z, charged, light = bosons.simple(jets)
    assert z < charged
    assert z < light
    assert light - z == pytest.approx((91.2 - 80.4) ** 2 / 64)
