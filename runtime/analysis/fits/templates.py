# SPDX-License-Identifier: Apache-2.0
"""What a fit is made of: in each channel the data, and of each simulated source its bins, their variances, and its bins
at ±1σ of each nuisance parameter.

- A channel is a histogram, or one category of it; bins of several axes stand in one row. Underflow and overflow are not
  fitted, nor is what a range leaves out: notes say how much that is.
- ``scale_up`` and ``scale_down`` are +1σ and -1σ of the parameter ``scale``, the same one wherever it has that name. Of
  a variation that goes one way only the other side is the mirror image, bin by bin: 2 · nominal - varied. Nothing else
  of hepq symmetrises anything.
- Bins below 0 stay as they are: they are unbiased, and cutting them would not be. Notes count them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepq.core.analyses import NOMINAL
from hepq.core.errors import DataError, did_you_mean
from hepq.runtime.analysis.axes import category, edges, inner, label
from hepq.runtime.analysis.description import Axis, Fit, Histogram
from hepq.runtime.analysis.results import Result
from hepq.runtime.analysis.sums import Floats
from hepq.runtime.analysis.variations import directions, sides
from hepq.runtime.analysis.writers.names import identifiers, split


@dataclass(frozen=True)
class Shift:
    """A sample's bins at +1σ and at -1σ of a nuisance parameter."""

    up: Floats
    down: Floats


@dataclass(frozen=True)
class Sample:
    """What a simulated source is expected to give in a channel. ``shifts``: by nuisance parameter."""

    source: str
    values: Floats
    variances: Floats
    shifts: Mapping[str, Shift]


@dataclass(frozen=True)
class Channel:
    """``name``: an identifier; ``title``: the histogram, with its category. ``edges`` [bins + 1]: of its axis, whose
    name and unit are ``label``; of several axes 0, 1, … ``samples``: of the sources that have any events in it."""

    name: str
    title: str
    label: str
    edges: Floats
    data: Floats
    samples: tuple[Sample, ...]

    @property
    def expected(self) -> Floats:
        """[bins], of all samples."""
        total: Floats = np.sum([sample.values for sample in self.samples], axis=0)
        return total


@dataclass(frozen=True)
class Templates:
    """``poi``: the source whose rate is of interest, "" without any. ``rates``: by name of a log-normal parameter, the
    factor at +1σ of each source that it changes. ``notes``: what was dropped, mirrored, or is below 0, in words."""

    name: str
    channels: tuple[Channel, ...]
    free: tuple[str, ...]
    poi: str
    rates: Mapping[str, Mapping[str, float]]
    asimov: bool
    notes: tuple[str, ...]

    @property
    def nuisances(self) -> tuple[str, ...]:
        """Names of variations that change anything that is fitted."""
        return tuple(dict.fromkeys(name for c in self.channels for s in c.samples for name in s.shifts))


def strength(source: str) -> str:
    """The parameter that a free source's yield is multiplied by."""
    return f"mu_{source}"


def statistics(channel: str) -> str:
    """The parameters of a channel's bins that the number of simulated events leaves open."""
    return f"staterror_{channel}"


def templates(result: Result, fit: Fit | str) -> Templates:
    """Of a fit of the result's analysis, by its name, or of another one.

    Raises DataError HQ0966 (names that are not there), HQ0967 (a range or rebinning that does not fit the bins), HQ0968
    (a bin without a likelihood), HQ0969 (nothing to fit), HQ0970 (two parameters of one name).
    """
    if isinstance(fit, str):
        fits = {one.name: one for one in result.analysis.fits}
        if fit not in fits:
            raise DataError("HQ0966", f"no fit {fit}", did_you_mean(fit, fits))
        fit = fits[fit]
    return _Maker(result, fit).made()


