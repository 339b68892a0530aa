# SPDX-License-Identifier: Apache-2.0
"""How much of a file is held at once: a number of events, or an amount of memory."""

from __future__ import annotations

import math
import re

import numpy as np

DEFAULT = "32 MB"
_UNITS = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_AMOUNT = re.compile(r"\s*([0-9.]+(?:e[0-9]+)?)\s*([kmgt]?b)\s*", re.IGNORECASE)


def checked(step: object) -> int | str:
    """``step``. Raises ValueError for one that is no number of events above 0, and no amount such as "32 MB"."""
    if isinstance(step, str):
        size(step)
        return step
    if isinstance(step, bool) or not isinstance(step, int | np.integer) or step < 1:
        raise ValueError(f"{step!r} is not a number of events: give 1 or more, or a size such as '32 MB'")
    return int(step)


def size(step: str) -> int:
    """Bytes of an amount of memory, 1 or more."""
    found = _AMOUNT.fullmatch(step)
    try:
        amount = float(found[1]) * _UNITS[found[2].lower()] if found else 0.0
    except ValueError:
        amount = 0.0
    if not 1 <= amount < math.inf:
        raise ValueError(f"{step!r} is neither a number of events nor a size such as '32 MB'")
    return int(amount)
