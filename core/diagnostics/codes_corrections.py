# SPDX-License-Identifier: Apache-2.0
"""HQ094x: axes, random numbers, and the files that analyses read when they are compiled."""

from __future__ import annotations

from hepq.core.diagnostics.diagnostic import Entry

CORRECTIONS = {
    "HQ0940": Entry(
        "no axis of a histogram: {problem}",
        "`bins(n, low, high)` has n bins of one width, `bins(edges)` a bin between any two edges, which ascend; "
        "`integers(first, end)` one for each whole number.",
        "write `bins(40, 0 GeV, 200 GeV)`, `bins([0, 1, 5])` or `integers(0, 10)`",
    ),
    "HQ0949": Entry(
        "{distribution} has no width",
        "`normal(mean, std)` needs a standard deviation above 0, `uniform(low, high)` ends that ascend.",
        "write `normal(1, 0.05)` or `uniform(0, 1)`",
    ),
}
