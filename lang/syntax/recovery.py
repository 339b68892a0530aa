# SPDX-License-Identifier: Apache-2.0
"""Finding the declarations of a text that does not parse as a whole, in one pass over its characters."""

from __future__ import annotations

import re

from hepq.lang.syntax.limits import MAX_NESTING

_WORDS = "import|from|dim|const|fn|block|model|circuit|dataset|checkpoint|train"
_TOKEN = re.compile(
    rf'"[^"\n]*"|\#[^\n]*|(?P<open>[(\[{{])|(?P<close>[)\]}}])|^(?P<indent>[ \t]*)(?:(?P<attr>@)|(?P<word>{_WORDS})\b)',
    re.MULTILINE,
)
_NAMED = re.compile(rf"\b(?:{_WORDS}|as)[ \t]+(?P<names>[A-Za-z_][\w.]*(?:[ \t]*,[ \t]*[A-Za-z_]\w*)*)")


def too_deep(text: str) -> int | None:
    """Offset of the first bracket that is nested more than ``MAX_NESTING`` levels deep."""
    depth = 0
    for match in _TOKEN.finditer(text):
        if match["open"]:
            depth += 1
            if depth > MAX_NESTING:
                return match.start()
        elif match["close"]:
            depth = max(0, depth - 1)
    return None


def chunks(text: str) -> list[tuple[int, int]]:
    """Ranges of ``text``, each about one declaration.

    A declaration begins at the beginning of a line, outside brackets or not indented (so that a
    missing ``}`` costs one declaration); its attributes belong to it.
    """
    starts, after_attribute = [0], False
    opened: list[str] = []
    for match in _TOKEN.finditer(text):
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


def names_declared(text: str) -> frozenset[str]:
    """Names that the declarations in ``text`` seem to declare or import."""
    names = (name for match in _NAMED.finditer(text) for name in match["names"].split(","))
    return frozenset(name.strip().rsplit(".", 1)[-1] for name in names)
