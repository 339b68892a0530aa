# SPDX-License-Identifier: Apache-2.0
"""Numbers given as options: finite, in their range, or wrong usage."""

from __future__ import annotations

import math
from collections.abc import Callable

import typer

#: of what is counted, and of processes or threads
MOST, MOST_AT_ONCE = 10**12, 1024
#: of shots of a circuit, and of what is repeated
MOST_SHOTS, MOST_REPEATS = 10**9, 10**6
#: of seeds
LAST_SEED = 2**63 - 1


def real(low: float, high: float = math.inf, *, above: bool = False) -> Callable[[str], float]:
    """A parser of finite numbers from ``low`` (or above it) to ``high``."""
    upper = f" to {high:g}" if high < math.inf else " on"
    wanted = f"above {low:g}" + (f", to {high:g}" if high < math.inf else "") if above else f"from {low:g}{upper}"

    def number(text: str | float) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and low <= value <= high) or (above and value == low):
            raise typer.BadParameter(f"{text!r} is not a number {wanted}")
        return value

    return number


def step_size(text: str) -> int | str:
    """A parser of a number of events, or of an amount of memory."""
    from hepq.runtime.events.source import checked_step

    try:
        return checked_step(int(text) if text.isdecimal() else text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
