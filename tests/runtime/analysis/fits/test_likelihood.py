# SPDX-License-Identifier: Apache-2.0
"""Fits, against counting experiments that are solved by hand and against pyhf called by hand."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2, norm

from hepq.core.errors import DataError
from hepq.runtime.analysis.fits.fitted import Fitted
from hepq.runtime.analysis.fits.likelihood import fit, fit_templates
from hepq.runtime.analysis.fits.limits import cls, needed
from hepq.runtime.analysis.fits.minimum import Minimiser, NoMinimum
from hepq.runtime.analysis.fits.tables import words
from hepq.runtime.analysis.fits.workspace import workspace
from hepq.runtime.analysis.provenance import Provenance
from tests.runtime.analysis.fits.models import channel, counting, model, sample, shapes
from tests.runtime.analysis.toy import result

NOTHING = Provenance()


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return fit_templates(shapes(), NOTHING, limit=True)


@pytest.fixture(scope="module")
def peer() -> Iterator[tuple[Any, Any, Any]]:
    """pyhf as its documentation has it, with SciPy's SLSQP."""
    import pyhf

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        before = pyhf.get_backend()
        pyhf.set_backend("numpy", "scipy")
        space = pyhf.Workspace(workspace(shapes()))
        model = space.model(
            modifier_settings={"normsys": {"interpcode": "code4"}, "histosys": {"interpcode": "code4p"}}
        )
        yield pyhf, model, space.data(model)
        pyhf.set_backend(*before)


def test_counting() -> None:
    """n = μ s + b: μ is (n - b) / s, its error √n / s."""
    made = fit_templates(counting(25, 10, 10), NOTHING)
    assert made.poi == "mu_s"
    assert math.isclose(made["mu_s"].value, 1.5, rel_tol=1e-3)
    assert math.isclose(made["mu_s"].error, 0.5, rel_tol=1e-2)
    assert made["mu_s"].pull is None
    assert made.channels[0].after.total.round(2) == [25.0]
    assert math.isclose(made.channels[0].after.error[0], 5.0, rel_tol=1e-2)


def test_counting_with_a_rate() -> None:
    """n = μ s + κ^θ b with n as expected: the error is √(n + (b ln κ)²) / s, θ is not pulled and not constrained."""
    made = fit_templates(counting(120, 20, 100, xs={"b": 1.1}), NOTHING)
    expected = math.sqrt(120 + (100 * math.log(1.1)) ** 2) / 20
    assert math.isclose(made["mu_s"].error, expected, rel_tol=1e-2)
    assert abs(made["xs"].pull or 0) < 1e-3
    assert math.isclose(made["xs"].constraint or 0, 1.0, rel_tol=1e-2)
    names = [p.name for p in made.parameters]
    correlation = made.correlations[names.index("mu_s"), names.index("xs")]
    assert math.isclose(correlation, -100 * math.log(1.1) / math.sqrt(120 + (100 * math.log(1.1)) ** 2), rel_tol=1e-2)


def test_impacts() -> None:
    """Of n = μ s + κ^θ b: μ moves by -b ln κ / s where θ moves by 1."""
    made = fit_templates(counting(120, 20, 100, xs={"b": 1.1}), NOTHING)
    assert made.impact("xs") == pytest.approx(-100 * math.log(1.1) / 20, rel=1e-2)
    assert made.impact("mu_s") is None


def test_goodness() -> None:
    """Without anything free: the sum over bins of 2 (b - n + n ln n/b)."""
    data, expected = np.array([120.0, 0.0, 85.0]), np.array([100.0, 2.0, 90.0])
    found = fit_templates(model(channel("c", data.tolist(), sample("b", expected.tolist())), free=()), NOTHING).goodness
    terms = 2 * (
        expected - data + np.array([n * math.log(n / b) if n else 0.0 for n, b in zip(data, expected, strict=True)])
    )
    assert found is not None
    assert found.value == pytest.approx(terms.sum(), rel=1e-9)
    assert found.degrees == 3
    assert found.p == pytest.approx(chi2.sf(terms.sum(), 3))
    exact = fit_templates(counting(25, 10, 10), NOTHING).goodness
    assert exact is not None
    assert (exact.degrees, math.isnan(exact.p)) == (0, True)
    assert exact.value < 1e-4


