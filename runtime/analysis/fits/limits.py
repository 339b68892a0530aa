# SPDX-License-Identifier: Apache-2.0
"""Upper limits by CLs, in the asymptotic formulae of Cowan, Cranmer, Gross and Vitells (arXiv:1007.1727).

The test statistic is q̃(μ), with the strength bounded from below by 0; σ follows from the Asimov data of strength 0,
with all other parameters at what the data say of them then. Each value of μ costs two fits, for the observed and all
expected limits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np

from hepq.core.errors import DataError
from hepq.runtime.analysis.fits.fitted import Limit
from hepq.runtime.analysis.fits.minimum import Minimiser, Minimum, NoMinimum
from hepq.runtime.analysis.fits.templates import Templates

LEVEL = 0.95
#: fluctuations, in σ, of the expected limits
FLUCTUATIONS = (-2.0, -1.0, 0.0, 1.0, 2.0)
#: to which a limit is found, relatively
_PRECISION = 1e-4


def check(made: Templates) -> None:
    """Raises DataError HQ0969 without a strength of interest, HQ0968 where data cannot be without it."""
    if not made.poi:
        raise DataError("HQ0969", f"no limit in {made.name}", "it has no free rate", "say one: free = [signal]")
    for channel in made.channels:
        others = [s.values for s in channel.samples if s.source != made.poi]
        rest = np.sum(others, axis=0) if others else np.zeros(len(channel.data))
        bad = np.flatnonzero((rest <= 0) & (channel.data > 0))
        if bad.size:
            i = int(bad[0])
            place = f"{channel.edges[i]:g} to {channel.edges[i + 1]:g} of {channel.label}"
            why = (
                f"{channel.title}, {place}: {channel.data[i]:.4g} events, and without {made.poi} {rest[i]:.4g} expected"
            )
            help = "join bins with rebin, or leave these out with range"
            raise DataError("HQ0968", f"no limit: data cannot be without {made.poi}", why, help)


def cls(q: float, asimov: float) -> float:
    """Of the observed test statistic and that of Asimov data (equations 65 to 67; p-values of s + b and of b)."""
    root, sigma = math.sqrt(q), math.sqrt(asimov)
    if q <= asimov:
        return _beyond(root) / _beyond(root - sigma)
    middle = (q + asimov) / (2 * sigma) if sigma else math.inf
    return _beyond(middle) / _beyond(middle - sigma) if sigma else 0.0


def needed(fluctuation: float) -> float:
    """The significance √q_A at which the limit lies that is expected of data so many σ from the median."""
    from scipy.special import ndtr, ndtri

    return float(fluctuation + ndtri(1 - (1 - LEVEL) * ndtr(fluctuation)))


def upper(minimiser: Minimiser, data: Any, best: Minimum) -> Limit:
    """``best``: where -2 ln L of ``data`` has its minimum. Raises NoMinimum, also where no strength that is allowed is
    excluded."""
    poi = minimiser.model.config.poi_index
    without = minimiser.find(data, best.values, 0.0).values
    asimov = minimiser.model.expected_data(without)
    # Asimov data have their largest likelihood where they are from
    lowest = minimiser.twice_nll(without, asimov)

    @cache
    def expected(strength: float) -> float:
        return max(minimiser.find(asimov, without, strength).twice_nll - lowest, 0.0)

    @cache
    def observed(strength: float) -> float:
        if strength <= best.values[poi]:
            return 0.0
        return max(minimiser.find(data, best.values, strength).twice_nll - best.twice_nll, 0.0)

    def missing(significance: float, strength: float) -> float:
        return significance - math.sqrt(expected(strength))

    most = float(minimiser.bounds[poi, 1])
    bands = [_where(partial(missing, needed(fluctuation)), most) for fluctuation in FLUCTUATIONS]
    found = _where(lambda s: cls(observed(s), expected(s)) - (1 - LEVEL), most)
    return Limit(found, tuple(bands), LEVEL)


def _where(falling: Callable[[float], float], most: float) -> float:
    """Where a function that is positive at 0 falls through 0."""
    from scipy.optimize import brentq

    low, high = 0.0, min(1.0, most)
    while falling(high) > 0:
        if high >= most:
            raise NoMinimum(f"strengths up to {most:g} are not excluded")
        low, high = high, min(2 * high, most)
    return float(brentq(falling, low, high, rtol=_PRECISION, xtol=1e-9))


def _beyond(x: float) -> float:
    """The part of a normal distribution that is above ``x``."""
    return 0.5 * math.erfc(x / math.sqrt(2))
