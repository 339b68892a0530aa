# SPDX-License-Identifier: Apache-2.0
"""Minima of -2 ln L of pyhf's models, by Minuit.

Slopes are central differences, of all parameters at once: the model takes a batch of parameters, which is several times
faster than one after the other. Errors are of second derivatives, as differences of slopes over a fraction of each
parameter's own error with all others held: where two parameters do nearly the same, as a strength and the luminosity,
those of Minuit may be ten times too small.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.runtime.analysis.sums import Floats

#: of Minuit: -2 ln L is within 2e-6 of its minimum
TOLERANCE = 1e-3
#: of differences, in widths of constraints, and in strengths as large as they start
_STEP = 1e-4
#: of differences of slopes, in errors with all other parameters held; the first, which find these errors, in _STEP
_SECOND, _FIRST = 0.05, 10


class NoMinimum(Exception):
    """Minuit found none; why, in its words."""


@dataclass(frozen=True)
class Minimum:
    """``errors`` and ``correlations``: of second derivatives, if they were asked for; 0 of what is held."""

    values: Floats
    twice_nll: float
    errors: Floats = field(default_factory=lambda: np.zeros(0))
    correlations: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))


class Minimiser:
    """``space``: a workspace of pyhf, whose model is built with ``settings``."""

    def __init__(self, space: Any, **settings: Any) -> None:
        self.model = space.model(**settings)
        config = self.model.config
        self.start = np.array(config.suggested_init(), float)
        self.bounds = np.array(config.suggested_bounds(), float)
        self.fixed = np.array(config.suggested_fixed(), bool)
        self.widths = widths(self.model)
        self._free = np.flatnonzero(~self.fixed)
        self._many = space.model(batch_size=max(2 * len(self._free), 2), **settings)
        self._steps = _STEP * np.where(np.isnan(self.widths), np.maximum(np.abs(self.start), _STEP), self.widths)

    def twice_nll(self, values: Floats, data: Floats) -> float:
        return -2 * float(self.model.logpdf(values, data)[0])

    def slopes(self, values: Floats, data: Floats) -> Floats:
        """Derivatives of -2 ln L; 0 of what has no influence. At the ends of ranges, those just inside."""
        steps = self._steps
        middle = np.clip(values, self.bounds[:, 0] + steps, self.bounds[:, 1] - steps)
        free = self._free
        rows = np.tile(middle, (max(2 * len(free), 2), 1))
        places = np.arange(len(free))
        rows[places, free] += steps[free]
        rows[len(free) + places, free] -= steps[free]
        found = -2 * np.asarray(self._many.logpdf(rows, np.tile(data, (len(rows), 1))))
        slopes = np.zeros(len(values))
        slopes[free] = (found[: len(free)] - found[len(free) : 2 * len(free)]) / (2 * steps[free])
        return slopes

    def find(self, data: Any, start: Floats | None = None, poi: float | None = None, errors: bool = False) -> Minimum:
        """With the parameter of interest held at ``poi``, if given. Raises NoMinimum."""
        from iminuit import Minuit

        numbers = np.asarray(data, float)
        at = np.array(self.start if start is None else start, float)
        held = self.fixed.copy()
        if poi is not None:
            at[self.model.config.poi_index], held[self.model.config.poi_index] = poi, True
        if held.all():
            return Minimum(at, self.twice_nll(at, numbers), np.zeros(len(at)), np.eye(len(at)))
        minuit = Minuit(
            lambda values: self.twice_nll(values, numbers), at, grad=lambda values: self.slopes(values, numbers),
            name=self.model.config.par_names,
        )  # fmt: skip
        minuit.errordef, minuit.tol, minuit.print_level = Minuit.LEAST_SQUARES, TOLERANCE, 0
        minuit.limits, minuit.fixed = self.bounds.tolist(), held.tolist()
        minuit.errors = np.where(np.isnan(self.widths), 0.1 * np.maximum(np.abs(at), 0.1), self.widths)
        minuit.strategy = 0
        minuit.migrad()
        if not minuit.valid:
            state = minuit.fmin
            limit = state is not None and state.has_reached_call_limit
            raise NoMinimum("Minuit took too many steps" if limit else "Minuit cannot say where it is")
        values = np.array(minuit.values)
        if not errors:
            return Minimum(values, self.twice_nll(values, numbers))
        covariance = self._covariance(values, numbers, np.flatnonzero(~held))
        spread = np.sqrt(np.diag(covariance))
        scale = np.where(spread > 0, spread, 1.0)
        return Minimum(values, self.twice_nll(values, numbers), spread, covariance / np.outer(scale, scale))

    def _covariance(self, values: Floats, data: Floats, free: NDArray[np.intp]) -> NDArray[np.float64]:
        """Of all parameters; 0 of those that are not free. Raises NoMinimum."""
        curved = np.diag(self._second(values, data, free, _FIRST * self._steps[free]))
        if not (curved > 0).all():
            raise NoMinimum("second derivatives give no errors")
        second = self._second(values, data, free, _SECOND * np.sqrt(2 / curved))
        scale = np.sqrt(np.outer(curved, curved))
        try:
            np.linalg.cholesky(second / scale)
        except np.linalg.LinAlgError:
            raise NoMinimum("second derivatives give no errors") from None
        covariance = np.zeros((len(values), len(values)))
        covariance[np.ix_(free, free)] = 2 * np.linalg.inv(second / scale) / scale
        return covariance

    def _second(self, values: Floats, data: Floats, free: NDArray[np.intp], steps: Floats) -> NDArray[np.float64]:
        """Second derivatives of -2 ln L by the parameters ``free``; at the ends of ranges, those just inside."""
        found = np.zeros((len(free), len(free)))
        for i, step in zip(free, steps, strict=True):
            low, high = self.bounds[i] + np.array([1, -1]) * step
            below, above = values.copy(), values.copy()
            middle = np.clip(values[i], low, high)
            below[i], above[i] = middle - step, middle + step
            slopes = self.slopes(above, data) - self.slopes(below, data)
            found[free == i] = slopes[free] / (2 * step)
        return (found + found.T) / 2


def widths(model: Any) -> Floats:
    """Of each parameter's constraint; NaN of what is free."""
    found: list[float] = []
    for name in model.config.par_order:
        held = model.config.param_set(name)
        found += held.width() if held.constrained else [np.nan] * held.n_parameters
    return np.array(found, float)
