# SPDX-License-Identifier: Apache-2.0
"""Variations by the parameter that they move: ``scale_up`` and ``scale_down`` are +1σ and -1σ of ``scale``."""

from __future__ import annotations

from collections.abc import Iterable

from hepq.runtime.analysis.writers.names import identifiers

_ENDS = ("_up", "_down")


def directions(variations: Iterable[str]) -> list[tuple[str, ...]]:
    """Variations of one name in several directions that are neither up nor down, ``ren_hi`` and ``ren_lo``."""
    found: dict[str, list[str]] = {}
    for variation in variations:
        if not variation.endswith(_ENDS):
            found.setdefault(variation.rpartition("_")[0] or variation, []).append(variation)
    return [tuple(names) for names in found.values() if len(names) > 1]


def sides(variations: Iterable[str]) -> dict[str, tuple[str | None, str | None]]:
    """By parameter, an identifier: the variations that are its +1σ and -1σ, if they are there. One whose name says
    neither is +1σ of a parameter of its own name."""
    found: dict[str, list[str | None]] = {}
    for variation in variations:
        stem, side = variation, 0
        for i, end in enumerate(_ENDS):
            if variation.endswith(end):
                stem, side = variation.removesuffix(end), i
        found.setdefault(stem, [None, None])[side] = variation
    called = identifiers(found)
    return {called[stem]: (up, down) for stem, (up, down) in found.items()}