class _Maker:
    def __init__(self, result: Result, fit: Fit) -> None:
        self.result, self.fit = result, fit
        self.asimov = fit.data == "asimov"
        self.data = () if fit.data == "asimov" else tuple(result.source(name).name for name in fit.data)
        self.simulated = tuple(s.name for s in result.sources if s.kind == "mc" and s.name not in self.data)
        self.pairs = sides(result.analysis.variations)
        self.notes: list[str] = []
        self.mirrored: set[str] = set()

    def made(self) -> Templates:
        fit = self.fit
        if not self.simulated or not fit.channels:
            what = "no simulated source" if fit.channels else "no channel"
            raise DataError("HQ0969", f"nothing to fit in {fit.name}", f"it has {what}")
        for name in (*fit.free, *((fit.poi,) if fit.poi else ()), *(s for rate in fit.rates for s in rate.sources)):
            if name not in self.simulated:
                raise DataError("HQ0966", f"no simulated source {name}", did_you_mean(name, self.simulated))
        poi = fit.poi or (fit.free[0] if fit.free else "")
        free = tuple(dict.fromkeys((*((poi,) if poi else ()), *fit.free)))
        parts = list(self._parts())
        called = identifiers(".".join((h.name, *names)) for h, names, _, _ in parts)
        channels = tuple(
            self._channel(called[title], title, h, places, axes)
            for h, names, places, axes in parts
            for title in [".".join((h.name, *names))]
        )
        for source in free:
            sums = [float(s.values.sum()) for c in channels for s in c.samples if s.source == source]
            if not any(value > 0 for value in sums):
                below = f"{math.fsum(sums):.4g} events of it are expected, less than none"
                why = below if any(sums) else "no channel expects any of it"
                raise DataError("HQ0969", f"the rate of {source} cannot be fitted", why)
        rates = self._rates()
        if mirrored := [name for name in self.pairs if name in self.mirrored]:
            self.notes.append(f"one-sided, so that the other side is its mirror image: {', '.join(mirrored)}")
        moved = [up for name in mirrored if (up := self.pairs[name][0]) is not None]
        for several in directions(moved):
            self.notes.append(
                f"neither up nor down, so that each is an uncertainty of its own: {', '.join(several)}; up and down "
                "of one name make one"
            )
        made = Templates(fit.name, channels, free, poi, rates, self.asimov, tuple(self.notes))
        names = [*rates, *made.nuisances, *map(strength, free), *(statistics(c.name) for c in channels)]
        if twice := [name for i, name in enumerate(names) if name in names[:i]]:
            why = "rates, variations, strengths of sources (mu_…) and statistics of channels (staterror_…) have one"
            raise DataError("HQ0970", f"two parameters {twice[0]}", why, "give the rate or the variation another name")
        return made

    def _parts(self) -> Iterator[tuple[Histogram, tuple[str, ...], tuple[int, ...], tuple[Axis, ...]]]:
        """Channels: all categories of a histogram, or the one that is named, ``sr.mass.tagged``."""
        known = {h.name: h for h in self.result.analysis.histograms}
        for channel in dict.fromkeys(self.fit.channels):
            name = next((n for n in known if channel == n or channel.startswith(f"{n}.")), channel)
            described = self.result.described(name)
            found = [(described, *one) for one in split(described) if channel in (name, ".".join((name, *one[0])))]
            if not found:
                titles = [".".join((name, *names)) for names, _, _ in split(described)]
                raise DataError("HQ0966", f"no histogram {channel}", did_you_mean(channel, titles))
            yield from found

    def _rates(self) -> dict[str, dict[str, float]]:
        found: dict[str, dict[str, float]] = {}
        for rate in self.fit.rates:
            factors = found.setdefault(rate.name, {})
            for source in rate.sources or self.simulated:
                # of one parameter, all of them move together
                factors[source] = factors.get(source, 1.0) * rate.size
        return found

    def _channel(
        self, name: str, title: str, described: Histogram, places: tuple[int, ...], axes: tuple[Axis, ...]
    ) -> Channel:
        kept = self._kept(described.name, axes)

        def of(source: str, variation: str = NOMINAL) -> tuple[Floats, Floats]:
            cells = self.result.cells(described.name, source, variation)
            return kept.bins(category(cells.values, places)), kept.bins(category(cells.variances, places))

        def varied(source: str) -> Iterator[tuple[str, Shift]]:
            changed, nominal = self.result.varied(described.name, source), of(source)[0]
            for nuisance, (up, down) in self.pairs.items():
                if {up, down} & set(changed):
                    shift = _shift(nominal, *(None if v is None else of(source, v)[0] for v in (up, down)))
                    if (shift.up != nominal).any() or (shift.down != nominal).any():
                        yield nuisance, shift

        samples = []
        for source in self.simulated:
            values, variances = of(source)
            shifts = dict(varied(source))
            self.mirrored |= {nuisance for nuisance in shifts if None in self.pairs[nuisance]}
            if values.any() or any(shift.up.any() or shift.down.any() for shift in shifts.values()):
                samples.append(Sample(source, values, variances, shifts))
                self._below(f"{title}, {source}", samples[-1])
        if not samples:
            raise DataError("HQ0969", f"nothing to fit in {title}", "no simulated source has any event in it")
        expected = np.sum([sample.values for sample in samples], axis=0)
        data = expected if self.asimov else np.sum([of(source)[0] for source in self.data], axis=0)
        made = Channel(name, title, kept.label, kept.edges, data, tuple(samples))
        self._outside(made, kept, described.name, places)
        _likely(made)
        return made

    def _below(self, what: str, sample: Sample) -> None:
        """A note of bins below 0."""
        moved = [bins for shift in sample.shifts.values() for bins in (shift.up, shift.down)]
        counts = [int((bins < 0).sum()) for bins in (sample.values, *moved)]
        sums = [math.fsum(bins[bins < 0]) for bins in (sample.values, *moved)]
        said = []
        if counts[0]:
            said.append(f"{counts[0]} bin{'s' * (counts[0] > 1)} below 0, {sums[0]:.4g} in all")
        if any(counts[1:]):
            said.append(f"at ±1σ of parameters up to {max(counts[1:])} below 0, {min(sums[1:]):.4g} in all")
        if said:
            self.notes.append(f"{what}: {'; '.join(said)}")

    def _outside(self, channel: Channel, kept: Kept, name: str, places: tuple[int, ...]) -> None:
        """A note of what is not fitted."""
        lost = []
        for what, sources in (("expected", self.simulated), ("observed", self.data)):
            total, inside = 0.0, 0.0
            for source in sources:
                values = category(self.result.cells(name, source).values, places)
                total += math.fsum(values.ravel())
                inside += math.fsum(kept.bins(values))
            if abs(total - inside) > 1e-9 * abs(total):
                part = f" ({(total - inside) / total:.2%})" if total else ""
                lost.append(f"{total - inside:,.5g} of {total:,.5g} {what} events{part}")
        if lost:
            self.notes.append(f"{channel.title}: outside of the bins that are fitted are {' and '.join(lost)}")

    def _kept(self, name: str, axes: tuple[Axis, ...]) -> Kept:
        fit = self.fit
        if len(axes) != 1:
            if fit.range is not None or fit.rebin != 1:
                what = "a range" if fit.range is not None else "rebin"
                why = f"{what} is of one axis, and {name} has {len(axes)}"
                raise DataError("HQ0967", f"{what} does not fit {name}", why)
            bins = math.prod(axis.bins for axis in axes)
            names = " × ".join(axis.name for axis in axes)
            return Kept(axes, slice(None), 1, np.arange(bins + 1.0), f"bin of {names}" if axes else "all")
        ends = edges(axes[0])
        first, last = 0, len(ends) - 1
        if fit.range is not None:
            first, last = (_edge(name, axes[0], ends, value) for value in fit.range)
        if last <= first:
            raise DataError("HQ0967", f"the range of {fit.name} has no bin of {name}", f"it is {fit.range}")
        if (last - first) % fit.rebin:
            why = f"{last - first} bins are not a multiple of {fit.rebin}"
            within = "" if fit.range is None else " in its range"
            raise DataError("HQ0967", f"rebin = {fit.rebin} does not fit {name}{within}", why)
        return Kept(axes, slice(first, last), fit.rebin, ends[first : last + 1 : fit.rebin], label(axes[0]))


