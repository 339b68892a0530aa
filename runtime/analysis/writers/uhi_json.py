# SPDX-License-Identifier: Apache-2.0
"""A result as UHI JSON: what hist, boost-histogram and others of the Scikit-HEP family read.

A dictionary of histograms with axes source, variation, and their own. ``REGION.cutflow`` is weighted, with axes source,
variation and cut. Each histogram's ``metadata`` has the provenance.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hepq.runtime.analysis.results import Result
from hepq.runtime.files import check_writable, replacing

if TYPE_CHECKING:
    import hist


def write_uhi_json(result: Result, path: str | Path) -> None:
    """Raises DataError HQ0817."""
    import uhi.io.json

    check_writable(Path(path), (".json",), "UHI JSON is written as .json")
    about = {"name": result.analysis.name, "hepq": result.provenance.model_dump(mode="json")}
    with replacing(Path(path)) as temporary, temporary.open("w", encoding="utf-8") as file:
        # piece by piece: all of a large result at once would be many times its size
        for i, (name, made) in enumerate(_all(result)):
            content = uhi.io.json.default(made)
            content["metadata"] = {**content.get("metadata", {}), **about}
            file.write(f"{',' if i else '{'}\n{json.dumps(name)}: ")
            file.write(json.dumps(content, default=uhi.io.json.default))
        file.write("\n}\n")


def _all(result: Result) -> Any:
    yield from ((name, result[name]) for name in result)
    for region in result.regions:
        yield f"{region}.cutflow".lstrip("."), cut_flow_histogram(result, region)


def cut_flow_histogram(result: Result, region: str) -> hist.Hist[Any]:
    """Axes: source, variation, cut ("all events" first); of weights that passed."""
    import hist

    cuts = next(r.cuts for r in result.analysis.regions if r.name == region)
    flows = [flow for v in result.variations for flow in result.cut_flows(region, v)]
    sources = [s.name for s in result.sources]
    axes = {"source": sources, "variation": list(result.variations), "cut": ["all events", *(c.name for c in cuts)]}
    made = hist.Hist(
        *(hist.axis.StrCategory(entries, name=name, overflow=False) for name, entries in axes.items()),
        storage=hist.storage.Weight(), name=region,
    )  # fmt: skip
    view: Any = made.view()
    for flow in flows:
        place = axes["source"].index(flow.source), axes["variation"].index(flow.variation)
        view["value"][place] = [row.passed.sum for row in flow.rows]
        view["variance"][place] = [row.passed.variance for row in flow.rows]
    return made
