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
from hepq.core.source import Source, Span
from hepq.lang.syntax import ast
from hepq.lang.syntax.limits import MAX_NESTING
from hepq.lang.syntax.messages import explain
from hepq.lang.syntax.recovery import chunks, names_declared, too_deep
from hepq.lang.syntax.results_cache import kept
from hepq.lang.syntax.transform import Build

_STRING_OR_COMMENT = re.compile(r'"[^"\n]*"|#[^\n]*')


def parse(source: Source, sink: Sink) -> ast.File:
    """The declarations of ``source``.

    A declaration with a syntax error is reported and left out, and the names it would have declared
    are kept in ``File.lost``. Takes time linear in the length of the text.
    """
    text = source.text
    whole = Span(source, 0, len(text))
    comments = tuple(_comments(source))
    deep = too_deep(text)
    if deep is not None:
        sink.add(diag("HQ0006", Span(source, deep, deep + 1), limit=MAX_NESTING))
        return ast.File(decls=(), comments=comments, lost=names_declared(text), span=whole)
    try:
        decls, lost = _decls(source, 0, len(text), sink)
    except UnexpectedInput:
        decls, lost = [], frozenset()
        for start, end in chunks(text):
            try:
                good, bad = _decls(source, start, end, sink)
            except UnexpectedInput as error:
                if sink.full:
                    sink.skip()
                else:
                    sink.add(explain(error, source, start, end))
                good, bad = [], names_declared(text[start:end])
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
        lost |= names_declared(span.text)
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
