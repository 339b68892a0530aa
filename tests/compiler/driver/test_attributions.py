# SPDX-License-Identifier: Apache-2.0
"""Gradient attributions: those of a linear model by hand; integrated gradients add up; names are the program's."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import pytest

import hepq
from hepq.runtime.model import Model
from tests.support.attribution_programs import LINEAR, SMOOTH, compiled, events

EVENTS = events(150)
NAMES = ("a", "2 * b", "c", "met", "other")


@pytest.fixture(scope="module")
def linear(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return compiled(tmp_path_factory.mktemp("linear"), LINEAR)


@pytest.fixture(scope="module")
def smooth(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return compiled(tmp_path_factory.mktemp("smooth"), SMOOTH)


def by_hand() -> dict[str, ak.Array]:
    """|slope × feature| of the linear model in the events that are scored, particles in its order."""
    kept = EVENTS[ak.num(EVENTS.a) > 0]
    kept = {n: kept[n] if kept[n].ndim == 1 else kept[n][ak.argsort(kept.a, ascending=False)] for n in kept.fields}
    return {"2 * b": abs(2 * kept["b"]), "c": abs(3 * kept["c"]), "met": abs(5 * kept["met"])}


@pytest.mark.parametrize("by", ["gradient", "integrated"])
def test_a_linear_model_by_hand(linear: Model, by: str) -> None:
    found = hepq.attributions(linear, EVENTS, by=by, baseline="zero", steps=3)  # type: ignore[arg-type]
    assert found.names == NAMES
    values, errors = (dict(zip(found.names, v, strict=True)) for v in (found.values, found.errors))
    for name, sizes in by_hand().items():
        each = (ak.sum(sizes, axis=1) if sizes.ndim > 1 else sizes).to_numpy()
        assert values[name] == pytest.approx(each.mean(), rel=1e-6)
        assert errors[name] == pytest.approx(each.std(ddof=1) / np.sqrt(len(each)), rel=1e-6)
    assert values["a"] == values["other"] == 0
    assert found.events == int((ak.num(EVENTS.a) > 0).to_numpy().sum())


def test_ranks_are_those_of_the_programs_order(linear: Model) -> None:
    found = hepq.attributions(linear, EVENTS, by="gradient")
    assert list(found.by_rank) == ["part"]
    assert list(found.by_rank["part"]) == ["a", "2 * b", "c"]
    for name in ("2 * b", "c"):
        padded = ak.pad_none(by_hand()[name], 6, axis=1)
        np.testing.assert_allclose(found.by_rank["part"][name], ak.mean(padded, axis=0).to_numpy(), rtol=1e-6)


@pytest.mark.parametrize("baseline", ["zero", "mean"])
def test_integrated_gradients_add_up(smooth: Model, baseline: str) -> None:
    many, few = (
        hepq.attributions(smooth, EVENTS, by="integrated", baseline=baseline, steps=steps)  # type: ignore[arg-type]
        for steps in (32, 1)
    )
    assert many.residual is not None
    assert many.residual < 1e-8
    assert few.residual is not None
    assert few.residual > 1e-4
    assert (many.values > 0).all()


def test_the_rise_is_that_of_the_compiled_model(tmp_path: Path) -> None:
    """One input: its attribution is all of the score's rise from the baseline."""
    model = compiled(tmp_path, "", "model M(x: real) -> real = exp(sin(x)) * x\n")
    for x in (1.3, -2.0):
        found = hepq.attributions(model, {"x": [x]}, by="integrated", baseline="zero")
        rise = model({"x": [x]})[0] - model({"x": [0.0]})[0]
        assert found.values[0] == pytest.approx(abs(rise), rel=1e-5)
        plain = hepq.attributions(model, {"x": [x]}, by="gradient")
        step = (model({"x": [x + 1e-2]})[0] - model({"x": [x - 1e-2]})[0]) / 2e-2
        assert plain.values[0] == pytest.approx(abs(step * x), rel=1e-3)


def test_the_mean_is_over_particles_that_are_there(linear: Model) -> None:
    """The score of an event whose every particle is the mean one does not rise."""
    alike = ak.Array({n: ([[2.0] * k for k in (1, 3, 6)] if n in "abc" else [1.0, 1.0, 1.0]) for n in
                      ("a", "b", "c", "met", "other")})  # fmt: skip
    found = hepq.attributions(linear, alike, by="integrated")
    np.testing.assert_allclose(found.values, 0, atol=1e-12)


def test_no_labels_are_needed(linear: Model) -> None:
    plain = EVENTS[["a", "b", "c", "met", "other"]]
    np.testing.assert_array_equal(
        hepq.attributions(linear, plain, by="gradient").values, hepq.attributions(linear, EVENTS, by="gradient").values
    )


@pytest.mark.parametrize("score", ["floor(x)", "0 * float(n)"])
def test_a_score_without_gradients_is_told(score: str, tmp_path: Path) -> None:
    parameter = "x: real" if "x" in score else "n: int"
    model = compiled(tmp_path, "", f"model M({parameter}) -> real = {score.replace('float(n)', 'n')}\n")
    with pytest.raises(hepq.DataError, match="HQ0832"):
        hepq.attributions(model, {"x": np.ones(3), "n": np.ones(3, int)}, by="gradient")


def test_modules_that_are_not_there_are_told(tmp_path: Path) -> None:
    (tmp_path / "mine.hepq").write_text("fn double(x: real) -> real = 2 * x\n")
    model = compiled(tmp_path, "", "from mine import double\n\nmodel M(x: real) -> real = double(x)\n")
    assert hepq.attributions(model, {"x": [1.0]}, by="gradient").values[0] == pytest.approx(2.0)
    (tmp_path / "mine.hepq").unlink()
    with pytest.raises(hepq.HepqError):
        hepq.attributions(model, {"x": [1.0]}, by="gradient")
