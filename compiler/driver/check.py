# SPDX-License-Identifier: Apache-2.0
"""Checking source without compiling it."""

from __future__ import annotations

from pathlib import Path

from hepq.core.diagnostics.diagnostic import Diagnostic, Sink
from hepq.lang.checker import check
from hepq.lang.modules import load


def check_path(path: Path) -> list[Diagnostic]:
    """Everything that is wrong with a file; an empty list if nothing is."""
    sink = Sink()
    check(load(path, None, sink), sink)
    return sink.items


def check_text(text: str, path: str = "<input>") -> list[Diagnostic]:
    """As ``check_path``, for text; imports are looked up beside ``path``."""
    sink = Sink()
    check(load(Path(path), text, sink), sink)
    return sink.items
