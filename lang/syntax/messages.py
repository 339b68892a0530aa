# SPDX-License-Identifier: Apache-2.0
"""What to tell a person when the parser stops: a list of rules, the first that recognises the mistake speaks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Final

from lark import UnexpectedInput

from hepq.core.diagnostics.catalogue import diag, near
from hepq.core.diagnostics.diagnostic import Diagnostic, Label
from hepq.core.source import Source, Span
from hepq.core.types import UNITS
from hepq.lang.syntax.declaration import DECLARATIONS, declaration_words
from hepq.lang.syntax.messages_analyses import analysis_mistake
from hepq.lang.syntax.stop import CLOSER, NOTHING, Stop, Token

STATEMENTS: Final = ("param", "buffer", "for", "return")
RESERVED: Final = ("if", "then", "else", "for", "return", "and", "or", "not", "true", "false")

_FOREIGN_WORDS: Final = {
    **dict.fromkeys(("def", "func", "function", "fun", "define", "lambda"), "fn"),
    **dict.fromkeys(("class", "struct", "layer", "module", "network"), "block"),
    **dict.fromkeys(("let", "var", "val", "auto"), "name = value"),
    **dict.fromkeys(("while", "loop", "foreach"), "for … in"),
    **dict.fromkeys(("elif", "elseif", "elsif"), "else if"),
    **dict.fromkeys(("include", "use", "using", "require"), "import"),
    **dict.fromkeys(("parameter", "weight"), "param"),
    "descending": "desc", "ascending": "asc",
    "begin": "{", "end": "}", "data": "dataset", "constant": "const",
}  # fmt: skip
_FOREIGN_OPERATORS: Final = {
    "&&": "and", "&": "and", "||": "or", "|": "or", "!": "not", "?": "if … then … else …", ":=": "=", "=>": "->",
}  # fmt: skip


#: what may follow the objects of an `object`, in this order
_OBJECT_PARTS: Final = ("as", "where", "by", "take")


def explain(error: UnexpectedInput, source: Source, start: int, end: int) -> Diagnostic:
    """The diagnostic for a parse of ``source.text[start:end]`` that stopped with ``error``."""
    stop = Stop(error, source, start, end)
    for rule in RULES:
        found = rule(stop, stop.token(0), stop.token(-1))
        if found is not None:
            return found
    token = stop.token(0)
    return diag("HQ0001", stop.span(token), found=f"`{token.text}`", expected=stop.expectation())


def _unclosed_string(s: Stop, now: Token, before: Token) -> Diagnostic | None:
    number, _ = s.source.line_col(s.at)
    line, first = s.source.line(number), s.source.line_starts[number - 1]
    if now.text == '"':
        return diag("HQ0008", Span(s.source, now.start, first + len(line)))
    runs_on = now.is_word and before.text.startswith('"') and s.touching(before, now)
    if runs_on and line.count('"') % 2:
        return diag("HQ0008", Span(s.source, first + line.index('"'), first + len(line)))
    return None


def _single_quotes(s: Stop, now: Token, before: Token) -> Diagnostic | None:
    return diag("HQ0025", s.span(now)) if now.text == "'" else None


def _semicolon(s: Stop, now: Token, before: Token) -> Diagnostic | None:
    return diag("HQ0026", s.span(now)) if now.text == ";" else None


def _foreign_comment(s: Stop, now: Token, before: Token) -> Diagnostic | None:
    for token in (now, before):
        if token.text in ("//", "/*"):
            return diag("HQ0024", s.span(token))
    return None


def _double_star(s: Stop, now: Token, before: Token) -> Diagnostic | None:
    for token in (now, before):
        if token.text == "**":
            return diag("HQ0017", s.span(token))
    return None


def _augmented_assignment(s: Stop, now: Token, before: Token) -> Diagnostic | None:
    if re.fullmatch(r"[-+*/%^]=", now.text):
        return diag("HQ0027", s.span(now), op=now.text, sign=now.text[0])
    return None


def _foreign_operator(s: Stop, now: Token, before: Token) -> Diagnostic | None:
    for token in (now, before):
        if token.text in _FOREIGN_OPERATORS:
            return diag("HQ0029", s.span(token), found=token.text, instead=_FOREIGN_OPERATORS[token.text])
    return None


def _number(s: Stop, now: Token, before: Token) -> Diagnostic | None:
    if s.no_token and now.is_number:
        return diag("HQ0038", s.span(now), text=now.text)
    if now.is_number and before.text == "." and not s.touching(s.token(-2), before):
        return diag("HQ0038", s.span(before, now), text=f".{now.text}")
    if now.text == "." and s.token(1).is_number and s.touching(now, s.token(1)):
        return diag("HQ0038", s.span(now, s.token(1)), text=f".{s.token(1).text}")
    if before.text.endswith(".") and before.is_number:
        return diag("HQ0038", s.span(before), text=before.text)
    return None


def _unknown_unit(s: Stop, now: Token, before: Token) -> Diagnostic | None:
    for number, word in ((before, now), (s.token(-2), before)):
        words = (*RESERVED, *_OBJECT_PARTS, "on", "asc", "desc", "in")
        is_unit = number.is_number and word.is_word and word.text not in words
        if is_unit and s.same_line(number, word):
            return diag("HQ0018", s.span(word), unit=word.text, units=", ".join(UNITS), near=near(word.text, UNITS))
    return None


def _import_form(s: Stop, now: Token, before: Token) -> Diagnostic | None:
    first = s.statement
    if first.text not in ("import", "from") or (now is first and not s.same_line(now, s.token(1))):
        return None
    return diag("HQ0019", s.span(s.token(1) if now.text in ("import", "from") else now))


def _foreign_word(s: Stop, now: Token, before: Token) -> Diagnostic | None:
    starts = "KIND" in s.expected or "_RETURN" in s.expected
    for token in (now, before):
        follows_name = token is before and now.is_word
        if token.text in _FOREIGN_WORDS and (follows_name or (token is now and starts)):
            return diag("HQ0013", s.span(token), found=token.text, instead=_FOREIGN_WORDS[token.text])
    return None


def _missing_declared_name(s: Stop, now: Token, before: Token) -> Diagnostic | None:
    if now.text in declaration_words() and "KIND" in s.expected:
        after = s.token(1)
        shown = f"a name begins with a letter, not as `{after.text}`" if after.is_number else None
        return diag("HQ0022", s.span(now), keyword=now.text, help=shown)
    return None


def _reserved(s: Stop, now: Token, before: Token) -> Diagnostic | None:
    if now.text in RESERVED and "NAME" in s.expected and s.expected.isdisjoint(("INT", "_RETURN", "_SOURCE")):
        return diag("HQ0023", s.span(now), word=now.text)
    if before is s.statement and before.text in RESERVED and now.text in ("=", ":"):
        return diag("HQ0023", s.span(before), word=before.text)
    return None


def _bracket(s: Stop, now: Token, before: Token) -> Diagnostic | None:
    stack, unclosed = s.brackets
    if now.text in CLOSER.values():
        if not stack:
            return diag("HQ0010", s.span(now), close=now.text)
        if CLOSER[stack[-1].text] != now.text:
            wanted = CLOSER[stack[-1].text]
            label = Label(s.span(stack[-1]), "opened here")
            return diag("HQ0011", s.span(now), label, open=stack[-1].text, close=now.text, wanted=wanted)
        return None
    opened = stack[-1] if stack and stack[-1] in unclosed else None
    if opened is None or not (s.at_end or (opened.text != "{" and not s.same_line(before, now))):
        return None
    return diag("HQ0009", s.span(opened), open=opened.text, close=CLOSER[opened.text])


def _if_statement(s: Stop, now: Token, before: Token) -> Diagnostic | None:
    if now.text in ("if", "else") and "_RETURN" in s.expected:
        return diag("HQ0034", s.span(now))
    if now.text == "{" and any(t.text == "if" and s.same_line(t, now) for t in s.tokens[: s.index]):
        return diag("HQ0034", s.span(next(t for t in s.tokens if t.text == "if" and s.same_line(t, now))))
    return None


def _misplaced(s: Stop, now: Token, before: Token) -> Diagnostic | None:
    if not s.brackets[0]:
        return None
    if now.text in STATEMENTS and "_SOURCE" in s.expected:
        return diag("HQ0041", s.span(now), word=now.text, place="a body")
    if now.is_word and s.same_line(before, now) and "EQ" in s.expected:
        places = ["a body"] if before.text in STATEMENTS else []
        places += [_article(d.words[0]) for d in DECLARATIONS.values() if before.text in d.items]
        places = places or ["a file, outside any braces"] * (before.text in declaration_words())
        if places:
            return diag("HQ0041", s.span(before), word=before.text, place=" or ".join(sorted(places)))
    return None


def _article(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def _top_level(s: Stop, now: Token, before: Token) -> Diagnostic | None:
    if "KIND" not in s.expected or s.brackets[0]:
        return None
    after = s.token(1).text
    if now.text in STATEMENTS:
        return diag("HQ0020", s.span(now), what=f"`{now.text}`", instead="put it in a `fn`, `block` or `model`")
    if not now.is_word:
        return None
    if after in ("=", ":"):
        return diag(
            "HQ0020", s.span(now), what="a binding", instead=f"write `const {now.text} = …`, or put it in a body"
        )
    if after == "(":
        return diag("HQ0020", s.span(now), what="a call", instead="put it in a body")
    close = near(now.text, declaration_words())
    return diag("HQ0020", s.span(now), what=f"`{now.text}`", instead="begin a declaration", near=close)


def _weight_type(s: Stop, now: Token, before: Token) -> Diagnostic | None:
    keyword = s.token(-2).text
    if keyword in ("param", "buffer") and s.expected == {"COLON"}:
        return diag("HQ0031", s.span(before), name=before.text, keyword=keyword)
    return None


def _body_after_colon(s: Stop, now: Token, before: Token) -> Diagnostic | None:
    if now.text == ":" and "LBRACE" in s.expected:
        return diag("HQ0033", s.span(now))
    return None


def _comparison(s: Stop, now: Token, before: Token) -> Diagnostic | None:
    if before.text == "==" and before.end > s.at:
        return diag("HQ0015", s.span(before))
    if now.text in ("==", "!=", "<", ">", "<=", ">=") and "AND" in s.expected and "CMP" not in s.expected:
        return diag("HQ0035", s.span(now))
    return None


def _equals(s: Stop, now: Token, before: Token) -> Diagnostic | None:
    if now.text != "=":
        return None
    is_place = before.text in (")", "]") or s.token(-2).text == "."
    if is_place and s.statement.is_word and not any(t.text == "=" and s.same_line(t, now) for t in s.tokens[: s.index]):
        return diag("HQ0040", s.span(_beginning(s), before))
    return diag("HQ0016", s.span(now)) if "AND" in s.expected else None


def _beginning(s: Stop) -> Token:
    """The first token of the `x[0].y` that ends before the parser stopped."""
    i, depth = s.index - 1, 0
    while i > 0:
        text = s.tokens[i].text
        depth += (text in CLOSER.values()) - (text in CLOSER)
        starts = s.tokens[i].is_word and s.tokens[i - 1].text != "."
        if depth == 0 and starts:
            break
        i -= 1
    return s.tokens[i]


def _after_pipe(s: Stop, now: Token, before: Token) -> Diagnostic | None:
    if now.text in ("+", "-", "*", "/", "%", "^") and "AND" in s.expected and "PLUS" not in s.expected:
        return diag("HQ0036", s.span(now), op=now.text)
    return None


def _no_body(s: Stop, now: Token, before: Token) -> Diagnostic | None:
    if not {"LBRACE", "EQ"} <= s.expected or now.text == ".":
        return None
    names = [t.text for a, t in zip(s.tokens, s.tokens[1:], strict=False) if a.text in ("fn", "block", "model")]
    return diag("HQ0037", s.span(before), name=names[-1] if names else "?")


def _object_parts(s: Stop, now: Token, before: Token) -> Diagnostic | None:
    if s.statement.text != "object" or now.text not in _OBJECT_PARTS or not s.same_line(s.statement, now):
        return None
    order = ", ".join(f"`{p}`" for p in _OBJECT_PARTS)
    return diag("HQ0001", s.span(now), found=f"`{now.text}`", expected="", help=f"they stand in this order: {order}")


def _missing_comma(s: Stop, now: Token, before: Token) -> Diagnostic | None:
    stack, _ = s.brackets
    if "COMMA" in s.expected and now.begins_expression and stack and stack[-1].text in "([":
        what = "items" if stack[-1].text == "[" else "arguments"
        return diag("HQ0032", s.span(now), Label(s.span(before), "after this"), what=what)
    return None


def _bare_value(s: Stop, now: Token, before: Token) -> Diagnostic | None:
    if "EQ" in s.expected and "LPAR" in s.expected and (now.text[0] in "}.+-*/%^<>|)" or now.text in RESERVED):
        return diag("HQ0039", s.span(before))
    if "_RETURN" in s.expected and "INT" not in s.expected and now.begins_expression and not now.is_word:
        return diag("HQ0039", s.span(now))
    return None


def _missing_equals(s: Stop, now: Token, before: Token) -> Diagnostic | None:
    if "EQ" in s.expected and now.begins_expression:
        first = s.statement.text
        shown = f"write `{before.text} = …`"
        if first == "dim":
            shown = "write `=` for a fixed size, `<=` for up to so many"
        elif first in ("object", "select") and (before.text in _OBJECT_PARTS or before is s.statement):
            shown = f"{'leave a space' if now.text == '(' else 'say what'}: `{before.text} …`"
        elif first == "select":
            shown = "give the cut a name: `select NAME = …`"
        return diag("HQ0014", s.span(now), Label(s.span(before), "after this"), help=shown)
    return None


def _several_results(s: Stop, now: Token, before: Token) -> Diagnostic | None:
    if now.text != "," or s.statement.text != "return":
        return None
    return diag(
        "HQ0001", s.span(now), found="`,`", expected="", help="several results stand in parentheses: `return (a, b)`"
    )


def _end(s: Stop, now: Token, before: Token) -> Diagnostic | None:
    if not s.at_end:
        return None
    return diag("HQ0028", s.span(s.tokens[-1] if s.tokens else NOTHING), expected=s.expectation())


def _stray_character(s: Stop, now: Token, before: Token) -> Diagnostic | None:
    if not s.no_token:
        return None
    char = s.source.text[s.at : s.at + 1]
    shown = f"`{char}`" if char.isprintable() else "U+" + format(ord(char), "04X")
    name = "" if char.isascii() else f" ({unicodedata.name(char, 'unnamed').lower()})"
    return diag("HQ0007", Span(s.source, s.at, s.at + 1), char=shown + name)


RULES: Final[tuple[Callable[[Stop, Token, Token], Diagnostic | None], ...]] = (
    _unclosed_string, _single_quotes, _semicolon, _foreign_comment, _double_star, _augmented_assignment, _number,
    _object_parts, analysis_mistake, _unknown_unit, _import_form, _foreign_word, _foreign_operator,
    _missing_declared_name, _reserved, _bracket, _if_statement, _misplaced, _top_level, _weight_type, _body_after_colon,
    _comparison, _equals, _after_pipe, _missing_comma, _no_body, _bare_value, _several_results, _missing_equals, _end,
    _stray_character,
)  # fmt: skip
