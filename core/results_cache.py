# SPDX-License-Identifier: Apache-2.0
"""What takes long to make and never changes, kept in the user's cache: the parser, syntax trees, compiled analyses.

A file is used only if this user owns it, no one else can write to it and its checksum is right; else it is made
again. Files appear in one piece, whoever else writes them.
"""

from __future__ import annotations

import os
import pickle
import tempfile
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from sys import version_info
from typing import TypeVar

T = TypeVar("T")
_DIGEST = 32  #: bytes


def kept(name: str, made_from: bytes, make: Callable[[], T], fits: Callable[[T], bool] = lambda found: True) -> T:
    """What ``make`` gives, from the cache if it was made from the same before, and ``fits`` still."""
    key = sha256(f"{version_info}".encode() + made_from).hexdigest()[:16]
    place = folder()
    if place is None:
        return make()
    file = place / f"{name}-{key}.bin"
    with suppress(Exception):  # of whatever a file may hold
        found: T = pickle.loads(_content(file))
        if fits(found):
            return found
    value = make()
    with suppress(OSError):
        _write(file, pickle.dumps(value))
    return value


def folder() -> Path | None:
    """Where it is kept; None where there is no home."""
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hepq"
    except RuntimeError:
        return None


def _content(file: Path) -> bytes:
    with file.open("rb") as opened:
        about = os.fstat(opened.fileno())
        if about.st_uid != os.geteuid() or about.st_mode & 0o022:
            raise ValueError("others may have written it")
        data = opened.read()
    if sha256(data[_DIGEST:]).digest() != data[:_DIGEST]:
        raise ValueError("damaged")
    return data[_DIGEST:]


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=file.parent)
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(sha256(content).digest() + content)
        os.replace(temporary, file)
    except BaseException:
        os.unlink(temporary)
        raise
