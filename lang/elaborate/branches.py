# SPDX-License-Identifier: Apache-2.0
"""What is read of a file."""

from __future__ import annotations

from dataclasses import dataclass

from hepq.core.source import Span
from hepq.core.types import UNITS, Dim, Type
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.context import Context
from hepq.lang.syntax import ast


@dataclass(frozen=True)
class BranchPlan:
    """``factor`` takes the file's numbers to base units (GeV, mm, ns, rad). ``default``: in the file's.

    ``owner``: of an index that says of each entry which entry of the dim ``owner`` its list is of; without a branch, as
    the nesting of lists has it. ``ends``: the branch says of each entry of ``owner`` where its list ends.

    ``by``: of an index that is no place, the branch in which the entries it is of have the same number. ``key``: of
    references that say what they are of, as ATLAS's do, those that are meant. ``sure``: none of them is of nothing.

    ``into``: of a dataset's own branch of whole numbers, the dim whose entries they number.
    """

    name: str
    branch: str
    type: Type
    unit: str
    factor: float
    default: float | None = None
    owner: str = ""
    ends: bool = False
    by: str = ""
    key: int = 0
    sure: bool = False
    into: Dim | None = None


def written_unit(t: ast.TypeExpr) -> tuple[str, float]:
    """The unit that a type is written in, "1" for a number; and the factor to base units."""
    if t.name not in UNITS:
        return "1", 1.0
    return t.name if t.power == 1 else f"{t.name}^{t.power}", UNITS[t.name][1] ** t.power


def read_index(ctx: Context, name: str, t: Type, span: Span) -> tuple[Tensor, Tensor]:
    """An input of whole numbers, and the index of type ``t`` that they are: of no entry where there is none."""
    assert t.into is not None, "an index numbers something"
    raw = ctx.emit("input", (), Type("int", t.dims), span, name=name)
    there = ctx.emit("iota", (), Type("int", (t.into,)), span, dim=t.into)
    return raw, ctx.emit("number", [raw, there], t, span, dim=t.into)


def readable(t: Type) -> bool:
    """Can a file hold it: numbers, with at most one ragged dim, the first; or numbers of the entries of a dim?"""
    fine = t.elem in ("real", "int", "bool") or (t.elem == "index" and t.into is not None and not t.into.primes)
    return fine and not any(d.ragged for d in t.dims[1:])


def no_entries(into: Dim) -> str:
    """What to do where nothing says how many entries there are to refer to."""
    return f"nothing else that is read is over `{into}`, whose entries it numbers: read a number of each, too"
