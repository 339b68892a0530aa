# SPDX-License-Identifier: Apache-2.0
"""What is read of a file."""

from __future__ import annotations

from dataclasses import dataclass

from hepq.core.types import UNITS, Type
from hepq.lang.syntax import ast


@dataclass(frozen=True)
class BranchPlan:
    """``factor`` takes the file's numbers to base units (GeV, mm, ns, rad). ``default``: in the file's.

    ``owner``: of an index that says of each entry which entry of the dim ``owner`` its list is of; without a branch, as
    the nesting of lists has it. ``ends``: the branch says of each entry of ``owner`` where its list ends.

    ``by``: of an index that is no place, the branch in which the entries it is of have the same number. ``key``: of
    references that say what they are of, as ATLAS's do, those that are meant. ``sure``: none of them is of nothing.
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


def written_unit(t: ast.TypeExpr) -> tuple[str, float]:
    """The unit that a type is written in, "1" for a number; and the factor to base units."""
    if t.name not in UNITS:
        return "1", 1.0
    return t.name if t.power == 1 else f"{t.name}^{t.power}", UNITS[t.name][1] ** t.power
