# SPDX-License-Identifier: Apache-2.0
"""Templates by hand: counting experiments and small shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hepq.runtime.analysis.fits.templates import Channel, Sample, Shift, Templates


def sample(
    source: str, values: Sequence[float], errors: Sequence[float] | None = None,
    shifts: Mapping[str, tuple[Sequence[float], Sequence[float]]] | None = None,
) -> Sample:  # fmt: skip
    """``shifts``: up and down."""
    variances = np.zeros(len(values)) if errors is None else np.array(errors, float) ** 2
    moved = {name: Shift(np.array(up, float), np.array(down, float)) for name, (up, down) in (shifts or {}).items()}
    return Sample(source, np.array(values, float), variances, moved)


def channel(name: str, data: Sequence[float], *samples: Sample) -> Channel:
    return Channel(name, name, "x [GeV]", np.arange(len(data) + 1.0), np.array(data, float), samples)


def model(
    *channels: Channel, free: tuple[str, ...] = ("s",), rates: Mapping[str, Mapping[str, float]] | None = None
) -> Templates:
    return Templates("Hand", channels, free, free[0] if free else "", rates or {}, False, ())


def counting(n: float, s: float, b: float, **rates: Mapping[str, float]) -> Templates:
    """``n`` events; ``s`` of the signal ``s`` are expected, and ``b`` of ``b``, in one bin."""
    return model(channel("c", [n], sample("s", [s]), sample("b", [b])), rates=rates)


def shapes() -> Templates:
    """Two channels with one variation of shapes, a rate, and few simulated events."""
    return model(
        channel(
            "sr", [52, 61, 30],
            sample("s", [5, 20, 5], [0.5, 1.0, 0.5], {"scale": ([4, 21, 6.5], [6, 18.5, 4])}),
            sample("b", [50, 40, 25], [3, 3, 2], {"scale": ([53, 40, 22], [48, 39, 27])}),
        ),
        channel("cr", [210, 195], sample("b", [200, 190], [6, 6], {"scale": ([206, 192], [195, 189])})),
        free=("s",), rates={"lumi": {"s": 1.03, "b": 1.03}},
    )  # fmt: skip
