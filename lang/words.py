# SPDX-License-Identifier: Apache-2.0
"""Words for diagnostics: units, operators and dims as a person would say them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hepq.lang.types import Dim, Type, Unit

SYMBOLS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "mod": "%", "eq": "==", "ne": "!=", "lt": "<", "le": "<=",
           "gt": ">", "ge": ">="}  # fmt: skip

_NUMBER = re.compile(r"-?\d[\d.eE+-]*")


def kind(unit: Unit) -> str:
    """``in GeV``, ``a pure number``"""
    return "a pure number" if unit.dimensionless else f"in {unit}"


def named(unit: Unit) -> str:
    """``GeV``, ``a pure number``"""
    return "a pure number" if unit.dimensionless else str(unit)


def counted(n: int, noun: str) -> str:
    """``1 argument``, ``2 arguments``, ``no arguments``"""
    return f"{n or 'no'} {noun}{'s' * (n != 1)}"


def convert_help(wanted: Unit, found: Unit) -> str:
    """What to do with a value of one unit where another is wanted."""
    if wanted.dimensionless:
        return f"divide by a quantity of that unit, such as `/ {_one(found)}`"
    if found.dimensionless:
        return f"multiply by a quantity of that unit, such as `* {_one(wanted)}`"
    return f"the two differ by {found / wanted}: check the powers, or divide by a quantity"


def same_unit_help(texts: Sequence[str], units: Sequence[Unit]) -> str | None:
    """For ``pt > 20``: the plain number is what lacks a unit."""
    for text, unit, other in zip(texts, units, reversed(units), strict=True):
        if unit.dimensionless and _NUMBER.fullmatch(text) and " " not in str(other):
            return f"give the number a unit: `{text} {other}`"
    return None


def pure_help(text: str, unit: Unit) -> str:
    shown = text if text.isidentifier() or re.fullmatch(r"[\w.()\[\], ]{1,30}", text) else "x"
    return f"divide by a quantity of that unit first: `{shown} / {_one(unit)}`"


def dims_of(t: Type) -> str | None:
    """A help line that lists the dims of a type."""
    if not t.dims:
        return "it is a single number: it has no dims"
    return "its dims are " + ", ".join(f"`{d}`" for d in t.dims)


def entries_of(dims: Sequence[Dim]) -> str | None:
    """A help line that lists the named entries of a value."""
    names = [n for d in dims for n in d.entries]
    return "its entries are " + ", ".join(f"`{n}`" for n in names) if names else None


def _one(unit: Unit) -> str:
    text = str(unit)
    return f"1 {text}" if " " not in text and "/" not in text else f"(a quantity in {text})"
