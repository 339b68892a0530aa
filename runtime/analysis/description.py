# SPDX-License-Identifier: Apache-2.0
"""What a compiled analysis fills, and from what: in terms that are stored, sent to workers and shown."""

from __future__ import annotations

from math import prod
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from hepq.core.analyses import Kind
from hepq.runtime.artifact.stage import StageBranch, StageOutput


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Axis(_Frozen):
    """Bins of one value. ``edges``: of ``regular`` axes the two ends, of ``integer`` ones the first number and the end.

    ``regular`` has ``bins`` bins of one width, ``variable`` one between any two edges, ``integer`` one for each number:
    these have an underflow and an overflow, where NaN goes too. ``category`` has one for each of ``entries`` and
    nothing beside them; ``boolean`` false and true. Arithmetic is boost-histogram's.
    """

    name: str
    kind: Literal["regular", "variable", "integer", "category", "boolean"]
    bins: int
    edges: tuple[float, ...] = ()
    entries: tuple[str, ...] = ()
    unit: str = ""

    @property
    def flow(self) -> bool:
        return self.kind in ("regular", "variable", "integer")

    @property
    def extent(self) -> int:
        """Cells, the underflow first, the overflow last."""
        return self.bins + 2 * self.flow


class Factor(_Frozen):
    """A number that all weights of a source have in common: ``number`` times powers of the source's cross-section (in
    mm²), of its events and of its sum of weights. It is applied when results are merged."""

    number: float = 1.0
    xsec: int = 0
    events: int = 0
    sumw: int = 0


class Filled(_Frozen):
    """Which sums (``Fill.name``) hold a histogram, and what they are multiplied by (their squares by its square)."""

    sums: str
    factor: Factor = Factor()


class Histogram(_Frozen):
    """``name``: with its region, ``r4j1b.ht``. Cells are row-major over ``axes``; the last ones are categories."""

    name: str
    region: str
    axes: tuple[Axis, ...]

    @property
    def cells(self) -> int:
        return prod(axis.extent for axis in self.axes)


class Cut(_Frozen):
    name: str
    text: str = ""


class Region(_Frozen):
    """``cuts``: in order, those of the regions that it extends first. "" is the analysis itself."""

    name: str
    cuts: tuple[Cut, ...]


class Step(_Frozen):
    """Weighted sums of cut-flow states, right for the steps from ``first`` on: with the weights that stand above."""

    first: int
    filled: Filled


class Flow(_Frozen):
    """A cut flow of n cuts. Cells of its sums are states: 0 passed all; 2j + 1 failed cut j (from 0) only; 2j + 2
    failed cut j first and another one later. ``raw`` counts events; ``steps``: weighted, in order; the last has all
    weights, and is that of N - 1. ``nan``: sums, to be added; their cell j counts events that came to cut j and in
    which what it compares is not a number. ``absent``: sums, to be added; their cell j counts events that failed cut j
    only and for which something later needs what that cut says.
    """

    raw: str
    steps: tuple[Step, ...] = ()
    nan: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


class Saved(_Frozen):
    """A skim, in one variation: outputs of the event program by column; ``passed``: the bool output of its events."""

    passed: str
    columns: dict[str, StageOutput]


class Argument(_Frozen):
    """An input of a model: ``output`` of the stage's event program, over ``dim`` ("": of the event), divided by
    ``factor``."""

    output: str
    dim: str = ""
    factor: float = 1.0


class ModelCall(_Frozen):
    """A compiled model, ``path``, applied to each entry of the dim ``each``, "": to the event.

    ``inputs``: by the artifact's branch. ``owners``: of dims of lists in the entries, the output that says which entry
    each of theirs is of. ``root``: the dim of the file that results are over; ``index``: the output that says which of
    its entries each one is, "": they are the same. ``outputs``: of each result, the input that it is of what follows.
    """

    path: str
    sha256: str
    each: str = ""
    root: str = ""
    index: str = ""
    inputs: dict[str, Argument]
    owners: dict[str, str] = Field(default={})
    outputs: dict[str, StageOutput]


class ModelStage(_Frozen):
    """Models that are applied to what an event program, of ``branches`` and earlier results, makes of events."""

    branches: tuple[StageBranch, ...]
    calls: tuple[ModelCall, ...]


class Program(_Frozen):
    """What is computed of events of one kind of sources.

    By variation: ``histograms`` and ``flows`` of each name, and ``saves``. Variations that change nothing of a
    histogram are named, and have the sums of the nominal one. ``key``: the input that says what an event's random
    numbers follow from, if there are any. ``checks``: what must be true of every event, and what it means if not.
    """

    branches: tuple[StageBranch, ...]
    lists: dict[str, str] = Field(default={})
    histograms: dict[str, dict[str, Filled]] = Field(default={})
    flows: dict[str, dict[str, Flow]] = Field(default={})
    saves: dict[str, dict[str, Saved]] = Field(default={})
    #: cells of each of the sums, and whether they have weights
    sums: dict[str, tuple[int, bool]] = Field(default={})
    checks: dict[str, str] = Field(default={})
    #: of corrections: sums whose only cell counts calls outside of their bins, in the nominal evaluation
    outside: dict[str, tuple[str, ...]] = Field(default={})
    key: str | None = None
    #: models that are applied before, in order
    models: tuple[ModelStage, ...] = ()
    #: variations that change nothing anywhere
    idle: tuple[str, ...] = ()

    @property
    def read(self) -> tuple[StageBranch, ...]:
        """What is read of files, for models too."""
        found = {b.name: b for stage in self.models for b in stage.branches}
        return tuple((found | {b.name: b for b in self.branches}).values())


class SourceFiles(_Frozen):
    """``xsec`` in mm². ``sumw``: the sum of weights that the files' own bookkeeping says, a branch of a tree:
    ``Runs:genEventSumw``."""

    name: str
    kind: Kind
    files: tuple[str, ...]
    format: Literal["root", "parquet", "csv", "npz"] = "root"
    tree: str | None = None
    xsec: float | None = None
    sumw: str | None = None


class Rate(_Frozen):
    """A number that the yields of ``sources`` (none: of all simulated ones) are multiplied by, known to a factor:
    ``size`` 1.03 is 3 %, log-normal."""

    name: str
    size: float
    sources: tuple[str, ...] = ()


class Fit(_Frozen):
    """A binned likelihood fit of histograms or categories (``sr.mass.tagged``), its ``channels``, to ``data``: sources,
    or "asimov" for the sum of all simulated ones. ``free``: sources whose rate is fitted; ``poi``: that of interest, ""
    the first. ``range``: edges of what is fitted, in the axes' own units; of its bins, each ``rebin`` become one."""

    name: str
    channels: tuple[str, ...]
    data: tuple[str, ...] | Literal["asimov"] = "asimov"
    free: tuple[str, ...] = ()
    poi: str = ""
    rates: tuple[Rate, ...] = ()
    rebin: int = 1
    range: tuple[float, float] | None = None


class Analysis(_Frozen):
    """All of it. ``programs``: of each kind of its sources. ``variations``: all but the nominal one, in order."""

    name: str
    sources: tuple[SourceFiles, ...]
    regions: tuple[Region, ...]
    histograms: tuple[Histogram, ...]
    variations: tuple[str, ...] = ()
    programs: dict[Kind, Program]
    fits: tuple[Fit, ...] = ()
    #: of the text, its imports, and the files it names
    digest: str = ""
