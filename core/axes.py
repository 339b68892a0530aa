# SPDX-License-Identifier: Apache-2.0
"""Axes of histograms as the IR has them: where a number falls, in the arithmetic of boost-histogram."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

#: whole numbers up to here are exact in float64
EXACT = 2**53
#: the ends of int64
_LEAST, _MOST = -(2**63), 2**63 - 1


@dataclass(frozen=True)
class BinAxis:
    """Bins of a number: -1 is the underflow, ``bins`` the overflow, where NaN goes too.

    ``regular``: ``edges`` are the two ends of ``bins`` bins of one width; ``variable``: ``bins`` + 1 edges that ascend;
    ``integer``: the first whole number and the one behind the last, a bin for each. A bin has its lower edge, not its
    upper one. Raises ValueError for edges that make no such axis.
    """

    kind: Literal["regular", "variable", "integer"]
    edges: tuple[float, ...]
    bins: int

    def __post_init__(self) -> None:
        if problem := self._problem():
            raise ValueError(problem)

    def _problem(self) -> str | None:
        if any(math.isnan(e) for e in self.edges):
            return "an edge is not a number"
        if self.bins < 1:
            return "it has no bins"
        if not all(a < b for a, b in zip(self.edges, self.edges[1:], strict=False)):
            return "edges do not ascend"
        ends = self.bins + 1 if self.kind == "variable" else 2
        if len(self.edges) != ends:
            return f"{self.bins} bins with {len(self.edges)} edges"
        if self.kind == "regular" and not math.isfinite(self.edges[1] - self.edges[0]):
            return "the ends are infinitely far apart"
        if self.kind == "integer":
            first, end = self.edges
            if not (isinstance(first, int) and isinstance(end, int) and end - first == self.bins):
                return "the ends of an integer axis are whole numbers, one bin for each between them"
            if first < -EXACT or end > EXACT:
                return "the ends are beyond 2^53"
        return None

    @staticmethod
    def regular(bins: int, low: float, high: float) -> BinAxis:
        return BinAxis("regular", (low, high), bins)

    @staticmethod
    def variable(edges: tuple[float, ...]) -> BinAxis:
        return BinAxis("variable", edges, len(edges) - 1)

    @staticmethod
    def integer(first: int, end: int) -> BinAxis:
        return BinAxis("integer", (first, end), end - first)

    @property
    def whole_edges(self) -> tuple[int, ...]:
        """Of whole numbers: the least int64 in each bin, and behind them; ``2**63`` where there is none.

        A whole number n is not below an edge e just if n >= ceil(e): so that they are compared exactly.
        """
        return tuple(_least_whole(e) for e in self.edges)

    def __str__(self) -> str:
        edges = ", ".join(str(e) if isinstance(e, int) else f"{e:g}" for e in self.edges)
        return f"{self.kind}({self.bins}; {edges})" if self.kind == "regular" else f"{self.kind}({edges})"


def _least_whole(edge: float) -> int:
    if math.isinf(edge):
        return _LEAST if edge < 0 else _MOST + 1
    return min(max(math.ceil(edge), _LEAST), _MOST + 1)
