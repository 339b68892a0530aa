# SPDX-License-Identifier: Apache-2.0
"""`hepqc verify` boosts and rotates four-vectors, or says why it cannot."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import hepq
from hepq.compiler.driver.compilation import compile_file
from hepq.compiler.driver.options import Options
from hepq.runtime import verify
from hepq.runtime.artifact.manifest import Dim
from hepq.runtime.events import lorentz
from hepq.runtime.events.columns import Raw
from hepq.runtime.model import Model
from hepq.runtime.verify import Verification

HEAD = """
from std.nn import Dense
dim part <= 12
dim beam = 2
fn products(p: p4[part]) -> real[part] =
  mean(log1p(abs(minkowski(p, prime(p, part))) / 1 GeV^2), over=part')
"""
CARTESIAN = """
dataset Data {
  source jets = root("absent/*.root", tree="tree")
  branch px, py, pz, energy: MeV[part]
  branch mass: GeV[part]
  branch tag: real[part]
  order part by hypot(px, py) desc
  input p = P4
}
"""
POLAR = """
dataset Data {
  source jets = root("absent/*.root", tree="tree")
  branch pt = "Jet_pt", mass = "Jet_mass", e = "Jet_e": GeV[part]
  branch eta = "Jet_eta", phi = "Jet_phi": rad[part]
  input p = P4
}
"""
INVARIANT = "@invariant(permute(part), lorentz)\nmodel M(p: p4[part]) -> real = mean(products(p), over=part)\n"
WHOLE, COMPONENTS = "p4(px=px, py=py, pz=pz, energy=energy)", "p4(px=px, py=py, pz=pz, energy={})"
SCALAR = INVARIANT.replace("p: p4[part]", "x: real[part]").replace("products(p)", "x")


def compiled(folder: Path, text: str) -> Model:
    file = folder / "m.hepq"
    file.write_text(HEAD + text)
    compile_file(file, folder / "m.hepqx", Options(init=0, dims={}))
    return hepq.load(folder / "m.hepqx", threads=1)


def lorentz_checks(found: Verification) -> dict[str, bool]:
    return {c.output: c.ok for c in found.checks if c.check == "lorentz"}


def test_transformations_keep_the_metric_and_mix_all_components() -> None:
    matrices = lorentz.transformations(50, np.random.default_rng(0))
    metric = np.diag([-1.0, -1, -1, 1])
    np.testing.assert_allclose(matrices.transpose(0, 2, 1) @ metric @ matrices, np.tile(metric, (50, 1, 1)), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(matrices), 1)
    beta = np.sqrt(1 - matrices[:, 3, 3] ** -2)
    assert 0.05 < beta.min() < beta.max() <= lorentz.BETA
    assert (np.abs(matrices).min(axis=0) < np.abs(matrices).max(axis=0)).all()


@pytest.mark.parametrize(
    "data",
    [
        "",
        CARTESIAN.replace("P4", WHOLE),
        CARTESIAN.replace("P4", COMPONENTS.format("hypot(hypot(px, py), pz)")),
        CARTESIAN.replace("P4", COMPONENTS.format("hypot(hypot(px, py), hypot(pz, mass))")),
        POLAR.replace("P4", "p4(pt=pt, eta=eta, phi=phi, mass=mass)"),
        POLAR.replace("P4", "p4(pt=pt, eta=eta, phi=phi, energy=e)"),
    ],
    ids=["input", "components", "massless", "massive", "pt-eta-phi-mass", "pt-eta-phi-energy"],
)
def test_an_invariant_model_agrees_and_a_false_claim_is_caught(tmp_path: Path, data: str) -> None:
    found = compiled(tmp_path, data + INVARIANT).verify()
    assert found.ok
    assert not found.untested
    assert lorentz_checks(found) == {"output": True}
    false = INVARIANT.replace("products(p)", "log(p.pt / 1 GeV)")
    found = compiled(tmp_path, data + false).verify()
    assert not found.ok
    assert lorentz_checks(found) == {"output": False}


def test_rotations_alone_are_not_enough(tmp_path: Path) -> None:
    text = INVARIANT.replace("products(p)", "log(p.energy / 1 GeV)")
    assert lorentz_checks(compiled(tmp_path, text).verify()) == {"output": False}


def test_four_vectors_move_along_if_the_model_says_so(tmp_path: Path) -> None:
    text = "@NAME(lorentz)\nmodel M(p: p4[part]) = (sum(p, over=part), products(p) * p, products(p))\n"
    found = compiled(tmp_path, text.replace("NAME", "equivariant")).verify()
    assert found.ok
    assert lorentz_checks(found) == {"output0": True, "output1": True, "output2": True}
    found = compiled(tmp_path, text.replace("NAME", "invariant")).verify()
    assert lorentz_checks(found) == {"output0": False, "output1": False, "output2": True}


def test_scalars_beside_four_vectors_stay(tmp_path: Path) -> None:
    data = CARTESIAN.replace("P4", f"{WHOLE}\n  input x = tag")
    text = INVARIANT.replace("(p: p4[part])", "(p: p4[part], x: real[part])").replace("products(p)", "x * products(p)")
    found = compiled(tmp_path, data + text).verify()
    assert found.ok
    assert lorentz_checks(found) == {"output": True}


def test_masses_of_light_particles_are_as_exact_as_float32_is(tmp_path: Path) -> None:
    """log(m / 1 GeV) of m ≪ E is not known to 1e-5 from float32 momenta; that is no breach of the symmetry."""
    data = CARTESIAN.replace("P4", COMPONENTS.format("hypot(hypot(px, py), hypot(pz, 0.01 * mass))"))
    text = INVARIANT.replace("products(p)", "log(max(mass(p) / 1 GeV, 1e-4))")
    assert lorentz_checks(compiled(tmp_path, data + text).verify()) == {"output": True}


def test_what_rounding_moves_is_the_most_of_all_trials_and_events(tmp_path: Path) -> None:
    """Relative to max(1, |output|); momenta move by their last bit, up or down, and nothing else moves."""
    text = INVARIANT.replace("(p: p4[part])", "(p: p4[part], x: real[part])").replace("products(p)", "x * products(p)")
    manifest = compiled(tmp_path, CARTESIAN.replace("P4", f"{WHOLE}\n  input x = tag") + text).manifest
    names = [c.name for c in manifest.columns]
    contents = {name: np.linspace(1, 2, 8, dtype=np.float32) for name in names}
    raw = Raw(4, {"part": np.full(4, 2)}, contents)
    replayed = {"small": np.array([0.5, 0.5, 0.5, 0.5]), "large": np.array([10.0, -10.0, 10.0, 10.0])}
    apart, seen = iter([0.0, 0.2, 0.3, 0.1]), set[float]()

    def score(moved: Raw, what: str) -> dict[str, np.ndarray[Any, Any]]:
        for name, value in moved.contents.items():
            seen.update(() if name == "tag" else ((value / contents[name].astype(np.float64) - 1) * 2**23).round(6))
            assert name != "tag" or (value == contents[name]).all()
        by = next(apart)
        offsets = np.array([0, by, -by / 2, np.nan])
        return {"small": replayed["small"] + offsets, "large": replayed["large"] - offsets}

    found = verify._noise(manifest, raw, score, replayed, np.random.default_rng(0))
    assert found == {"small": pytest.approx(0.3), "large": pytest.approx(0.03)}
    assert seen == {-1.0, 1.0}


@pytest.mark.parametrize(
    ("data", "model", "why"),
    [
        (CARTESIAN.replace("P4", "p4(px=2 * px, py=py, pz=pz, energy=energy)"), INVARIANT, "as they are: p4(px=2 * px"),
        (CARTESIAN.replace("P4", COMPONENTS.format("hypot(px, py)")), INVARIANT, "do not move as one"),
        (CARTESIAN.replace("p = P4", "x = tag"), SCALAR,
         "no four-vector is made of branches"),
        ("", SCALAR, "no input is a four-vector"),
        (
            CARTESIAN.replace("P4", WHOLE),
            INVARIANT.replace("p: p4[part]", "p: p4[part], axis: p4 = p4(px=0 GeV, py=0 GeV, pz=0 GeV, energy=1 GeV)"),
            "axis has no branch",
        ),
    ],
    ids=["scaled", "unphysical", "no four-vector", "no input", "default"],
)  # fmt: skip
def test_what_cannot_be_tested_is_said(tmp_path: Path, data: str, model: str, why: str) -> None:
    found = compiled(tmp_path, data + model).verify()
    assert found.ok
    assert lorentz_checks(found) == {}
    assert [why in reason for reason in found.untested] == [True], found.untested


def test_events_that_may_be_moved() -> None:
    """None with a NaN or infinity anywhere, none that is cut."""
    named = {"px": ("part",), "v": ("part", "xy"), "met": ()}
    columns = [SimpleNamespace(name=name, dims=dims) for name, dims in named.items()]
    dims = (Dim(name="part", bound=2), Dim(name="xy", size=2))
    schema = SimpleNamespace(
        ragged=dims[:1], columns=columns, ragged_dim=lambda of: dims[0] if "part" in of else None,
        inner_dim=lambda of: None,
    )  # fmt: skip
    contents = {
        "px": np.array([1, 1, np.nan, 1, 1, 1, 1.0]), "v": np.array([[1, 1]] * 6 + [[1, np.inf]]),
        "met": np.array([1, 1, np.nan, 1, 1.0]),
    }  # fmt: skip
    raw = Raw(5, {"part": np.array([1, 2, 0, 3, 1])}, contents)
    assert verify._movable(schema, raw).tolist() == [True, False, False, False, False]  # type: ignore[arg-type]
