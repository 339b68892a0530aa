# SPDX-License-Identifier: Apache-2.0
"""What is read of a file."""

from __future__ import annotations

from dataclasses import dataclass

from hepq.core.types import UNITS, Type
from hepq.lang.syntax import ast


@dataclass(frozen=True)
class BranchPlan:
    """``factor`` takes the file's numbers to base units (GeV, mm, ns, rad). ``default``: in the file's.

    ``owner``: of an index that is no branch, but says of each entry of a nested list which entry of the dim ``owner``
    its list is of.
    """

    name: str
    branch: str
    type: Type
    unit: str
    factor: float
    default: float | None = None
    owner: str = ""


def written_unit(t: ast.TypeExpr) -> tuple[str, float]:
    """The unit that a type is written in, "1" for a number; and the factor to base units."""
    if t.name not in UNITS:
        return "1", 1.0
    return t.name if t.power == 1 else f"{t.name}^{t.power}", UNITS[t.name][1] ** t.power
