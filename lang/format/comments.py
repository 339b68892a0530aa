# SPDX-License-Identifier: Apache-2.0
"""Keeping comments: which comment belongs to which item of a list, body or file.

Every comment is claimed by the innermost list of items whose brackets it stands in. There it follows
an item on its line, or stands on lines of its own before one. A comment within an item, in no list
of its own, moves before that item.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from hepq.lang.format.layout import HARD, Doc, Remark
from hepq.lang.syntax.ast import Comment, Node

N = TypeVar("N", bound=Node)


@dataclass(frozen=True)
class Placed:
    """An item as laid out, the comments before it (with whether a blank line precedes each) and the one after it."""

    doc: Doc
    before: tuple[tuple[bool, str], ...]
    blank: bool  #: a blank line stood before the item itself
    after: str | None


@dataclass(frozen=True)
class Items:
    """The contents of a pair of brackets or of the file."""

    placed: tuple[Placed, ...]
    opening: str | None  #: a comment right after the opening bracket
    dangling: tuple[tuple[bool, str], ...]  #: comments after the last item

    @property
    def commented(self) -> bool:
        return bool(self.opening or self.dangling or any(p.before or p.after for p in self.placed))


class Comments:
    """The comments of a file that no item has claimed yet."""

    def __init__(self, text: str, comments: Sequence[Comment]) -> None:
        self._text = text
        self._all = comments
        self._starts = [c.span.start for c in comments]
        self._free = [True] * len(comments)

    def place(self, items: Sequence[N], start: int, end: int, doc: Callable[[N], Doc]) -> Items:
        """Lay out ``items`` with ``doc`` and share among them the comments in ``[start, end)``."""
        placed: list[Placed] = []
        opening = self._after(start, items[0].span.start if items else end)
        at = self._line_end(start) if opening else start
        for i, item in enumerate(items):
            before, at = self._own_lines(at, item.span.start, first=not placed)
            blank = self._blank(at, item.span.start) and bool(placed or before)
            body = doc(item)
            inner = [(False, self._all[k].text) for k in self._take(item.span.start, item.span.end)]
            if inner:
                inner[0] = (blank, inner[0][1])
                blank = False
            limit = items[i + 1].span.start if i + 1 < len(items) else end
            after = self._after(item.span.end, limit)
            at = self._line_end(item.span.end) if after else item.span.end
            placed.append(Placed(body, (*before, *inner), blank, after))
        dangling, _ = self._own_lines(at, end, first=not placed)
        return Items(tuple(placed), opening, tuple(dangling))

    def _range(self, start: int, end: int) -> range:
        return range(bisect_left(self._starts, start), bisect_left(self._starts, end))

    def _take(self, start: int, end: int) -> list[int]:
        taken = [i for i in self._range(start, end) if self._free[i]]
        for i in taken:
            self._free[i] = False
        return taken

    def _after(self, start: int, limit: int) -> str | None:
        """Claim the comment that ends the line of ``start``, if it stands before ``limit``."""
        for i in self._range(start, limit)[:1]:
            if self._free[i] and not self._all[i].own_line and "\n" not in self._text[start : self._starts[i]]:
                self._free[i] = False
                return self._all[i].text
        return None

    def _own_lines(self, start: int, end: int, *, first: bool) -> tuple[list[tuple[bool, str]], int]:
        """Claim the comments in a range; with each, whether a blank line precedes it."""
        out: list[tuple[bool, str]] = []
        at = start
        for i in self._take(start, end):
            blank = self._blank(at, self._starts[i]) and not (first and not out)
            out.append((blank, self._all[i].text))
            at = self._all[i].span.end
        return out, at

    def _line_end(self, start: int) -> int:
        end = self._text.find("\n", start)
        return len(self._text) if end < 0 else end

    def _blank(self, start: int, end: int) -> bool:
        return any(not line.strip(" \t\r,") for line in self._text[start:end].split("\n")[1:-1])


def stacked(items: Items) -> list[Doc]:
    """Items one below the other, comments and single blank lines kept; begins without a newline."""
    out: list[Doc] = []

    def line(blank: bool, *docs: Doc) -> None:
        if out:
            out.extend([HARD, HARD] if blank else [HARD])
        out.extend(docs)

    for item in items.placed:
        for blank, text in item.before:
            line(blank, text)
        line(item.blank, item.doc, *([Remark(item.after)] if item.after else []))
    for blank, text in items.dangling:
        line(blank, text)
    return out
