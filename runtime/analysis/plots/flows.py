# SPDX-License-Identifier: Apache-2.0
"""Cut flows as pictures: what passes each cut, and what would pass all others (N - 1)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hepq.core.analyses import NOMINAL
from hepq.runtime.analysis.flows import Row, Yield
from hepq.runtime.analysis.plots.stack import Stack, points
from hepq.runtime.analysis.results import Result
from hepq.runtime.analysis.sums import Floats
from hepq.runtime.analysis.variations import sides


def cut_flow(result: Result, region: str) -> Stack | None:
    """Weighted events after each cut; the first bin is before any. None for a region without cuts."""
    made = _stack(result, region, f"cut flow of {region or result.analysis.name}", lambda row: row.passed, 0)
    return made if made is not None and len(made.ticks) > 1 else None


def n_minus_one(result: Result, region: str) -> Stack | None:
    """Weighted events that pass all cuts but one; None for a region without cuts, or a result that does not know."""
    return _stack(result, region, f"all cuts of {region or result.analysis.name} but one", lambda row: row.without, 1)


def _stack(result: Result, region: str, title: str, of: Callable[[Row], Yield | None], first: int) -> Stack | None:
    """Of rows from ``first`` on."""
    flows = {flow.source: flow for flow in result.cut_flows(region)}
    rows = next(iter(flows.values())).rows[first:]
    if not rows or any(of(row) is None for row in rows):
        return None

    def numbers(source: str, variation: str = NOMINAL) -> tuple[Floats, Floats]:
        flow = result.cut_flow(region, source, variation)
        found = [one for row in (flow.rows[first:] if flow else ()) if (one := of(row)) is not None]
        return np.array([one.sum for one in found]), np.array([one.variance for one in found])

    simulated = [s.name for s in result.sources if s.kind == "mc" and s.name in flows]
    data = [s.name for s in result.sources if s.kind == "data" and s.name in flows]
    sources = {source: numbers(source)[0] for source in simulated}
    zero = np.zeros(len(rows))
    total = np.sum([*sources.values()], axis=0) if sources else zero
    down = up = np.sum([numbers(source)[1] for source in simulated], axis=0) if sources else zero
    pairs = sides(result.analysis.variations) if sources else {}
    for pair in pairs.values():
        moved = [np.sum([numbers(s, v)[0] for s in simulated], axis=0) - total for v in pair if v is not None]
        up = up + np.maximum(np.max(moved, axis=0), 0.0) ** 2
        down = down + np.minimum(np.min(moved, axis=0), 0.0) ** 2
    seen = [np.sum([numbers(source)[i] for source in data], axis=0) for i in range(2)] if data else None
    passed = sum(flows[source].passed.sum for source in simulated)
    return Stack(
        title, "", np.arange(len(rows) + 1.0), sources, np.sqrt(down), np.sqrt(up),
        "statistics ⊕ variations" if pairs else "statistics", "events", points(*seen) if seen else None,
        ticks=tuple(row.cut for row in rows),
        line=("expected with all cuts", np.full(len(rows), passed)) if first and sources else None,
    )  # fmt: skip
