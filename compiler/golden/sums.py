# SPDX-License-Identifier: Apache-2.0
"""The reference of fills: sums over events, by the interpreter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from hepq.compiler.ir.interpret import evaluate
from hepq.compiler.ir.node import Fill, Module
from hepq.runtime.analysis.sums import Counts, Part, Sums, Weighted

Event = Mapping[str, Any]


class Violated(ValueError):
    """A check that an event does not meet."""


def summed(module: Module, events: Iterable[Event]) -> Sums:
    """Raises Violated, naming the check and the event; BadWeight."""
    cells: dict[str, list[Any]] = {fill.name: [] for fill in module.fills}
    weights: dict[str, list[Any]] = {fill.name: [] for fill in module.fills}
    wanted = {name: module.outputs[name] for fill in module.fills for name in fill.outputs}
    wanted |= {name: module.outputs[name] for name in module.checks}
    for number, event in enumerate(events):
        found = evaluate(module, wanted.values(), event, {})
        values = {name: found[node] for name, node in wanted.items()}
        for name in module.checks:
            if not values[name]:
                raise Violated(f"{name}, event {number}")
        for fill in module.fills:
            if fill.when is not None and not values[fill.when]:
                continue
            cell = np.atleast_1d(values[fill.cell])
            cells[fill.name].append(cell)
            if fill.weight is not None:
                weights[fill.name].append(np.broadcast_to(values[fill.weight], cell.shape))
    return Sums({fill.name: _part(fill, cells[fill.name], weights[fill.name]) for fill in module.fills})


def _part(fill: Fill, cells: list[Any], weights: list[Any]) -> Part:
    joined = np.concatenate([np.zeros(0, np.int64), *cells])
    if fill.weight is None:
        return Counts.of(joined)
    return Weighted.of(joined, np.concatenate([np.zeros(0), *weights]))
