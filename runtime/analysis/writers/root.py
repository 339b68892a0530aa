# SPDX-License-Identifier: Apache-2.0
"""A result as a ROOT file: TH1D, TH2D and TH3D of each source and variation, cut flows, provenance.

``r4j1b_ht/ttbar/pt_scale_up``; the nominal one is ``nominal``. Variations that change nothing of a histogram are not
written: ``unchanged`` beside it names them. Of each category there is a histogram of its own: ``r4j1b_ht_b/…``.
``cutflow/REGION/SOURCE/VARIATION`` has weights, ``cutflow_events/…`` counts events, ``n_minus_one/…`` leaves out one
cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from hepq.core.analyses import NOMINAL
from hepq.runtime.analysis.axes import edges, label
from hepq.runtime.analysis.description import Axis
from hepq.runtime.analysis.flows import Row, Yield
from hepq.runtime.analysis.results import Cells, Result
from hepq.runtime.analysis.sums import Floats
from hepq.runtime.analysis.writers.names import identifiers, split
from hepq.runtime.files import check_writable, replacing

#: of dimensions, the most that a ROOT histogram has
_MOST = 3


def write_root(result: Result, path: str | Path) -> list[str]:
    """What could not be written, in words: histograms of more than three axes. Raises DataError HQ0817."""
    import uproot

    check_writable(Path(path), (".root",), "histograms are written as .root")
    left_out: list[str] = []
    with replacing(Path(path)) as temporary, uproot.recreate(temporary) as file:
        for place, made in (*_histograms(result, left_out), *_cut_flows(result)):
            file[place] = made
        file["provenance"] = result.provenance.model_dump_json()
        file["analysis"] = result.analysis.model_dump_json()
    return left_out


def _histograms(result: Result, left_out: list[str]) -> Iterator[tuple[str, Any]]:
    named = [(h, names, places, axes) for h in result.analysis.histograms for names, places, axes in split(h)]
    called = identifiers(".".join((h.name, *names)) for h, names, _, _ in named)
    variations = identifiers(result.variations)
    for described, names, places, axes in named:
        full = ".".join((described.name, *names))
        if len(axes) > _MOST:
            left_out.append(f"{full} has {len(axes)} axes, and a ROOT histogram at most {_MOST}")
            continue
        for source in result.sources:
            varied = result.varied(described.name, source.name)
            for variation in (NOMINAL, *varied):
                cells = result.cells(described.name, source.name, variation)
                at: tuple[Any, ...] = (..., *places)
                one = Cells(cells.values[at], cells.variances[at], cells.entries[at])
                yield f"{called[full]}/{source.name}/{variations[variation]}", histogram(one, axes, full)
            same = [v for v in result.analysis.variations if v not in varied]
            if same and source.kind == "mc":
                yield f"{called[full]}/{source.name}/unchanged", " ".join(same)


def _cut_flows(result: Result) -> Iterator[tuple[str, Any]]:
    regions, variations = identifiers(result.regions), identifiers(result.variations)
    for region in result.regions:
        for variation in result.variations:
            for flow in result.cut_flows(region, variation):
                place = f"{regions[region]}/{flow.source}/{variations[variation]}"
                yield f"cutflow/{place}", _steps(flow.rows, lambda row: row.passed)
                yield f"cutflow_events/{place}", _steps(flow.rows, lambda row: _counted(row.passed))
                cuts = [row for row in flow.rows if row.without is not None]
                if cuts:
                    yield f"n_minus_one/{place}", _steps(cuts, lambda row: row.without)


def _counted(passed: Yield) -> Yield:
    return Yield(passed.events, passed.events, passed.events)


def _steps(rows: Sequence[Row], of: Callable[[Row], Yield | None]) -> Any:
    found = [of(row) or Yield(0, 0, 0) for row in rows]
    axis = Axis(name="cut", kind="category", bins=len(rows), entries=tuple(row.cut for row in rows))
    return histogram(
        Cells(
            np.array([one.sum for one in found]), np.array([one.variance for one in found]),
            np.array([one.events for one in found]),
        ),
        (axis,), "cut flow",
    )  # fmt: skip


def histogram(cells: Cells, axes: Sequence[Axis], title: str) -> Any:
    """What uproot writes as TH1D, TH2D or TH3D. An axis of categories has their names as labels."""
    from uproot.writing import identify

    margins = [(0, 0) if axis.flow else (1, 1) for axis in axes]
    values, squares = (np.pad(part, margins) for part in (cells.values, cells.variances))
    kinds = (identify.to_TH1x, identify.to_TH2x, identify.to_TH3x)
    made = [_axis(axis, letter) for axis, letter in zip(axes, "xyz", strict=False)]
    return kinds[len(axes) - 1](
        fName=None, fTitle=title, data=values.ravel(order="F").astype(">f8"), fEntries=float(cells.entries.sum()),
        **_moments(values, squares, axes), fSumw2=squares.ravel(order="F").astype(">f8"),
        **{f"f{letter}axis": axis for letter, axis in zip("XYZ", made, strict=False)},
    )  # fmt: skip


def _axis(axis: Axis, letter: str) -> Any:
    from uproot.writing import identify

    ends = edges(axis)
    return identify.to_TAxis(
        fName=f"{letter}axis", fTitle=label(axis), fNbins=axis.bins,
        fXmin=ends[0], fXmax=ends[-1], fXbins=ends.astype(">f8") if axis.kind == "variable" else np.array([], ">f8"),
        fLabels=_labels(axis),
    )  # fmt: skip


def _labels(axis: Axis) -> Any:
    from uproot.writing import identify

    if not axis.entries:
        return None
    labels = []
    for i, entry in enumerate(axis.entries):
        made = identify.to_TObjString(entry)
        made._bases[0]._members["@fUniqueID"] = i + 1  # the bin that it is of
        labels.append(made)
    return identify.to_THashList(labels)


def _moments(values: Floats, squares: Floats, axes: Sequence[Axis]) -> dict[str, float]:
    """Sums over bins, at their centres, as ROOT keeps them for mean and width: fTsumwx, fTsumwxy, …"""
    inner = tuple(slice(1, -1) for _ in axes)
    weights = values[inner]
    ends = [edges(axis) for axis in axes]
    centres = dict(zip("xyz", np.meshgrid(*((e[1:] + e[:-1]) / 2 for e in ends), indexing="ij"), strict=False))
    found = {"fTsumw": weights.sum(), "fTsumw2": squares[inner].sum()}
    for one, centre in centres.items():
        found |= {f"fTsumw{one}": (weights * centre).sum(), f"fTsumw{one}2": (weights * centre**2).sum()}
    found |= {
        f"fTsumw{one}{other}": (weights * centres[one] * centres[other]).sum()
        for one, other in combinations(centres, 2)
    }
    return {name: float(number) for name, number in found.items()}
