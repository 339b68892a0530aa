# SPDX-License-Identifier: Apache-2.0
"""ROOT files that are open. The last ones stay so, since a tree of many branches takes a second to open.

A file is the same if its name, place, size and time are, in the same process; any other is opened anew. Of files on
this machine uproot holds no descriptor.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from hepq.core.errors import DataError
from hepq.runtime.events.source import damaged

#: how many stay open
KEPT = 2


@dataclass
class _File:
    """``users``: who reads in it now. ``kept``: is it still among the last?"""

    file: Any
    users: int = 0
    kept: bool = True


_Key = tuple[int, str, int, int, int, int]
#: from the one that was used first
_last: dict[_Key, _File] = {}


@contextmanager
def opened(path: str) -> Iterator[Any]:
    """uproot's file. Raises DataError HQ0801 to HQ0803."""
    if "://" in path:
        with _new(path) as file:
            yield file
        return
    key = _key(path)
    found = _last.pop(key, None) or _File(_checked(path))
    _last[key] = found
    found.users += 1
    try:
        while len(_last) > KEPT:
            _left(_last.pop(next(iter(_last))))
        yield found.file
    finally:
        found.users -= 1
        if not found.kept and not found.users:
            found.file.close()


def _left(one: _File) -> None:
    one.kept = False
    if not one.users:
        one.file.close()


def _key(path: str) -> _Key:
    try:
        stat = os.stat(path)
    except OSError as error:
        raise DataError("HQ0801", f"cannot open {path}", str(error)) from error
    return os.getpid(), path, stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns


def _checked(path: str) -> Any:
    try:
        with open(path, "rb") as file:
            head = file.read(4)
    except OSError as error:
        raise DataError("HQ0801", f"cannot open {path}", str(error)) from error
    if head != b"root":
        why = "the file is empty" if not head else f"it begins with {head!r}, a ROOT file with b'root'"
        raise DataError("HQ0802", f"{path} is not a ROOT file", why)
    file, size = _new(path), os.path.getsize(path)
    if file.file.fEND > size:
        file.close()
        raise damaged(path, EOFError(f"it should have {file.file.fEND} bytes and has {size}"))
    return file


def _new(path: str) -> Any:
    """Without uproot's cache of arrays: each is asked for once."""
    import uproot

    try:
        return uproot.open(path, array_cache=None)
    except Exception as error:
        raise damaged(path, error) from error
