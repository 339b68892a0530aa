# SPDX-License-Identifier: Apache-2.0
"""Bounds that keep every later stage safe from hostile input."""

from __future__ import annotations

import sys

MAX_BYTES = 1 << 18  #: of one file
MAX_NESTING = 200  #: levels of brackets, and levels of the tree of one declaration
MAX_MODULES = 200  #: that one program imports, the library aside

_FRAMES_PER_LEVEL = 40


def allow_deep_recursion() -> None:
    """Let functions that recurse over a syntax tree reach ``MAX_NESTING`` levels; only ever raises the limit."""
    sys.setrecursionlimit(max(sys.getrecursionlimit(), MAX_NESTING * _FRAMES_PER_LEVEL))
