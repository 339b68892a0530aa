# SPDX-License-Identifier: Apache-2.0
"""Blocks that loops make are numbered in the order they are made; two loops that make the same ones must agree in it.

A block and its inverse, with `Net[name="net"]` in loops over ``0..n`` and ``reverse(0..n)``, would give
`net0` to the first number in one and to the last in the other: weights of one, read into the other, would be exchanged.
"""

from __future__ import annotations

from hepq.core.diagnostics.diagnostic import Label
from hepq.core.source import Span
from hepq.lang.elaborate.context import Context, Frame, in_library
from hepq.lang.syntax import ast


def note_numbered(frame: Frame, block: ast.FnDecl, name: str, span: Span, *, named: bool) -> None:
    """Remember that the loop made a block, and for which number; of the library, only where it is ``named``."""
    counted = frame.loops == 1 and isinstance(frame.item, int) and not isinstance(frame.item, bool)
    if counted and not in_library(span) and (named or not in_library(block.span)):
        frame.numbered.setdefault((id(block), name), []).append((frame.item, span))


def check_numbering(ctx: Context, decl: ast.FnDecl) -> None:
    """At the end of a body: report blocks that another one makes for the same numbers, in another order."""
    for key, made in ctx.frame.numbered.items():
        numbers, span = tuple(n for n, _ in made), made[0][1]
        known = ctx.work.numbered.setdefault((*key, tuple(sorted(numbers))), [])
        for other, theirs, where in known:
            if numbers != theirs and len(set(numbers)) == len(numbers):
                ctx.error(
                    "HQ0225", span, Label(where, f"`{key[1]}0` is of number {theirs[0]} here"),
                    made=f"{key[1]}0", number=numbers[0], other=other, theirs=theirs[0],
                )  # fmt: skip
        if all(entry[:2] != (decl.name, numbers) for entry in known):
            known.append((decl.name, numbers, span))
