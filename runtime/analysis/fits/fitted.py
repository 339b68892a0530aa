# SPDX-License-Identifier: Apache-2.0
"""What a fit gives: its parameters, limits, and what is expected in each bin before and after."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hepq.runtime.analysis.provenance import Provenance
from hepq.runtime.analysis.sums import Floats
from hepq.runtime.files import check_writable, replacing

#: free; a variation of shapes; a known rate; the number of simulated events in a bin
ParameterKind = Literal["strength", "variation", "rate", "statistics"]
BAND = ("-2σ", "-1σ", "median", "+1σ", "+2σ")


@dataclass(frozen=True)
class Parameter:
    """Fitted to ``value`` ± ``error`` (of the second derivatives of the likelihood). ``start``: where it stands before,
    and what its constraint is around, of width ``width``: None of what is free. ``fixed``: of a bin without events."""

    name: str
    kind: ParameterKind
    value: float
    error: float
    start: float
    width: float | None = None
    fixed: bool = False

    @property
    def pull(self) -> float | None:
        """How far the data move it, in widths of its constraint."""
        return None if self.width is None else (self.value - self.start) / self.width

    @property
    def constraint(self) -> float | None:
        """Its error in widths of its constraint: less than 1 where data know more."""
        return None if self.width is None else self.error / self.width


@dataclass(frozen=True)
class Limit:
    """Upper limits of the strength of interest, by CLs at ``level``; ``expected``: without it, at -2σ to +2σ."""

    observed: float
    expected: tuple[float, ...]
    level: float = 0.95


@dataclass(frozen=True)
class Goodness:
    """``value``: -2 ln of the likelihood over that of a model with a parameter for each bin (saturated); of many events
    it would be of χ² with so many ``degrees``. ``p``: the part of that above it, NaN without a degree."""

    value: float
    degrees: int
    p: float


@dataclass(frozen=True)
class Yields:
    """Events expected in a channel: by source, and the total's error (of all parameters, with their correlations)."""

    sources: Mapping[str, Floats]
    error: Floats

    @property
    def total(self) -> Floats:
        total: Floats = np.sum([*self.sources.values()], axis=0)
        return total


@dataclass(frozen=True)
class FittedChannel:
    """``edges`` [bins + 1], of an axis that is called ``label``; ``data`` [bins]."""

    name: str
    title: str
    label: str
    edges: Floats
    data: Floats
    before: Yields
    after: Yields


@dataclass(frozen=True)
class Fitted:
    """``poi``: the parameter of interest, "" without one. ``correlations`` [n, n]: of the parameters in their order; 0
    of fixed ones. ``twice_nll``: -2 ln L at its minimum. ``goodness``: None for Asimov data, which fit by themselves.
    ``asimov``: whether the data are what is expected."""

    name: str
    poi: str
    parameters: tuple[Parameter, ...]
    correlations: NDArray[np.float64]
    twice_nll: float
    goodness: Goodness | None
    channels: tuple[FittedChannel, ...]
    limit: Limit | None
    asimov: bool
    notes: tuple[str, ...]
    provenance: Provenance

    def __getitem__(self, name: str) -> Parameter:
        return next(p for p in self.parameters if p.name == name)

    @property
    def pulled(self) -> tuple[Parameter, ...]:
        """What is constrained, but for statistics of bins."""
        return tuple(p for p in self.parameters if p.kind in ("variation", "rate"))

    def impact(self, name: str) -> float | None:
        """By how much the parameter of interest moves with this one by its error, to first order: their correlation
        times the former's error. None without a parameter of interest, or for that itself."""
        if not self.poi or name == self.poi:
            return None
        names = [p.name for p in self.parameters]
        return float(self.correlations[names.index(self.poi), names.index(name)]) * self[self.poi].error

    def save(self, path: str | Path) -> None:
        """As JSON. Raises DataError HQ0817."""
        check_writable(Path(path), (".json",), "a fit is written as .json")
        with replacing(Path(path)) as temporary:
            temporary.write_text(json.dumps(self.to_json(), indent=1) + "\n", encoding="utf-8")

    def to_json(self) -> dict[str, Any]:
        said: dict[str, Any] = {
            "format": "hepq fit 1", "name": self.name, "poi": self.poi, "data": "asimov" if self.asimov else "observed",
            "twice_nll": self.twice_nll,
            "parameters": [
                {"name": p.name, "kind": p.kind, "value": p.value, "error": p.error, "start": p.start, "width": p.width,
                 "pull": p.pull, "constraint": p.constraint, "impact": self.impact(p.name), "fixed": p.fixed}
                for p in self.parameters
            ],
            "correlations": self.correlations.tolist(),
        }  # fmt: skip
        if (goodness := self.goodness) is not None:
            p = None if math.isnan(goodness.p) else goodness.p
            said["goodness"] = {"value": goodness.value, "degrees": goodness.degrees, "p": p}
        if (limit := self.limit) is not None:
            expected = dict(zip(BAND, limit.expected, strict=True))
            said["limit"] = {"level": limit.level, "observed": limit.observed, "expected": expected}
        said["channels"] = [
            {
                "name": c.name, "histogram": c.title, "axis": c.label, "edges": c.edges.tolist(),
                "data": c.data.tolist(),
                **{
                    when: {
                        "sources": {s: v.tolist() for s, v in y.sources.items()},
                        "total": y.total.tolist(),
                        "error": y.error.tolist(),
                    }
                    for when, y in (("before", c.before), ("after", c.after))
                },
            }
            for c in self.channels
        ]  # fmt: skip
        return {**said, "notes": self.notes, "provenance": self.provenance.model_dump(mode="json")}
