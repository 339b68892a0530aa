# SPDX-License-Identifier: Apache-2.0
"""Laying out nested groups of text within a line width, after Lindig, "Strictly Pretty" (2000)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Line:
    """A space (or ``flat``) in a group that fits its line, a newline in one that does not; ``hard`` is always one."""

    flat: str = " "
    hard: bool = False


@dataclass(frozen=True)
class Comma:
    """The comma after the last item, written only in a broken group."""


@dataclass(frozen=True)
class Remark:
    """A comment at the end of a line; it does not count when the width is measured. A hard line must follow."""

    text: str


@dataclass(frozen=True)
class Nest:
    """``parts`` with newlines indented two more."""

    parts: tuple[Doc, ...]


@dataclass(frozen=True)
class Group:
    """``parts`` on one line if they fit and contain no hard line, else broken at each of their own lines."""

    parts: tuple[Doc, ...]
    broken: bool


Doc = str | Line | Comma | Remark | Nest | Group
Mode = Literal["flat", "break"]

SOFT, SPACE, HARD = Line(""), Line(), Line(hard=True)


def nest(*parts: Doc) -> Nest:
    return Nest(parts)


def group(*parts: Doc) -> Group:
    return Group(parts, any(map(_forces_break, parts)))


def _forces_break(doc: Doc) -> bool:
    match doc:
        case Line(hard=hard):
            return hard
        case Group(broken=broken):
            return broken
        case Nest(parts=parts):
            return any(map(_forces_break, parts))
        case Remark():
            return True
    return False


def layout(docs: Sequence[Doc], width: int) -> str:
    """The text, without trailing spaces; takes time linear in its length times the nesting."""
    out: list[str] = []
    column = 0
    stack: list[tuple[int, Mode, Doc]] = [(0, "break", doc) for doc in reversed(docs)]
    while stack:
        indent, mode, doc = stack.pop()
        match doc:
            case str() | Remark():
                text = doc if isinstance(doc, str) else f"  {doc.text}"
                out.append(text)
                column += len(text)
            case Comma():
                out.append("," if mode == "break" else "")
            case Nest(parts=parts):
                stack += [(indent + 2, mode, part) for part in reversed(parts)]
            case Group(parts=parts, broken=broken):
                flat = mode == "flat" or (not broken and _fits(width - column, parts, stack))
                stack += [(indent, "flat" if flat else "break", part) for part in reversed(parts)]
            case Line(flat=text, hard=hard):
                if mode == "flat" and not hard:
                    out.append(text)
                    column += len(text)
                else:
                    out.append("\n" + " " * indent)
                    column = indent
    return "\n".join(line.rstrip() for line in "".join(out).split("\n"))


def _fits(room: int, parts: Sequence[Doc], rest: Sequence[tuple[int, Mode, Doc]]) -> bool:
    """Whether flat ``parts`` and what follows them, up to where it may first break, fit in ``room``."""
    for text in _flat(parts):
        room -= len(text)
        if room < 0:
            return False
    for _, mode, doc in reversed(rest):
        for text, may_break in _head(doc, mode):
            room -= len(text)
            if room < 0:
                return False
            if may_break:
                return True
    return True


def _flat(parts: Sequence[Doc]) -> Iterator[str]:
    stack = list(reversed(parts))
    while stack:
        doc = stack.pop()
        if isinstance(doc, str):
            yield doc
        elif isinstance(doc, Line):
            yield doc.flat
        elif isinstance(doc, (Nest, Group)):
            stack += reversed(doc.parts)


def _head(doc: Doc, mode: Mode) -> Iterator[tuple[str, bool]]:
    """Texts of ``doc`` up to the first place where it may break."""
    stack = [(doc, mode)]
    while stack:
        part, how = stack.pop()
        if isinstance(part, str):
            yield part, False
        elif isinstance(part, Remark):
            yield "", True
        elif isinstance(part, Line):
            if part.hard or how == "break":
                yield "", True
                return
            yield part.flat, False
        elif isinstance(part, Group):
            stack += [(p, "break") for p in reversed(part.parts)]
        elif isinstance(part, Nest):
            stack += [(p, how) for p in reversed(part.parts)]
