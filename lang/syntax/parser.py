# SPDX-License-Identifier: Apache-2.0
"""Source text to syntax tree. ``parse`` never raises: what is wrong goes to the sink."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from io import BytesIO
from typing import Any

import lark
from lark import Lark, Token, Tree, UnexpectedInput

from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import Sink
from hepq.core.results_cache import kept
from hepq.core.source import Source, Span
from hepq.lang.syntax import ast
from hepq.lang.syntax.build import Build
from hepq.lang.syntax.declaration import declaration_words
from hepq.lang.syntax.messages import explain
from hepq.lang.syntax.reading import MAX_NESTING

_STRING_OR_COMMENT = re.compile(r'"[^"\n]*"|#[^\n]*')


def parse(source: Source, sink: Sink) -> ast.File:
    """The declarations of ``source``.

    A declaration with a syntax error is reported and left out, and the names it would have declared
    are kept in ``File.lost``. Takes time linear in the length of the text.
    """
    text = source.text
    whole = Span(source, 0, len(text))
    comments = tuple(_comments(source))
    deep = _too_deep(text)
    if deep is not None:
        sink.add(diag("HQ0006", Span(source, deep, deep + 1), limit=MAX_NESTING))
        return ast.File(decls=(), comments=comments, lost=_names_declared(text), span=whole)
    try:
        decls, lost = _decls(source, 0, len(text), sink)
    except UnexpectedInput:
        decls, lost = [], frozenset()
        for start, end in _chunks(text):
            try:
                good, bad = _decls(source, start, end, sink)
            except UnexpectedInput as error:
                if sink.full:
                    sink.skip()
                else:
                    sink.add(explain(error, source, start, end))
                good, bad = [], _names_declared(text[start:end])
            decls += good
            lost |= bad
    return ast.File(decls=tuple(decls), comments=comments, lost=lost, span=whole)


@cache
def grammar() -> Lark:
    """The LALR parser, from the user's cache when there is one."""
    text = grammar_text()
    made = kept("grammar", f"{lark.__version__}{text}".encode(), lambda: _saved(text))
    return Lark.load(BytesIO(made))


def grammar_text() -> str:
    return files("hepq.grammar").joinpath("hepq.lark").read_text(encoding="utf-8")


def _saved(text: str) -> bytes:
    out = BytesIO()
    Lark(text, parser="lalr", strict=True, propagate_positions=True, maybe_placeholders=True).save(out)
    return out.getvalue()


def _decls(source: Source, start: int, end: int, sink: Sink) -> tuple[list[ast.Decl], frozenset[str]]:
    """Declarations in a range of the text, and the names of those that are nested too deeply."""
    tree = grammar().parse(source.text[start:end])
    kept: list[Any] = []
    lost: frozenset[str] = frozenset()
    for decl in tree.children:
        assert isinstance(decl, Tree)
        if _depth(decl) <= MAX_NESTING:
            kept.append(decl)
            continue
        span = Span(source, start + decl.meta.start_pos, start + decl.meta.end_pos)
        sink.add(diag("HQ0006", span, limit=MAX_NESTING))
        lost |= _names_declared(span.text)
    tree.children = kept
    file = Build(source, start, sink).transform(tree)
    assert isinstance(file, ast.File)
    return list(file.decls), lost


def _depth(tree: Tree[Token]) -> int:
    depth, level = 0, [tree]
    while level:
        depth += 1
        level = [child for node in level for child in node.children if isinstance(child, Tree)]
    return depth


def _comments(source: Source) -> Iterator[ast.Comment]:
    text = source.text
    for match in _STRING_OR_COMMENT.finditer(text):
        if match[0][0] == "#":
            own_line = not text[text.rfind("\n", 0, match.start()) + 1 : match.start()].strip()
            span = Span(source, match.start(), match.end())
            yield ast.Comment(text=match[0].rstrip(), own_line=own_line, span=span)


# --- declarations of a text that does not parse as a whole, in one pass over its characters


@cache
def _outline() -> re.Pattern[str]:
    """Brackets, and the words and attributes that begin a line."""
    return re.compile(
        r'"[^"\n]*"|\#[^\n]*|(?P<open>[(\[{])|(?P<close>[)\]}])'
        rf"|^(?P<indent>[ \t]*)(?:(?P<attr>@)|(?P<word>{'|'.join(declaration_words())})\b)",
        re.MULTILINE,
    )


@cache
def _named() -> re.Pattern[str]:
    names = r"(?P<names>[A-Za-z_][\w.]*(?:[ \t]*,[ \t]*[A-Za-z_]\w*)*)"
    return re.compile(rf"\b(?:{'|'.join(declaration_words())}|as)[ \t]+{names}")


def _too_deep(text: str) -> int | None:
    """Offset of the first bracket that is nested more than ``MAX_NESTING`` levels deep."""
    depth = 0
    for match in _outline().finditer(text):
        if match["open"]:
            depth += 1
            if depth > MAX_NESTING:
                return match.start()
        elif match["close"]:
            depth = max(0, depth - 1)
    return None


def _chunks(text: str) -> list[tuple[int, int]]:
    """Ranges of ``text``, each about one declaration.

    A declaration begins at the beginning of a line, outside brackets or not indented (so that a
    missing ``}`` costs one declaration); its attributes belong to it.
    """
    starts, after_attribute = [0], False
    opened: list[str] = []
    for match in _outline().finditer(text):
        if match["open"]:
            opened.append(match["open"])
        elif match["close"]:
            _close(opened, match["close"])
        elif match["attr"] or match["word"]:
            if opened and (match["indent"] or match["word"] == "dim"):
                continue
            if not after_attribute:
                starts.append(match.end("indent"))
            opened, after_attribute = [], bool(match["attr"])
    return [(a, b) for a, b in zip(starts, [*starts[1:], len(text)], strict=True) if text[a:b].strip()]


def _close(opened: list[str], bracket: str) -> None:
    """Take off the bracket that this one closes and those inside it that nothing closed."""
    partner = "([{"[")]}".index(bracket)]
    if partner in opened:
        while opened.pop() != partner:
            pass


def _names_declared(text: str) -> frozenset[str]:
    """Names that the declarations in ``text`` seem to declare or import."""
    names = (name for match in _named().finditer(text) for name in match["names"].split(","))
    return frozenset(name.strip().rsplit(".", 1)[-1] for name in names)
