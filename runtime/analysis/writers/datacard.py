# SPDX-License-Identifier: Apache-2.0
"""A fit as a datacard of CMS combine, with a ROOT file of its templates.

Templates are ``CHANNEL/SOURCE``, ``CHANNEL/SOURCE_PARAMETERUp`` and ``…Down``, and ``CHANNEL/data_obs``: TH1D with
the bins that are fitted. The source of interest is the signal, process 0, whose rate is combine's ``r``; other free
rates are ``rateParam``, known ones ``lnN``, variations ``shape``. The number of simulated events is left to
``autoMCStats`` with threshold 0, one parameter a bin as in the workspace of pyhf. What differs: combine moves the
integral of a template by a log-normal of its own and the shape beside it, and cuts bins below 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hepq.runtime.analysis.description import Axis
from hepq.runtime.analysis.fits.templates import Channel, Sample, Templates, strength
from hepq.runtime.analysis.fits.workspace import largest_strength
from hepq.runtime.analysis.provenance import Provenance
from hepq.runtime.analysis.results import Cells
from hepq.runtime.analysis.sums import Floats
from hepq.runtime.analysis.writers.root import histogram
from hepq.runtime.files import check_writable, replacing

OBSERVED = "data_obs"
_LINE = "-" * 100


def write_datacard(made: Templates, path: str | Path, provenance: Provenance) -> Path:
    """The card as ``path``, .txt; the templates beside it, in the .root file that is returned.

    Raises DataError HQ0817.
    """
    import uproot

    path = Path(path)
    check_writable(path, (".txt",), "a datacard is written as .txt")
    templates = path.with_suffix(".root")
    with replacing(templates) as temporary, uproot.recreate(temporary) as file:
        for place, one in _templates(made):
            file[place] = one
        file["provenance"] = provenance.model_dump_json()
    with replacing(path) as temporary:
        temporary.write_text(datacard(made, templates.name, provenance), encoding="utf-8")
    return templates


def datacard(made: Templates, templates: str, provenance: Provenance) -> str:
    """Its text. ``templates``: the name of their file, which stands in the card's folder."""
    # combine asks for one order of processes in all channels, and a rate of 0 where one gives nothing
    order = [made.poi] if made.poi else []
    order += [s for s in dict.fromkeys(s.source for c in made.channels for s in c.samples) if s not in order]
    numbers = {source: i + (not made.poi) for i, source in enumerate(order)}
    columns = [(c, next((s for s in c.samples if s.source == source), None), source)
               for c in made.channels for source in order]  # fmt: skip
    heads = [
        ["bin", *(c.name for c, _, _ in columns)],
        ["process", *(source for _, _, source in columns)],
        ["process", *(str(numbers[source]) for _, _, source in columns)],
        ["rate", *(repr(float(s.values.sum())) if s else "0" for _, s, _ in columns)],
    ]
    nuisances = [
        [name, "lnN", *(f"{factors[source]:.10g}" if s and source in factors else "-" for _, s, source in columns)]
        for name, factors in made.rates.items()
    ]
    nuisances += [
        [name, "shape", *("1" if s and name in s.shifts else "-" for _, s, _ in columns)] for name in made.nuisances
    ]
    lines = [
        *(f"# {line}" for line in (made.name, *provenance.lines(), *made.notes)),
        f"imax {len(made.channels)}", f"jmax {len(order) - 1}", f"kmax {len(nuisances)}", _LINE,
        f"shapes * * {templates} $CHANNEL/$PROCESS $CHANNEL/$PROCESS_$SYSTEMATIC", _LINE,
        *_table([["bin", *(c.name for c in made.channels)],
                 ["observation", *(repr(float(c.data.sum())) for c in made.channels)]]),
        _LINE, *_table([[head, "", *row] for head, *row in heads]), _LINE, *_table(nuisances), _LINE,
        *(
            f"{strength(source)} rateParam * {source} 1 [0,{largest_strength(made, source):g}]"
            for source in made.free
            if source != made.poi
        ),
        "* autoMCStats 0 1",
    ]  # fmt: skip
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _templates(made: Templates) -> Iterator[tuple[str, Any]]:
    for channel in made.channels:
        yield f"{channel.name}/{OBSERVED}", _histogram(channel, channel.data, channel.data)
        for sample in channel.samples:
            yield f"{channel.name}/{sample.source}", _histogram(channel, sample.values, sample.variances)
            yield from _shifted(channel, sample)


def _shifted(channel: Channel, sample: Sample) -> Iterator[tuple[str, Any]]:
    for name, shift in sample.shifts.items():
        for side, values in (("Up", shift.up), ("Down", shift.down)):
            place = f"{channel.name}/{sample.source}_{name}{side}"
            yield place, _histogram(channel, values, np.zeros(len(values)))


def _histogram(channel: Channel, values: Floats, variances: Floats) -> Any:
    axis = Axis(name=channel.label, kind="variable", bins=len(values), edges=tuple(channel.edges.tolist()))
    entries = np.rint(np.abs(np.pad(values, 1))).astype(np.int64)
    return histogram(Cells(np.pad(values, 1), np.pad(variances, 1), entries), (axis,), channel.title)


def _table(rows: list[list[str]]) -> list[str]:
    if not rows:
        return []
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [" ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
