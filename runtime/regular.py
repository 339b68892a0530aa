# SPDX-License-Identifier: Apache-2.0
"""Regular files, and no more of them than is wanted: a pipe, a device or a directory is not waited for, nor read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

ABSENT = "no such file"
_KINDS = (
    (stat.S_ISDIR, "it is a directory"),
    (stat.S_ISFIFO, "it is a pipe"),
    (stat.S_ISSOCK, "it is a socket"),
    (stat.S_ISCHR, "it is a device"),
    (stat.S_ISBLK, "it is a device"),
)


def why_not(path: str | Path) -> str:
    """Why ``path`` is no regular file that can be opened, in words; empty for one that is."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return ABSENT
    except (OSError, ValueError) as error:
        return (getattr(error, "strerror", None) or str(error)).lower()
    if stat.S_ISREG(mode):
        return "" if os.access(path, os.R_OK) else "permission denied"
    return next((words for fits, words in _KINDS if fits(mode)), "it is not a regular file")


def unopened(path: str | Path, why: str) -> str:
    """The title of what is said of a file for which ``why_not`` gave a reason."""
    return f"{ABSENT}: {path}" if why == ABSENT else f"cannot open {path}: {why}"


def read(path: Path, most: int) -> bytes:
    """The bytes of a regular file. Raises OSError, saying why, for anything else and for more than ``most`` bytes."""
    if why := why_not(path):
        raise OSError(why)
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(f"it is larger than {most >> 20} MiB")
    return data
