# SPDX-License-Identifier: Apache-2.0
"""Words for diagnostics: units, operators and dims as a person would say them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hepq.core.types import Dim, Type, Unit

_NUMBER = re.compile(r"-?\d[\d.eE+-]*")


def kind(unit: Unit) -> str:
    """``in GeV``, ``a pure number``"""
    return "a pure number" if unit.dimensionless else f"in {unit}"


def named(unit: Unit) -> str:
    """``GeV``, ``a pure number``"""
    return "a pure number" if unit.dimensionless else str(unit)


def extent(dim: Dim) -> str:
    """How many entries a dim has, or their names."""
    return f"up to {dim.bound}" if dim.ragged else f"[{', '.join(dim.entries)}]" if dim.entries else str(dim.size)


def counted(n: int, noun: str) -> str:
    """``1 argument``, ``2 arguments``, ``no arguments``"""
    return f"{n or 'no'} {noun}{'s' * (n != 1)}"


def convert_help(wanted: Unit, found: Unit, text: str) -> str:
    """What to do with a value, written ``text``, of one unit where another is wanted."""
    number = same_unit_help([text, ""], [found, wanted])
    if number is not None:
        return number
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
    """For ``log(p.pt)``: what to write instead of ``text``."""
    shown = text if re.fullmatch(r"[\w.()\[\], ]{1,40}", text) else f"({text})" if len(text) <= 40 else "(…)"
    return f"divide by a quantity of that unit first: `{shown} / {_one(unit)}`"


def reduce_help(name: str, text: str, t: Type) -> str:
    """For ``sum(x)``: the call with ``over=``."""
    shown = text if re.fullmatch(r"[\w.]{1,30}", text) else "…"
    return (
        f"write `{name}({shown}, over={t.dims[0]})`" if t.dims else "it is a single number: nothing is left to reduce"
    )


def shape_help(wanted: Sequence[Dim], found: Type) -> str | None:
    """For a value with more dims than its type, or fewer."""
    keys = [d.key for d in wanted]
    extra = [str(d) for d in found.dims if d.key not in keys and not (d.anonymous and len(found.dims) <= len(keys))]
    if len(found.dims) > len(keys) and extra:
        over = extra[0] if len(extra) == 1 else f"[{', '.join(extra)}]"
        how = "any" if found.elem == "bool" else "mean"
        return f"reduce over {' and '.join(f'`{d}`' for d in extra)}, for example `{how}(x, over={over})`"
    return None


def missing_dim_help(dim: Dim, found: Type) -> str | None:
    """For a value that lacks ``dim``."""
    base = dim.prime(-1) if dim.primes else dim
    if dim.primes and found.dim(base) is not None:
        return f"make a second copy: `prime(x, {base})`"
    if dim.anonymous and found.dims:
        return f"{dims_of(found)}: none of them has {dim} entries"
    if dim.size is not None and any(d.anonymous for d in found.dims):
        return f"{dims_of(found)}: none of them has the {dim.size} entries of `{dim}`"
    return None


def element_help(wanted: str, text: str) -> str | None:
    """For a value of another element type."""
    shown = text if len(text) <= 30 else "…"
    return {
        "int": f"round it towards zero: `int({shown})`",
        "bool": "compare it, as in `x > 0`",
        "index": "lists of neighbours come from `knn[k](positions, over=dim)`",
    }.get(wanted)


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
    """A quantity of that unit: ``1 GeV``, ``(1 mm / 1 ns)``."""
    powers = (("GeV", unit.energy), ("mm", unit.length), ("ns", unit.time))
    if any(p.denominator != 1 for _, p in powers):
        return "…"
    up = [f"1 {name}" + f"^{p}" * (p != 1) for name, p in powers if p > 0]
    down = [f"1 {name}" + f"^{-p}" * (p != -1) for name, p in powers if p < 0]
    text = " / ".join([" * ".join(up) or "1", *down])
    return text if len(up) + len(down) == 1 and up else f"({text})"
