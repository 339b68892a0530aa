# SPDX-License-Identifier: Apache-2.0
"""Axes in numbers and words: edges, what stands beside them, what is outside."""

from __future__ import annotations

from typing import Any

import numpy as np

from hepq.runtime.analysis.description import Axis
from hepq.runtime.analysis.sums import Floats


def edges(axis: Axis) -> Floats:
    """[bins + 1], in the axis' unit. Of categories: 0, 1, …"""
    if axis.kind == "variable":
        return np.array(axis.edges)
    if axis.kind == "regular":
        # as boost-histogram has them, and uproot's readers
        return np.linspace(axis.edges[0], axis.edges[1], axis.bins + 1)
    return np.arange(axis.bins + 1, dtype=np.float64) + (axis.edges[0] if axis.edges else 0.0)


def label(axis: Axis) -> str:
    """``ht [GeV]``"""
    return f"{axis.name} [{axis.unit}]" if axis.unit else axis.name


def inner(axis: Axis) -> slice:
    """The cells that are no underflow and no overflow."""
    return slice(1, -1) if axis.flow else slice(None)


def category(cells: Floats, places: tuple[int, ...]) -> Floats:
    """Of a histogram's cells those of one of its categories, which are its last axes."""
    at: tuple[Any, ...] = (..., *places)
    found: Floats = cells[at]
    return found
