# SPDX-License-Identifier: Apache-2.0
"""What to tell a person when the parser stops."""

from __future__ import annotations

from lark import Token, UnexpectedInput
from lark.exceptions import UnexpectedToken

from hepq.lang.catalogue import diag
from hepq.lang.diagnostic import Diagnostic
from hepq.lang.source import Source, Span


def explain(error: UnexpectedInput, source: Source, start: int, end: int) -> Diagnostic:
    """The diagnostic for a parse of ``source.text[start:end]`` that stopped with ``error``."""
    token = error.token if isinstance(error, UnexpectedToken) else None
    if token is None or token.type == "$END":
        at = end if token else start + (error.pos_in_stream or 0)
        return diag("HQ0001", Span(source, at, at + 1), found=repr(source.text[at : at + 1]), expected="")
    at = start + (token.start_pos or 0)
    return diag("HQ0001", Span(source, at, at + len(token)), found=f"`{token}`", expected="")
