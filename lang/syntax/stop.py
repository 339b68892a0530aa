# SPDX-License-Identifier: Apache-2.0
"""Where a parse stopped: the tokens around, the brackets that are open, what the grammar expected."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lark import UnexpectedInput
from lark.exceptions import UnexpectedCharacters, UnexpectedToken

from hepq.core.source import Source, Span

_TOKEN = re.compile(
    r"\s+|\#[^\n]*|(?P<token>\"[^\"\n]*\"|[A-Za-z_]\w*'*|\d[\w.]*|\|>|->|=>|:=|\.\.\.|\.\.|==|!=|<=|>=|\*\*|//|/\*|&&|\|\||[-+*/%^]=|.)"
)
CLOSER = {"(": ")", "[": "]", "{": "}"}

#: terminals that can begin an expression / that can follow one
_BEGIN = {"NAME", "INT", "FLOAT", "STRING", "LPAR", "LSQB"}
_FOLLOW = {"PLUS", "TIMES", "CMP"}
_SHOWN = {
    "NAME": "a name", "INT": "a whole number", "STRING": "a string", "KIND": "a declaration", "_RETURN": "a statement",
    "_SOURCE": "a dataset item", "$END": "the end of the file", "EQ": "`=`", "LPAR": "`(`", "LSQB": "`[`",
    "COMMA": "`,`", "COLON": "`:`", "RPAR": "`)`", "RSQB": "`]`", "LBRACE": "`{`", "RBRACE": "`}`", "_IN": "`in`",
    "_FOR": "`for`", "_THEN": "`then`", "_ELSE": "`else`", "ON": "`on`", "BY": "`by`", "TILDE": "`~`", "AT": "`@`",
    "DOT": "`.`", "_IMPORT": "`import`", "LE": "`<=`", "CIRCUMFLEX": "`^`", "ELLIPSIS": "`...`",
    "__ANON_0": "`->`", "_AMONG": "`in`", "_WITHIN": "`in`",
}  # fmt: skip


@dataclass(frozen=True)
class Token:
    text: str
    start: int  #: offset in the source

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    @property
    def is_word(self) -> bool:
        return self.text[0].isalpha() or self.text[0] == "_"

    @property
    def is_number(self) -> bool:
        return self.text[0].isdigit()

    @property
    def begins_expression(self) -> bool:
        return self.is_word or self.is_number or self.text[0] in '"([-'


NOTHING = Token(" ", -1)


@dataclass(frozen=True)
class Stop:
    """The parse of ``source.text[start:end]`` stopped with ``error``."""

    error: UnexpectedInput
    source: Source
    start: int
    end: int

    @cached_property
    def at(self) -> int:
        match self.error:
            case UnexpectedToken(token=token) if token.type != "$END":
                return self.start + (token.start_pos or 0)
            case UnexpectedCharacters() as stray:
                offset: Any = stray.pos_in_stream
                return self.start + int(offset)
        return self.end

    @property
    def at_end(self) -> bool:
        return isinstance(self.error, UnexpectedToken) and self.error.token.type == "$END"

    @property
    def no_token(self) -> bool:
        """The lexer knows no token that begins here."""
        return isinstance(self.error, UnexpectedCharacters)

    @cached_property
    def expected(self) -> frozenset[str]:
        """Terminals of the grammar that could have stood here."""
        match self.error:
            case UnexpectedToken(expected=names):
                return frozenset(names)
            case UnexpectedCharacters(allowed=names):
                return frozenset(names or ())
        return frozenset()

    @cached_property
    def tokens(self) -> list[Token]:
        matches = _TOKEN.finditer(self.source.text, self.start, self.end)
        return [Token(m["token"], m.start()) for m in matches if m["token"]]

    @cached_property
    def index(self) -> int:
        return sum(t.start < self.at for t in self.tokens)

    def token(self, offset: int) -> Token:
        """0: where the parser stopped; -1: the token before it; a blank one outside the text."""
        i = self.index + offset
        return self.tokens[i] if 0 <= i < len(self.tokens) else NOTHING

    @cached_property
    def statement(self) -> Token:
        """The first token of the line."""
        line, _ = self.source.line_col(self.at)
        first = self.source.line_starts[line - 1]
        return next((t for t in self.tokens if t.start >= first), NOTHING)

    def same_line(self, a: Token, b: Token) -> bool:
        return NOTHING not in (a, b) and "\n" not in self.source.text[a.start : b.start]

    def touching(self, a: Token, b: Token) -> bool:
        return a.end == b.start

    def span(self, first: Token, last: Token | None = None) -> Span:
        if first is NOTHING:
            return Span(self.source, max(self.start, self.end - 1), self.end)
        return Span(self.source, first.start, (last or first).end)

    @cached_property
    def brackets(self) -> tuple[list[Token], list[Token]]:
        """Brackets open where the parser stopped, outermost first; and those that nothing closes."""
        stack: list[Token] = []
        here: list[Token] | None = None
        unclosed: list[Token] = []
        for token in self.tokens:
            if here is None and token.start >= self.at:
                here = list(stack)
            if token.text in CLOSER:
                stack.append(token)
            elif token.text in CLOSER.values():
                depth = next((i for i in reversed(range(len(stack))) if CLOSER[stack[i].text] == token.text), None)
                if depth is not None:
                    unclosed += stack[depth + 1 :]
                    del stack[depth:]
        return (stack if here is None else here), unclosed + stack

    def expectation(self) -> str:
        """What could have stood here, in words."""
        names = set(self.expected)
        if self.brackets[0]:
            names -= {"KIND", "$END", "AT", "_IMPORT"}
        if "EQ" in names:
            names -= {"_IN"}
        if "COLON" in names:
            names -= {"LE"}
        parts: list[str] = []
        if names >= _BEGIN:
            parts.append("an expression")
            names -= {*_BEGIN, "MINUS", "QUANTITY", "TRUE", "FALSE", "NOT", "_IF"}
        if names >= _FOLLOW:
            parts.append("an operator")
            names -= {"LPAR", "LSQB", "DOT", "LE"}
        if "_RETURN" in names:
            names -= {"_SOURCE"}
        if names & {"KIND", "_RETURN", "_SOURCE"}:
            names -= {"_FOR", "AT", "_IMPORT", "NAME"}
        parts += [shown for name, shown in _SHOWN.items() if name in names]
        return " or ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts) or "something else"
