# SPDX-License-Identifier: Apache-2.0
"""Reading program text from a file, and bounds that keep every later stage safe from hostile input."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from stat import S_ISREG

from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import Sink
from hepq.core.source import Source

MAX_BYTES = 1 << 18  #: of one file
MAX_NESTING = 200  #: levels of brackets, and levels of the tree of one declaration
MAX_MODULES = 200  #: that one program imports, the library aside

_FRAMES_PER_LEVEL = 40


def allow_deep_recursion() -> None:
    """Let functions that recurse over a syntax tree reach ``MAX_NESTING`` levels; only ever raises the limit."""
    sys.setrecursionlimit(max(sys.getrecursionlimit(), MAX_NESTING * _FRAMES_PER_LEVEL))


def read_source(path: Path, sink: Sink) -> Source | None:
    """The file's text with ``\\n`` line ends, or None after reporting why it cannot be had."""
    shown = str(path)
    try:
        if path.is_dir():
            sink.add(diag("HQ0003", path=shown))
            return None
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0))) as file:
            if not S_ISREG(os.fstat(file.fileno()).st_mode):
                sink.add(diag("HQ0044", path=shown))
                return None
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        sink.add(diag("HQ0002", path=shown))
        return None
    except (OSError, ValueError) as error:
        sink.add(diag("HQ0030", path=shown, reason=getattr(error, "strerror", None) or str(error)))
        return None
    return source_of(data, shown, sink)


def source_of(data: bytes, shown: str, sink: Sink) -> Source | None:
    """``data`` as text with ``\\n`` line ends, or None after reporting why it is none."""
    if len(data) > MAX_BYTES:
        sink.add(diag("HQ0005", path=shown, limit=MAX_BYTES))
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        sink.add(diag("HQ0004", path=shown, offset=error.start))
        return None
    return Source(shown, text.replace("\r\n", "\n").replace("\r", "\n"))
