# SPDX-License-Identifier: Apache-2.0
"""Formats of one instruction a line, of which vendors keep no reader in wide use: how to write and read numbers."""

from __future__ import annotations

from math import remainder, tau

from hepq.core.circuits import Angle


def number(angle: Angle) -> str:
    """Between -π and π, which differs at most by a phase; no exponents."""
    text = f"{remainder(angle.constant, tau):.15f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def angles(texts: list[str]) -> tuple[Angle, ...]:
    return tuple(Angle(float(t)) for t in texts)
