# SPDX-License-Identifier: Apache-2.0
"""Arguments of public functions that are of none of the kinds or sizes they may be."""

from __future__ import annotations

from collections.abc import Collection
from numbers import Integral

from hepq.core.errors import DataError


def one_of(name: str, value: object, known: Collection[str]) -> None:
    """Raise DataError HQ0889 unless ``value`` is one of ``known``."""
    if not isinstance(value, str) or value not in known:
        raise DataError("HQ0889", f"{name}={value!r} is not known", f"known are: {', '.join(map(repr, known))}")


def whole(name: str, value: object, low: int, optional: bool = False) -> None:
    """Raise DataError HQ0889 unless ``value`` is a whole number from ``low`` on, or None where that is allowed."""
    if optional and value is None:
        return
    if isinstance(value, bool) or not isinstance(value, Integral) or value < low:
        raise DataError("HQ0889", f"{name}={value!r} is no such number", f"it is a whole number, {low} or more")
