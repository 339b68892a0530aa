# SPDX-License-Identifier: Apache-2.0
"""Maximum-likelihood fits and CLs limits of templates, by pyhf and Minuit.

The likelihood is that of the workspace (``workspace.py``), with its interpolation between ±1σ smooth at 0, as pyhf's
command line has it (code4 of rates, code4p of bins). Errors are those of the second derivatives at the minimum.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.core.errors import DataError
from hepq.runtime.analysis.description import Fit
from hepq.runtime.analysis.fits import limits
from hepq.runtime.analysis.fits.fitted import Fitted, FittedChannel, Goodness, Parameter, ParameterKind, Yields
from hepq.runtime.analysis.fits.minimum import Minimiser, Minimum, NoMinimum
from hepq.runtime.analysis.fits.templates import Templates, statistics, strength, templates
from hepq.runtime.analysis.fits.workspace import workspace
from hepq.runtime.analysis.provenance import Provenance
from hepq.runtime.analysis.results import Result
from hepq.runtime.analysis.sums import Floats

#: how bins and rates stand between and beyond ±1σ
INTERPOLATION = {"normsys": {"interpcode": "code4"}, "histosys": {"interpcode": "code4p"}}
#: events of a bin that parameters would bring below: there would be no likelihood
LEAST = 1e-9
#: the least information on a sum of strengths, in that on the strengths, that tells them apart
_ALIKE = 1e-7
#: of its range, how near to an end a strength is said to be at it
_NEAR = 1e-4


def fit(result: Result, which: Fit | str, limit: bool = False) -> Fitted:
    """A fit of the result's analysis, by its name, or another one; with limits on the strength of interest.

    Raises DataError HQ0966 to HQ0970 as ``templates`` does, and what ``fit_templates`` does.
    """
    return fit_templates(templates(result, which), result.provenance, limit)


def fit_templates(made: Templates, provenance: Provenance, limit: bool = False) -> Fitted:
    """Raises DataError HQ0968 and HQ0969 for a limit of nothing, HQ0971 (no minimum)."""
    if limit:
        limits.check(made)
    with _pyhf() as pyhf:
        space = pyhf.Workspace(workspace(made))
        minimiser = Minimiser(space, modifier_settings=INTERPOLATION, clip_bin_data=LEAST)
        model = minimiser.model
        data = space.data(model)
        _told_apart(made, model, minimiser.start)
        try:
            found = minimiser.find(data, errors=True)
            limited = limits.upper(minimiser, data, found) if limit else None
        except NoMinimum as error:
            help = "look at the picture before the fit; join bins with rebin, free fewer rates"
            raise DataError("HQ0971", f"{made.name} found no minimum", str(error), help) from error
        parameters = _parameters(made, minimiser, found)
        channels = _channels(made, model, parameters, found.correlations)
        goodness = None if made.asimov else _goodness(made, minimiser, np.asarray(data, float), found)
    notes = [*made.notes, *_at_their_ends(model, parameters)]
    poi = strength(made.poi) if made.poi else ""
    return Fitted(
        made.name, poi, parameters, found.correlations, found.twice_nll, goodness, channels, limited, made.asimov,
        tuple(notes), provenance,
    )  # fmt: skip


@contextmanager
def _pyhf() -> Iterator[Any]:
    """pyhf with NumPy, as it was before afterwards. What it logs is said by us, or of no use to users."""
    import logging

    import pyhf

    before, log = pyhf.get_backend(), logging.getLogger("pyhf")
    level = log.level
    log.setLevel(logging.CRITICAL)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # of jsonschema, which pyhf calls
        warnings.filterwarnings("ignore", "jsonschema.RefResolver", DeprecationWarning)
        pyhf.set_backend("numpy", precision="64b")
        try:
            yield pyhf
        finally:
            pyhf.set_backend(*before)
            log.setLevel(level)


def _parameters(made: Templates, minimiser: Minimiser, found: Minimum) -> tuple[Parameter, ...]:
    kinds: dict[str, ParameterKind] = {strength(source): "strength" for source in made.free}
    kinds.update(dict.fromkeys(made.rates, "rate"))
    kinds.update(dict.fromkeys(made.nuisances, "variation"))
    kinds |= {statistics(channel.name): "statistics" for channel in made.channels}
    config = minimiser.model.config
    of = [name for name in config.par_order for _ in range(config.param_set(name).n_parameters)]
    return tuple(
        Parameter(
            name, kinds[group], float(found.values[i]), float(found.errors[i]), float(minimiser.start[i]),
            None if np.isnan(minimiser.widths[i]) else float(minimiser.widths[i]), bool(minimiser.fixed[i]),
        )
        for i, (name, group) in enumerate(zip(config.par_names, of, strict=True))
    )  # fmt: skip


def _channels(
    made: Templates, model: Any, parameters: tuple[Parameter, ...], correlations: NDArray[np.float64]
) -> tuple[FittedChannel, ...]:
    before = np.array([p.start for p in parameters])
    widths = np.array([0.0 if p.fixed or p.width is None else p.width for p in parameters])
    after = np.array([p.value for p in parameters])
    errors = np.array([0.0 if p.fixed else p.error for p in parameters])
    samples = list(model.config.samples)
    expected = [model.main_model.expected_data(at, return_by_sample=True) for at in (before, after)]
    spreads = [
        _spread(model.expected_actualdata, before, np.diag(widths**2)),
        _spread(model.expected_actualdata, after, correlations * np.outer(errors, errors)),
    ]

    def of(i: int, name: str, sources: list[str]) -> Yields:
        part = model.config.channel_slices[name]
        return Yields({s: np.array(expected[i][samples.index(s)][part]) for s in sources}, spreads[i][part])

    return tuple(
        FittedChannel(c.name, c.title, c.label, c.edges, c.data, *(of(i, c.name, sources) for i in range(2)))
        for c in made.channels
        for sources in [[s.source for s in c.samples]]
    )


def _goodness(made: Templates, minimiser: Minimiser, data: Floats, found: Minimum) -> Goodness:
    """Of the saturated model each bin's mean is what is observed in it, and no constraint is pulled (Baker, Cousins
    1984). Bins in which nothing is expected and nothing observed are none."""
    from scipy.special import gammaincc, gammaln, xlogy

    model = minimiser.model
    counts, around = data[: model.config.nmaindata], data[model.config.nmaindata :]
    best = float(np.sum(xlogy(counts, counts) - counts - gammaln(counts + 1)))
    if len(around):
        best += float(np.ravel(model.constraint_logpdf(around, minimiser.start))[0])
    value = max(found.twice_nll + 2 * best, 0.0)
    bins = int(((counts > 0) | (np.asarray(model.expected_actualdata(minimiser.start)) > LEAST)).sum())
    degrees = bins - len(made.free)
    return Goodness(value, degrees, float(gammaincc(degrees / 2, value / 2)) if degrees > 0 else float("nan"))


def _told_apart(made: Templates, model: Any, start: Floats) -> None:
    """Raises DataError HQ0971 for strengths that only together change what is expected: of any sum of theirs the Fisher
    information is 0."""
    free = [i for i, name in enumerate(model.config.par_names) if name in map(strength, made.free)]
    slopes = _slopes(model.expected_actualdata, start, np.full(len(start), 1e-2))[:, free]
    weights = 1 / np.maximum(np.asarray(model.expected_actualdata(start)), LEAST)
    information = np.einsum("bi,b,bj->ij", slopes, weights, slopes)
    if not free:
        return
    scale = np.sqrt(np.diag(information))
    sizes, directions = np.linalg.eigh(information / np.outer(scale, scale))
    if sizes[0] < _ALIKE:
        together = [
            model.config.par_names[i] for i, part in zip(free, directions[:, 0], strict=True) if abs(part) > 0.1
        ]
        title = f"{made.name} cannot tell {' and '.join(together)} apart"
        why = "they change what is expected in the same way: there is no minimum, but a valley"
        raise DataError(
            "HQ0971", title, why, "fit one of them, or add a channel that has more of one than of the other"
        )


def _spread(expected: Callable[[Floats], Any], at: Floats, covariance: NDArray[np.float64]) -> Floats:
    """The standard deviation of each bin, to first order in the parameters."""
    slopes = _slopes(expected, at, 1e-3 * np.sqrt(np.diag(covariance)))
    spread: Floats = np.sqrt(np.maximum(np.einsum("bi,ij,bj->b", slopes, covariance, slopes), 0.0))
    return spread


def _slopes(expected: Callable[[Floats], Any], at: Floats, steps: Floats) -> Floats:
    """[bins, parameters]: central differences; 0 where the step is 0."""
    slopes = np.zeros((len(np.asarray(expected(at))), len(at)))
    for i in np.flatnonzero(steps):
        step = np.zeros(len(at))
        step[i] = steps[i]
        slopes[:, i] = (np.asarray(expected(at + step)) - np.asarray(expected(at - step))) / (2 * steps[i])
    return slopes


def _at_their_ends(model: Any, parameters: tuple[Parameter, ...]) -> Iterator[str]:
    for parameter, (low, high) in zip(parameters, model.config.suggested_bounds(), strict=True):
        for end in (low, high):
            if not parameter.fixed and abs(parameter.value - end) <= _NEAR * (high - low):
                yield f"{parameter.name} is at the end of its range, {end:g}: its error means little"
