# SPDX-License-Identifier: Apache-2.0
"""The result of an analysis: its sums, and of these histograms, cut flows, and one file that holds all."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from hepq.core.analyses import NOMINAL
from hepq.core.errors import DataError, did_you_mean
from hepq.runtime.analysis.description import Analysis, Factor, Filled, Histogram, SourceFiles
from hepq.runtime.analysis.flows import CutFlow, cut_flow
from hepq.runtime.analysis.provenance import Provenance
from hepq.runtime.analysis.sums import LEFT_OUT, Floats, Ints, Sums
from hepq.runtime.files import read, replacing, seal, unopened, unseal, why_not

if TYPE_CHECKING:
    import hist

FORMAT = "hepq result 1"
#: bytes of the largest file that is read
_MOST = 1 << 34
#: names of axes that `hist` gives a meaning of its own
_RESERVED = {"weight", "sample", "threads", "source", "variation"}


@dataclass(frozen=True)
class SourceRead:
    """What was read of a source: its sums, its number of events, and the sum of weights that its files say."""

    sums: Sums
    events: int
    sumw: float | None = None


@dataclass(frozen=True)
class Cells:
    """Of a histogram, one source and one variation: flow bins included, factors applied. All have its axes' shape."""

    values: Floats
    variances: Floats
    entries: Ints


