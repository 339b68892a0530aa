# SPDX-License-Identifier: Apache-2.0
"""What a training does with its events: which are held out."""

from __future__ import annotations

from dataclasses import dataclass

from hepq.core.source import Span
from hepq.lang.declarations.dataset import DatasetPlan
from hepq.lang.elaborate.context import Context
from hepq.lang.elaborate.names import static_int
from hepq.lang.elaborate.values import describe
from hepq.lang.elaborate.work import MAX_COUNT
from hepq.lang.syntax import ast

_SPLIT = "a branch of whole numbers modulo a number of parts, such as `event % 5`"


@dataclass(frozen=True)
class Split:
    """``event % 5``: events are told apart by a whole number that ``branch`` of the files has for each.

    Those whose number ``parts`` divides are held out.
    """

    branch: str
    parts: int

    def __str__(self) -> str:
        return f"{self.branch} % {self.parts}"


def split(ctx: Context, e: ast.Expr, data: DatasetPlan) -> Split:
    """A branch by its name in the dataset; one that the dataset does not read by its name in the files."""
    if not isinstance(e, ast.Binary) or e.op != "%":
        ctx.error("HQ0651", e.span, wanted=_SPLIT, found=f"`{e.span.text}`")
    parts = static_int(ctx, e.right)
    if not 2 <= parts <= MAX_COUNT:
        ctx.error("HQ0651", e.right.span, wanted=f"a whole number from 2 to {MAX_COUNT}", found=describe(parts))
    return Split(_branch(ctx, e.left, data, e.span), parts)


def _branch(ctx: Context, e: ast.Expr, data: DatasetPlan, span: Span) -> str:
    if isinstance(e, ast.String):
        return e.value
    if not isinstance(e, ast.Name):
        ctx.error("HQ0651", span, wanted=_SPLIT, found=f"`{span.text}`")
    if e.id in data.branches:
        return data.branches[e.id].branch
    if e.id in ctx.frame.locals:
        help = f'a branch of that name in the files is written in quotes: `"{e.id}"`'
        ctx.error("HQ0651", e.span, wanted=_SPLIT, found=f"the variable `{e.id}`", help=help)
    return e.id
