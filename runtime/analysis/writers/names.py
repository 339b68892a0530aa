# SPDX-License-Identifier: Apache-2.0
"""Names of ours as names that ROOT, pyhf and combine take anywhere: letters, digits, underscores."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import product

from hepq.runtime.analysis.description import Axis, Histogram

_OTHER = re.compile(r"[^A-Za-z0-9]+")


def identifiers(names: Iterable[str]) -> dict[str, str]:
    """Of each name: ``r4j1b.ht`` is ``r4j1b_ht``, ``btag[0]_up`` is ``btag_0_up``; equal ones get a number."""
    found: dict[str, str] = {}
    for name in names:
        plain = _OTHER.sub("_", name).strip("_") or "all"
        number, new = 1, plain
        while new in found.values():
            number += 1
            new = f"{plain}_{number}"
        found[name] = new
    return found


def split(histogram: Histogram) -> Iterator[tuple[tuple[str, ...], tuple[int, ...], tuple[Axis, ...]]]:
    """A histogram by its categories, which are its last axes: names of one of each, their places, the axes before."""
    numeric = tuple(axis for axis in histogram.axes if axis.flow)
    categories = histogram.axes[len(numeric) :]
    names = [axis.entries or ("false", "true") for axis in categories]
    for places in product(*(range(len(entries)) for entries in names)):
        yield tuple(entries[i] for entries, i in zip(names, places, strict=True)), places, numeric