def test_goodness_with_constraints() -> None:
    """n = κ^θ b, θ of a normal distribution: the least of both terms' sum."""
    found = fit_templates(model(channel("c", [130], sample("b", [100])), free=(), rates={"xs": {"b": 1.1}}), NOTHING)
    thetas = np.linspace(0, 3, 30001)
    means = 100 * 1.1**thetas
    assert found.goodness is not None
    least = (2 * (means - 130 + 130 * np.log(130 / means)) + thetas**2).min()
    assert found.goodness.value == pytest.approx(least, rel=1e-3)


def test_limits_of_counting() -> None:
    """Equations 62 to 67 of arXiv:1007.1727, with likelihoods written out."""
    n, s, b = 12.0, 4.0, 10.0
    limit = fit_templates(counting(n, s, b), NOTHING, limit=True).limit
    assert limit is not None

    def q(mu: float, data: float) -> float:
        best = max((data - b) / s, 0.0)
        return 2 * sum(sign * (m * s + b - data * math.log(m * s + b)) for sign, m in ((1, mu), (-1, best)))

    for i, mu in enumerate(limit.expected):
        fluctuation = i - 2
        root = math.sqrt(q(mu, b))
        assert math.isclose(norm.sf(root - fluctuation) / norm.cdf(fluctuation), 0.05, rel_tol=5e-3)
    mu = limit.observed
    found, sigma = math.sqrt(q(mu, n)), math.sqrt(q(mu, b))
    assert found <= sigma
    assert math.isclose(norm.sf(found) / norm.cdf(sigma - found), 0.05, rel_tol=5e-3)


def test_cls_and_what_it_needs() -> None:
    assert cls(0.0, 4.0) == pytest.approx(0.5 / norm.cdf(2.0))
    assert cls(4.0, 4.0) == pytest.approx(norm.sf(2.0) / 0.5)
    assert cls(9.0, 4.0) == pytest.approx(norm.sf(13 / 4) / norm.sf(5 / 4))
    for n in (-2.0, 0.0, 1.0):
        assert norm.sf(needed(n) - n) / norm.cdf(n) == pytest.approx(0.05)


def test_as_pyhf_by_hand(fitted: Fitted, peer: tuple[Any, Any, Any]) -> None:
    pyhf, model, data = peer
    best, nll = pyhf.infer.mle.fit(data, model, return_fitted_val=True)
    assert [p.name for p in fitted.parameters] == model.config.par_names
    np.testing.assert_allclose([p.value for p in fitted.parameters], best, atol=5e-3)
    assert math.isclose(fitted.twice_nll, float(nll), rel_tol=1e-5)
    after = np.concatenate([fitted.channels[i].after.total for i in (1, 0)])
    np.testing.assert_allclose(after, model.expected_actualdata(best), rtol=2e-3)
    before = np.concatenate([fitted.channels[i].before.total for i in (1, 0)])
    np.testing.assert_allclose(before, [200, 190, 55, 60, 30])


def test_limits_as_pyhf_by_hand(fitted: Fitted, peer: tuple[Any, Any, Any]) -> None:
    pyhf, model, data = peer
    assert fitted.limit is not None
    for mu, which in ((fitted.limit.observed, None), *((mu, i) for i, mu in enumerate(fitted.limit.expected))):
        found, expected = pyhf.infer.hypotest(mu, data, model, return_expected_set=True)
        value = float(found) if which is None else float(expected[which])
        assert math.isclose(value, 0.05, rel_tol=2e-2)


def test_errors_are_those_of_second_derivatives(fitted: Fitted, peer: tuple[Any, Any, Any]) -> None:
    pyhf, model, data = peer
    at = np.array([p.value for p in fitted.parameters])
    steps = 0.02 * np.array([p.error for p in fitted.parameters])

    def nll(*moves: tuple[int, float]) -> float:
        here = at.copy()
        for i, size in moves:
            here[i] += size
        return float(pyhf.infer.mle.twice_nll(here, data, model)[0]) / 2

    n = len(at)
    second = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            h, k = steps[i], steps[j]
            second[i, j] = sum(a * b * nll((i, a * h), (j, b * k)) for a in (1, -1) for b in (1, -1)) / (4 * h * k)
    covariance = np.linalg.inv(second)
    errors = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose([p.error for p in fitted.parameters], errors, rtol=2e-2)
    np.testing.assert_allclose(fitted.correlations, covariance / np.outer(errors, errors), atol=2e-2)


