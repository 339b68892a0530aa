# SPDX-License-Identifier: Apache-2.0
"""Golden vectors in words: how many there are, of made-up events or a file's, and how many were left out and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hepq.runtime.artifact.manifest import GoldenInfo


def phrasing(info: GoldenInfo) -> str:
    """``16 golden vectors (5 events left out as decided by rounding)``."""
    left = []
    if info.exceeded is not None:
        left.append(f"tolerance {info.tolerance:g}, since rounding moves most events by more than {info.exceeded:g}")
    if info.rounding:
        left.append(f"{info.rounding} events left out as decided by rounding")
    if info.unfit:
        left.append(f"{info.unfit} as refused by the program or beyond float32")
    return (
        f"{info.events} golden vectors"
        + (" of made-up events" if info.made_up else "")
        + (f" ({', '.join(left)})" if left else "")
    )
