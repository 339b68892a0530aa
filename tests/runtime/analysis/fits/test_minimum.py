# SPDX-License-Identifier: Apache-2.0
"""The minimiser: its slopes against differences one by one, what it holds, what it says when there is no minimum."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import pytest

from hepq.runtime.analysis.fits.limits import upper
from hepq.runtime.analysis.fits.minimum import Minimiser, NoMinimum
from hepq.runtime.analysis.fits.templates import Templates
from hepq.runtime.analysis.fits.workspace import workspace
from tests.runtime.analysis.fits.models import channel, counting, model, sample, shapes


def minimiser(made: Templates) -> tuple[Minimiser, np.ndarray]:
    """And its data."""
    import pyhf

    space = pyhf.Workspace(workspace(made))
    found = Minimiser(space)
    return found, np.array(space.data(found.model))


@pytest.fixture(autouse=True)
def numpy_backend() -> Iterator[None]:
    import pyhf

    before = pyhf.get_backend()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pyhf.set_backend("numpy", precision="64b")
        yield
        pyhf.set_backend(*before)


def test_slopes() -> None:
    found, data = minimiser(shapes())
    at = found.start + 0.05
    for i, slope in enumerate(found.slopes(at, data)):
        step = np.zeros(len(at))
        step[i] = 1e-5
        one = (found.twice_nll(at + step, data) - found.twice_nll(at - step, data)) / 2e-5
        assert slope == pytest.approx(one, rel=1e-4, abs=1e-4)


def test_what_is_held() -> None:
    found, data = minimiser(shapes())
    poi = found.model.config.poi_index
    one = found.find(data, poi=0.25, errors=True)
    assert one.values[poi] == 0.25
    assert one.errors[poi] == 0
    free = [i for i in range(len(found.start)) if i != poi]
    assert np.abs(found.slopes(one.values, data)[free]).max() < 1e-2
    assert one.twice_nll > found.find(data).twice_nll


def test_nothing_free() -> None:
    found, data = minimiser(model(channel("c", [4], sample("b", [5.0])), free=()))
    one = found.find(data)
    assert one.twice_nll == found.twice_nll(found.start, data)
    assert one.errors.tolist() == [0.0]


@pytest.mark.parametrize("second", [[[1.0, 1.0], [1.0, 1.0]], [[1.0, 0.0], [0.0, -1.0]]])
def test_second_derivatives_of_no_minimum(second: list[list[float]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Parameters that do the same; one that is at a maximum."""
    found, data = minimiser(shapes())
    best, free = found.find(data), np.array([0, 1])
    monkeypatch.setattr(found, "_second", lambda values, data, free, steps: np.array(second))
    with pytest.raises(NoMinimum, match="second derivatives give no errors"):
        found._covariance(best.values, data, free)


def test_a_limit_beyond_what_is_allowed() -> None:
    found, data = minimiser(counting(50, 1, 50))
    found.bounds[found.model.config.poi_index] = (0.0, 0.5)
    with pytest.raises(NoMinimum, match=r"strengths up to 0\.5 are not excluded"):
        upper(found, data, found.find(data))


def test_errors_of_two_that_do_nearly_the_same() -> None:
    """n = μ κ^θ s with many events, θ from -1 to 1: what is known of μ is what is known of κ^θ."""
    made = model(
        channel("c", [400_000, 200_000], sample("s", [400_000.0, 200_000.0])), rates={"lumi": {"s": 1.03}}, free=("s",)
    )
    found, data = minimiser(made)
    one = found.find(data, errors=True)
    names = found.model.config.par_names
    expected = np.hypot(np.log(1.03), 1 / np.sqrt(600_000))
    assert one.errors[names.index("mu_s")] == pytest.approx(expected, rel=2e-3)
    assert one.errors[names.index("lumi")] == pytest.approx(1, rel=2e-3)
    assert one.correlations[names.index("mu_s"), names.index("lumi")] == pytest.approx(-1, abs=2e-3)
