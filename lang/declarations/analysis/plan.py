# SPDX-License-Identifier: Apache-2.0
"""What the checker makes of an analysis: its sources, and what each evaluation cuts, weights, fills and saves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Literal

from hepq.core.analyses import Kind
from hepq.core.axes import BinAxis
from hepq.core.source import Span
from hepq.core.types import ONE, Unit
from hepq.lang.declarations.dataset_sources import Format
from hepq.lang.elaborate.analyses.models import CallPlan
from hepq.lang.elaborate.branches import BranchPlan
from hepq.lang.elaborate.builder import Tensor


@dataclass(frozen=True)
class SourcePlan:
    """``xsec`` in mm²; ``sumw``: where files keep their sum of weights, ``Runs:genEventSumw``."""

    name: str
    kind: Kind
    files: tuple[str, ...]
    format: Format
    span: Span
    tree: str | None = None
    xsec: float | None = None
    sumw: str | None = None


@dataclass(frozen=True, eq=False)
class CutPlan:
    """``condition``: bool of the event; it counts as false where any of ``holds`` is. None: it is of other sources."""

    name: str
    text: str
    condition: Tensor | None
    holds: tuple[Tensor, ...]
    span: Span


@dataclass(frozen=True)
class Factors:
    """A number that all events of a source have in common; ``powers`` of its cross-section (mm²), events, weights."""

    number: float = 1.0
    powers: tuple[int, int, int] = (0, 0, 0)

    def __mul__(self, other: Factors) -> Factors:
        a, b, c = (p + q for p, q in zip(self.powers, other.powers, strict=True))
        return Factors(self.number * other.number, (a, b, c))


@dataclass(frozen=True, eq=False)
class WeightPlan:
    """``factors`` times ``value``, real of the event or of each entry of one dim; events where any of ``holds`` is
    false have none."""

    name: str
    factors: Factors
    value: Tensor | None
    holds: tuple[Tensor, ...]


Entry = CutPlan | WeightPlan


@dataclass(frozen=True)
class AxisPlan:
    """Bins of ``values[0]``; of a category without bins: the number of one of ``entries``, a truth value (none), or,
    of several values, the first that is true."""

    name: str
    values: tuple[Tensor, ...]
    bins: BinAxis | None = None
    unit: Unit = ONE
    entries: tuple[str, ...] = ()

    @property
    def kind(self) -> Literal["regular", "variable", "integer", "category", "boolean"]:
        if self.bins is not None:
            return self.bins.kind
        return "category" if self.entries else "boolean"

    @property
    def extent(self) -> int:
        """Cells, underflow and overflow included."""
        return self.bins.bins + 2 if self.bins is not None else len(self.entries) or 2


@dataclass(frozen=True)
class HistogramPlan:
    """``above``: cuts and weights that stand above. Entries where one of ``holds`` is false are not filled."""

    name: str
    region: str
    axes: tuple[AxisPlan, ...]
    above: tuple[Entry, ...]
    weight: WeightPlan | None
    holds: tuple[Tensor, ...]
    span: Span

    @property
    def cells(self) -> int:
        return prod(axis.extent for axis in self.axes)


@dataclass(frozen=True)
class SavePlan:
    """``columns``: of the event or over one dim. Of events that pass the cuts ``above``."""

    name: str
    columns: Mapping[str, Tensor]
    above: tuple[Entry, ...]


@dataclass(frozen=True)
class RegionPlan:
    """``entries``: its cuts and weights in order, inherited ones first."""

    name: str
    entries: tuple[Entry, ...]

    @property
    def cuts(self) -> tuple[CutPlan, ...]:
        return cuts(self.entries)


@dataclass(frozen=True)
class CorrectionUse:
    """A call of a correction: where it was outside of its bins, and where it has no value. ``above``: as above."""

    name: str
    outside: Tensor | None
    wrong: Tensor | None
    above: tuple[Entry, ...]


@dataclass
class Evaluated:
    """What one evaluation of the program gives."""

    regions: dict[str, RegionPlan] = field(default_factory=dict)
    histograms: dict[str, HistogramPlan] = field(default_factory=dict)
    saves: dict[str, SavePlan] = field(default_factory=dict)
    corrections: list[CorrectionUse] = field(default_factory=list)


@dataclass
class KindPlan:
    """Of the sources of one kind: what is read, and what each variation gives, the nominal one first."""

    branches: dict[str, BranchPlan] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    lists: Mapping[str, str] = field(default_factory=dict)
    evaluated: dict[str, Evaluated] = field(default_factory=dict)
    #: models that are called, by the name of their results
    calls: dict[str, CallPlan] = field(default_factory=dict)
    #: collections may be read
    objects: bool = True

    def called(self, call: CallPlan) -> str:
        """The name of a call's results: equal ones have one."""
        for name, known in self.calls.items():
            if known.same(call):
                return name
        name = f"model {len(self.calls)}"
        self.calls[name] = call
        return name


@dataclass
class AnalysisPlan:
    """``variations``: all but the nominal one, in order. ``disjoint``: pairs of regions without common events."""

    name: str
    sources: dict[str, SourcePlan] = field(default_factory=dict)
    variations: list[str] = field(default_factory=list)
    disjoint: list[tuple[str, str]] = field(default_factory=list)
    kinds: dict[Kind, KindPlan] = field(default_factory=dict)


def cuts(entries: tuple[Entry, ...]) -> tuple[CutPlan, ...]:
    return tuple(e for e in entries if isinstance(e, CutPlan))


def weights(entries: tuple[Entry, ...]) -> tuple[WeightPlan, ...]:
    return tuple(e for e in entries if isinstance(e, WeightPlan))
