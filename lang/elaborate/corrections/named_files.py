# SPDX-License-Identifier: Apache-2.0
"""Files that a program names and that are read when it is compiled."""

from __future__ import annotations

import gzip
import json
import zlib
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from hepq.core.source import Span
from hepq.lang.elaborate.context import Context


@dataclass(frozen=True)
class Json:
    """``value`` is not to be changed. ``made``: what was made of it, by name: it is read again for each variation."""

    value: Any
    made: dict[str, Any] = field(default_factory=dict)


def read_json(ctx: Context, file: str, span: Span) -> Json:
    """What ``file`` holds, JSON or JSON compressed by gzip; it is looked for from the folder of the program on, whose
    text at ``span`` names it. Its SHA-256 is kept in ``ctx.named_files``.

    Reports HQ0941 for a file that cannot be read.
    """
    try:
        content = (Path(span.source.path).parent / file).read_bytes()
        found = _parsed(content)
    except OSError as problem:
        ctx.error("HQ0941", span, file=file, problem=_said(problem))
    except (EOFError, zlib.error, gzip.BadGzipFile):
        ctx.error("HQ0941", span, file=file, problem="gzip cannot unpack it; is it whole?")
    except UnicodeDecodeError:
        ctx.error("HQ0941", span, file=file, problem="it is no text")
    except RecursionError:
        ctx.error("HQ0941", span, file=file, problem="it nests too deeply")
    except ValueError as problem:
        ctx.error("HQ0941", span, file=file, problem=f"it is no JSON: {problem}")
    ctx.named_files[file] = sha256(content).hexdigest()
    return found


def _said(problem: OSError) -> str:
    if isinstance(problem, FileNotFoundError):
        return "there is no such file"
    return (problem.strerror or str(problem)).lower()


@lru_cache(maxsize=8)
def _parsed(content: bytes) -> Json:
    text = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    return Json(json.loads(text.decode()))