@dataclass(frozen=True)
class Kept:
    """The bins of a histogram's axes that are fitted: a slice of those of the only axis, by so many made one."""

    axes: tuple[Axis, ...]
    part: slice
    rebin: int
    edges: Floats
    label: str

    def bins(self, cells: Floats) -> Floats:
        """Of cells, flow included."""
        inside = cells[tuple(inner(axis) for axis in self.axes)].ravel()
        merged: Floats = inside[self.part].reshape(-1, self.rebin).sum(axis=1)
        return merged


def _edge(name: str, axis: Axis, ends: Floats, value: float) -> int:
    """The number of the edge at ``value``. Raises DataError HQ0967."""
    near = int(np.argmin(np.abs(ends - value)))
    if abs(ends[near] - value) > 1e-9 * max(abs(value), float(ends[-1] - ends[0])):
        unit = f" {axis.unit}" if axis.unit else ""
        about = ", ".join(f"{e:g}" for e in ends[max(near - 2, 0) : near + 3])
        why = f"{value:g}{unit} is no edge of {name}; edges near it: {about}"
        raise DataError("HQ0967", f"the range does not fit {name}", why)
    return near


def _shift(nominal: Floats, up: Floats | None, down: Floats | None) -> Shift:
    """The side that is not there is the mirror image of the other one."""
    if up is None:
        assert down is not None
        return Shift(2 * nominal - down, down)
    return Shift(up, 2 * nominal - up if down is None else down)


def _likely(channel: Channel) -> None:
    """Raises DataError HQ0968 where no rate at all can give what is observed."""
    expected, data = channel.expected, channel.data
    bad: NDArray[np.intp] = np.flatnonzero((expected < 0) | ((expected == 0) & (data != 0)) | (data < 0))
    if bad.size:
        first = int(bad[0])
        place = f"{channel.edges[first]:g} to {channel.edges[first + 1]:g} of {channel.label}"
        title = f"{bad.size} bin{'s' * (bad.size > 1)} of {channel.title} cannot be fitted"
        why = f"{place}: {expected[first]:.4g} events are expected, {data[first]:.4g} observed"
        raise DataError("HQ0968", title, why, "join bins with rebin, or leave these out with range")
