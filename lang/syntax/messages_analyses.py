# SPDX-License-Identifier: Apache-2.0
"""What to tell a person when the parser stops in an analysis: words of other places, and what its items begin with."""

from __future__ import annotations

from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import Diagnostic
from hepq.lang.syntax.stop import Stop, Token

#: words of datasets and of other tools -> what is written in analyses
_WORDS = {
    "select": "cut NAME = …", "filter": "cut NAME = …", "histo": "hist NAME = … in bins(…)",
    "histogram": "hist NAME = … in bins(…)", "take": "object NAME = … where …", "define": "NAME = …",
}  # fmt: skip


def analysis_mistake(s: Stop, now: Token, before: Token) -> Diagnostic | None:
    """Reports HQ0001 with what is written instead."""
    help, first, place = None, s.statement, now
    if "_WITHIN" in s.expected and now.text == "in":
        help = "bins stand behind `in`: `hist NAME = … in bins(20, 0 GeV, 100 GeV)`"
    elif first.text == "vary" and "LBRACE" in s.expected and (now.is_word or now.text == "."):
        help = "a variation has directions in braces: `vary NAME { up { … } down { … } }`"
    elif first.text in _WORDS and (now is first or (before is first and now.is_word)) and _in_analysis(s):
        help, place = f"in an analysis it is `{_WORDS[first.text]}`", first
    if help is None:
        return None
    return diag("HQ0001", s.span(place), found=f"`{place.text}`", expected="", help=help)


def _in_analysis(s: Stop) -> bool:
    open_here, _ = s.brackets
    return bool(open_here) and s.tokens[s.tokens.index(open_here[0]) - 2].text == "analysis"