@dataclass(frozen=True)
class Result:
    """``read``: by source. ``n_minus_one``: whether cuts were evaluated beyond the first that fails."""

    analysis: Analysis
    read: Mapping[str, SourceRead]
    provenance: Provenance = field(default_factory=Provenance)
    n_minus_one: bool = True

    def __post_init__(self) -> None:
        """Raises DataError HQ0965 where a weight needs what is not known of a source."""
        for source in self.sources:
            for what, factor in self._factors(source):
                self._scale(source, factor, what)

    @property
    def sources(self) -> tuple[SourceFiles, ...]:
        return self.analysis.sources

    @property
    def variations(self) -> tuple[str, ...]:
        """The nominal one first."""
        return (NOMINAL, *self.analysis.variations)

    @cached_property
    def _histograms(self) -> dict[str, Histogram]:
        return {h.name: h for h in self.analysis.histograms}

    def __getitem__(self, name: str) -> hist.Hist[Any]:
        return self.histogram(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._histograms)

    def __len__(self) -> int:
        return len(self._histograms)

    def described(self, name: str) -> Histogram:
        """The histogram's axes. Raises DataError HQ0966."""
        return self._histograms[_known("histogram", name, self._histograms)]

    def source(self, name: str) -> SourceFiles:
        """Raises DataError HQ0966."""
        return self.sources[
            [s.name for s in self.sources].index(_known("source", name, [s.name for s in self.sources]))
        ]

    def varied(self, name: str, source: str) -> tuple[str, ...]:
        """The variations that change the histogram in that source."""
        self.described(name)
        nominal = self._filled(name, source, NOMINAL)
        return tuple(v for v in self.analysis.variations if self._filled(name, source, v) != nominal)

    def cells(self, name: str, source: str, variation: str = NOMINAL) -> Cells:
        """Of what a variation does not change, and of data, its numbers are the nominal ones. Raises HQ0966."""
        shape = tuple(axis.extent for axis in self.described(name).axes)
        filled = self._filled(name, source, variation)
        if filled is None:
            return Cells(np.zeros(shape), np.zeros(shape), np.zeros(shape, np.int64))
        values, variances, entries = self._dense(source, filled, self.described(name).cells)
        return Cells(values.reshape(shape), variances.reshape(shape), entries.reshape(shape))

    def entries(self, name: str, variation: str = NOMINAL) -> tuple[int, int]:
        """Of all sources: in the bins, and outside, in an underflow or (NaN too) an overflow. Raises HQ0966."""
        inner = tuple(slice(1, -1) if axis.flow else slice(None) for axis in self.described(name).axes)
        found = [self.cells(name, source.name, variation).entries for source in self.sources]
        inside = sum(int(entries[inner].sum()) for entries in found)
        return inside, sum(int(entries.sum()) for entries in found) - inside

    def histogram(
        self, name: str, sources: Sequence[str] | None = None, variations: Sequence[str] | None = None
    ) -> hist.Hist[Any]:
        """Axes: source, variation, then the histogram's own; by default of all sources and variations.

        Variances are sums of squared weights. Raises DataError HQ0966.
        """
        import hist

        described = self.described(name)
        sources = [s.name for s in self.sources] if sources is None else list(sources)
        variations = list(self.variations) if variations is None else list(variations)
        made = hist.Hist(
            _categories("source", sources), _categories("variation", variations),
            *(_axis(axis) for axis in described.axes), storage=hist.storage.Weight(), name=name,
        )  # fmt: skip
        view: Any = made.view(flow=True)
        for i, source in enumerate(sources):
            nominal = self._filled(name, source, NOMINAL)
            kept: dict[Filled | None, Cells] = {}
            for j, variation in enumerate(variations):
                filled = self._filled(name, source, variation)
                cells = kept.get(filled) or self.cells(name, source, variation)
                view["value"][i, j], view["variance"][i, j] = cells.values, cells.variances
                if filled == nominal:
                    kept[filled] = cells
        return made

    @property
    def regions(self) -> tuple[str, ...]:
        """Those that have a cut flow."""
        flows = {region for program in self.analysis.programs.values() for region in program.flows.get(NOMINAL, {})}
        return tuple(r.name for r in self.analysis.regions if r.name in flows)

    def cut_flow(self, region: str, source: str, variation: str = NOMINAL) -> CutFlow | None:
        """None where the region has none for that source. Raises DataError HQ0966."""
        _known("region", region, self.regions)
        _known("variation", variation, self.variations)
        flows = self.analysis.programs[self.source(source).kind].flows
        flow = flows.get(variation, flows.get(NOMINAL, {})).get(region)
        if flow is None:
            return None
        described = next(r for r in self.analysis.regions if r.name == region)
        return cut_flow(
            flow, described, source, variation, lambda filled, n: self._dense(source, filled, n), self.n_minus_one
        )

    def cut_flows(self, region: str, variation: str = NOMINAL) -> list[CutFlow]:
        """Of all sources that have one. Raises DataError HQ0966."""
        found = (self.cut_flow(region, source.name, variation) for source in self.sources)
        return [flow for flow in found if flow is not None]

    def outside(self, source: str) -> dict[str, int]:
        """By correction, how many calls of it were outside of its bins, in events that passed the cuts above the call,
        without variations. Raises DataError HQ0966."""
        parts = self.read[self.source(source).name].sums.parts
        corrections = self.analysis.programs[self.source(source).kind].outside
        return {
            name: sum(int(parts[s].entries.sum()) for s in sums if s in parts) for name, sums in corrections.items()
        }

    def left_out(self, source: str) -> dict[str, int]:
        """What models left out of what they were applied to, in all variations: in words, how often. Raises DataError
        HQ0966."""
        parts = self.read[self.source(source).name].sums.parts
        return {n.removeprefix(LEFT_OUT): int(p.entries.sum()) for n, p in parts.items() if n.startswith(LEFT_OUT)}

    def unchanging(self) -> tuple[str, ...]:
        """Variations that change nothing in any source."""
        programs = self.analysis.programs.values()
        return tuple(v for v in self.analysis.variations if all(v in p.idle or v not in p.histograms for p in programs))

    def __repr__(self) -> str:
        count = f"{len(self)} histograms, {len(self.sources)} sources, {len(self.analysis.variations)} variations"
        lines = [f"<Result of {self.analysis.name}: {count}"]
        for source in self.sources:
            read = self.read[source.name]
            sumw = "" if read.sumw is None else f", sum of weights {read.sumw:,.6g}"
            lines.append(f"  {source.name} ({source.kind}): {read.events:,} events{sumw}")
            lines += [
                f"    {n:,} calls of correction {c} are outside of its bins"
                for c, n in self.outside(source.name).items()
                if n
            ]
        for name, described in self._histograms.items():
            axes = " × ".join(f"{a.name} {a.bins}" for a in described.axes)
            inside, outside = self.entries(name)
            lines.append(
                f"  {name} [{axes}]: {inside + outside:,} entries" + (f", {outside:,} outside" * bool(outside))
            )
        lines += [f"  not complete: {what}" for what in self.provenance.missing]
        return "\n".join(lines) + ">"

    def save(self, path: str | Path) -> None:
        """One file, with a checksum. Raises DataError HQ0817."""
        sums = {name: one.sums.to_bytes() for name, one in self.read.items()}
        head = {
            "format": FORMAT,
            "analysis": self.analysis.model_dump(mode="json"),
            "provenance": self.provenance.model_dump(mode="json"),
            "n_minus_one": self.n_minus_one,
            "read": {
                name: {"events": one.events, "sumw": one.sumw, "bytes": len(sums[name])}
                for name, one in self.read.items()
            },
        }
        content = json.dumps(head, separators=(",", ":")).encode() + b"\n" + b"".join(sums.values())
        with replacing(Path(path)) as temporary:
            temporary.write_bytes(seal(content))

    @classmethod
    def load(cls, path: str | Path) -> Result:
        """What ``save`` wrote. Raises DataError HQ0801 (no such file), HQ0897 (something else)."""
        if why := why_not(path):
            raise DataError("HQ0801", unopened(path, why), f"looked from {Path.cwd()}")
        try:
            head, _, content = unseal(read(Path(path), _MOST)).partition(b"\n")
            said = json.loads(head)
            if said.get("format") != FORMAT:
                raise ValueError(f"its format is {said.get('format')!r}, and not {FORMAT!r}")
            found, start = {}, 0
            for name, one in said["read"].items():
                sums = Sums.from_bytes(content[start : start + one["bytes"]])
                found[name] = SourceRead(sums, one["events"], one["sumw"])
                start += one["bytes"]
            return cls(
                Analysis.model_validate(said["analysis"]), found, Provenance.model_validate(said["provenance"]),
                said["n_minus_one"],
            )  # fmt: skip
        except (OSError, ValueError, KeyError, TypeError, AttributeError, ValidationError) as error:
            help = "hepqc run writes one; it is computed quickly from what was kept of an earlier run"
            raise DataError("HQ0897", f"{path} is not a result as it was written", str(error)[:300], help) from error

    def _filled(self, name: str, source: str, variation: str) -> Filled | None:
        _known("variation", variation, self.variations)
        histograms = self.analysis.programs[self.source(source).kind].histograms
        return histograms.get(variation, histograms.get(NOMINAL, {})).get(name)

    def _dense(self, source: str, filled: Filled, cells: int) -> tuple[Floats, Floats, Ints]:
        values, variances, entries = self.read[source].sums.dense(filled.sums, cells)
        scale = self._scale(self.source(source), filled.factor, filled.sums)
        return (values, variances, entries) if scale == 1 else (values * scale, variances * scale**2, entries)

    def _factors(self, source: SourceFiles) -> Iterator[tuple[str, Factor]]:
        program = self.analysis.programs[source.kind]
        for histograms in program.histograms.values():
            yield from ((f"histogram {name}", filled.factor) for name, filled in histograms.items())
        for flows in program.flows.values():
            for region, flow in flows.items():
                yield from (
                    (f"the cut flow of {region or self.analysis.name}", step.filled.factor) for step in flow.steps
                )

    def _scale(self, source: SourceFiles, factor: Factor, what: str) -> float:
        """Raises DataError HQ0965."""
        read = self.read[source.name]
        scale = factor.number
        for noun, value, power, help in (
            ("cross-section", source.xsec, factor.xsec, f"say it: {source.name} = mc(…, xsec=…)"),
            ("number of events", read.events, factor.events, ""),
            ("sum of weights", read.sumw, factor.sumw, 'say where its files keep it: sumw="Runs:genEventSumw"'),
        ):
            if not power:
                continue
            if not read.events:  # nothing was filled
                return 0.0
            if value is None or (value == 0 and power < 0):
                why = f"weights of {what} are {'divided' if power < 0 else 'multiplied'} by it"
                title = f"the {noun} of {source.name} is {'not known' if value is None else '0'}"
                raise DataError("HQ0965", title, why, help if value is None else "")
            scale *= float(value) ** power
        return scale


def _known(what: str, name: str, names: Any) -> str:
    if name not in names:
        raise DataError("HQ0966", f"no {what} {name}", did_you_mean(name, names))
    return name


def _categories(name: str, entries: Sequence[str]) -> Any:
    import hist

    return hist.axis.StrCategory(entries, name=name, overflow=False)


def _axis(axis: Any) -> Any:
    import hist

    name = f"{axis.name}_" if axis.name in _RESERVED else axis.name
    label = f"{axis.name} [{axis.unit}]" if axis.unit else axis.name
    match axis.kind:
        case "regular":
            return hist.axis.Regular(axis.bins, *axis.edges, name=name, label=label)
        case "variable":
            return hist.axis.Variable(axis.edges, name=name, label=label)
        case "integer":
            return hist.axis.Integer(*map(int, axis.edges), name=name, label=label)
        case "boolean":
            return hist.axis.Boolean(name=name, label=label)
    return _categories(name, axis.entries)
