# SPDX-License-Identifier: Apache-2.0
"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hepq.runtime.errors import DataError


def check_writable(path: Path, endings: tuple[str, ...] = (), why: str = "") -> None:
    """Raise DataError HQ0817 for a path that cannot be written: before, not after, the work is done.

    ``endings``: those that are known, if any; ``why`` says so.
    """
    title = f"cannot write {path}"
    if path.is_dir():
        raise DataError("HQ0817", title, "it is a directory", "name a file in it")
    if endings and path.suffix.lower() not in endings:
        raise DataError("HQ0817", title, why, f"name it {' or '.join(str(path.with_suffix(e)) for e in endings)}")
    if not path.parent.is_dir():
        raise DataError("HQ0817", title, f"there is no directory {path.parent}", f"mkdir -p {path.parent}")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file beside ``path``: takes its place if the body succeeds, vanishes if it does not."""
    check_writable(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def sync(folder: Path) -> None:
    """Make the folder's names durable: no crash undoes what was made, renamed or removed in it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
