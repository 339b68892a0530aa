# SPDX-License-Identifier: Apache-2.0
"""A fit as a workspace of pyhf (HistFactory, arXiv:1007.1727, in JSON).

Channels are histograms, samples sources. Each variation is a ``histosys`` of its name; each known rate a ``normsys``
whose -1σ is 1 / (its +1σ); each free rate a ``normfactor`` ``mu_SOURCE``; the simulated events' number a ``staterror``
of each channel, one parameter a bin for all samples together.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from hepq.runtime.analysis.fits.templates import Channel, Sample, Templates, statistics, strength
from hepq.runtime.analysis.provenance import Provenance
from hepq.runtime.files import check_writable, replacing

#: of the schema
VERSION = "1.0.0"


def workspace(made: Templates) -> dict[str, Any]:
    """What ``pyhf.Workspace`` takes. The parameter of interest is the first free rate, "" if there is none."""
    channels = [{"name": c.name, "samples": [_sample(made, c, s) for s in c.samples]} for c in made.channels]
    parameters = [
        {"name": strength(source), "inits": [1.0], "bounds": [[0.0, largest_strength(made, source)]]}
        for source in made.free
    ]
    config = {"poi": strength(made.poi) if made.poi else "", "parameters": parameters}
    return {
        "channels": channels,
        "observations": [{"name": c.name, "data": c.data.tolist()} for c in made.channels],
        "measurements": [{"name": made.name, "config": config}],
        "version": VERSION,
    }


def write_workspace(made: Templates, path: str | Path, provenance: Provenance) -> Path:
    """The schema leaves no room for the provenance and the notes: the file that is returned, beside it, has them.

    Raises DataError HQ0817.
    """
    path = Path(path)
    check_writable(path, (".json",), "a workspace is written as .json")
    about = {"provenance": provenance.model_dump(mode="json"), "notes": made.notes}
    beside = path.with_suffix(".provenance.json")
    for to, content in ((beside, about), (path, workspace(made))):
        with replacing(to) as temporary:
            temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return beside


def largest_strength(made: Templates, source: str) -> float:
    """A power of ten, at least 10, that gives more of ``source`` alone than all data and 5σ."""
    samples = [(c, s) for c in made.channels for s in c.samples if s.source == source]
    data = math.fsum(float(c.data.sum()) for c, _ in samples)
    expected = math.fsum(float(s.values.sum()) for _, s in samples)
    return float(10.0 ** max(1, math.ceil(math.log10((data + 5 * math.sqrt(data) + 5) / expected))))


def _sample(made: Templates, channel: Channel, sample: Sample) -> dict[str, Any]:
    modifiers: list[dict[str, Any]] = []
    if sample.source in made.free:
        modifiers.append({"name": strength(sample.source), "type": "normfactor", "data": None})
    modifiers += [
        {"name": name, "type": "normsys", "data": {"hi": factors[sample.source], "lo": 1 / factors[sample.source]}}
        for name, factors in made.rates.items()
        if sample.source in factors
    ]
    modifiers += [
        {"name": name, "type": "histosys", "data": {"hi_data": shift.up.tolist(), "lo_data": shift.down.tolist()}}
        for name, shift in sample.shifts.items()
    ]
    errors = [math.sqrt(variance) for variance in sample.variances.tolist()]
    modifiers.append({"name": statistics(channel.name), "type": "staterror", "data": errors})
    return {"name": sample.source, "data": sample.values.tolist(), "modifiers": modifiers}