def test_bands_are_those_of_toys(fitted: Fitted, peer: tuple[Any, Any, Any]) -> None:
    """Of parameters drawn from the fitted covariance."""
    _, model, _ = peer
    errors = np.array([p.error for p in fitted.parameters])
    covariance = fitted.correlations * np.outer(errors, errors)
    draws = np.random.default_rng(1).multivariate_normal([p.value for p in fitted.parameters], covariance, 3000)
    spread = np.std([model.expected_actualdata(one) for one in draws], axis=0)
    found = np.concatenate([fitted.channels[i].after.error for i in (1, 0)])
    np.testing.assert_allclose(found, spread, rtol=0.08)
    # before: the quadratic sum of the variation, the rate, and the simulated events' number
    before = fitted.channels[1].before.error
    half = [(206 - 195) / 2, (192 - 189) / 2]
    for i, value in enumerate((200.0, 190.0)):
        expected = math.sqrt(half[i] ** 2 + (value * math.log(1.03)) ** 2 + 36)
        assert math.isclose(before[i], expected, rel_tol=1e-2)


def test_saved_and_said(fitted: Fitted, tmp_path: Path) -> None:
    fitted.save(tmp_path / "fit.json")
    said = json.loads((tmp_path / "fit.json").read_text())
    assert {p["name"]: p["value"] for p in said["parameters"]} == {p.name: p.value for p in fitted.parameters}
    assert [c["name"] for c in said["channels"]] == ["sr", "cr"]
    assert said["limit"]["expected"]["median"] == fitted.limit.expected[2]  # type: ignore[union-attr]
    text = words(fitted)
    assert f"mu_s       {fitted['mu_s'].value:.4g} ± {fitted['mu_s'].error:.2g}" in text
    assert "statistics of 5 bins" in text
    assert f"{fitted.limit.observed:.4g}" in text  # type: ignore[union-attr]
    assert "Asimov" not in text
    assert said["goodness"]["degrees"] == 4
    assert f"goodness of fit: χ² {said['goodness']['value']:.4g} of 4 degrees of freedom, p = " in text
    assert f"{fitted.impact('scale'):+.2g}" in text


def test_without_anything_free() -> None:
    made = fit_templates(
        model(channel("c", [110], sample("b", [100], [1])), free=(), rates={"xs": {"b": 1.2}}), NOTHING
    )
    assert made.poi == ""
    assert made["xs"].value > 0.3
    with pytest.raises(DataError, match="HQ0969"):
        fit_templates(model(channel("c", [1], sample("b", [1])), free=()), NOTHING, limit=True)


def test_what_cannot_be_fitted() -> None:
    alone = model(channel("c", [3, 2], sample("s", [2, 2]), sample("b", [5, 0])))
    with pytest.raises(DataError, match="HQ0968") as caught:
        fit_templates(alone, NOTHING, limit=True)
    assert "c, 1 to 2 of x [GeV]: 2 events, and without s 0 expected" in str(caught.value)
    twins = model(channel("c", [30], sample("s", [10]), sample("b", [10])), free=("s", "b"))
    with pytest.raises(DataError, match="HQ0971") as caught:
        fit_templates(twins, NOTHING)
    assert "Hand cannot tell mu_b and mu_s apart" in str(caught.value)


def test_no_minimum_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(*_: object, **__: object) -> None:
        raise NoMinimum("Minuit took too many steps")

    monkeypatch.setattr(Minimiser, "find", find)
    with pytest.raises(DataError, match="HQ0971") as caught:
        fit_templates(counting(25, 10, 10), NOTHING)
    assert "Hand found no minimum\n  Minuit took too many steps" in str(caught.value)


def test_at_the_end_of_its_range() -> None:
    made = fit_templates(counting(5, 10, 10), NOTHING)
    assert made.notes == ("mu_s is at the end of its range, 0: its error means little",)


def test_asimov_data_of_a_result() -> None:
    """What is expected is found."""
    from hepq.runtime.analysis.description import Fit, Rate

    rates = (Rate(name="lumi", size=1.03),)
    made = fit(result(), Fit(name="Xsec", channels=("jets",), free=("ttbar",), rates=rates))
    assert made.asimov
    assert made.goodness is None
    assert math.isclose(made["mu_ttbar"].value, 1.0, abs_tol=1e-3)
    assert all(abs(p.pull or 0.0) < 1e-2 for p in made.parameters)
    assert made.provenance == result().provenance
