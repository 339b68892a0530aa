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
from threading import RLock
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
#: taken again where a reader that was left is cleared away meanwhile
_lock = RLock()


@contextmanager
def opened(path: str) -> Iterator[Any]:
    """uproot's file. Raises DataError HQ0801 to HQ0803."""
    if "://" in path:
        with _new(path) as file:
            yield file
        return
    found = _taken(_key(path)) or _added(_key(path), _File(_checked(path)))
    try:
        yield found.file
    finally:
        with _lock:
            found.users -= 1
            _close_unused(found)


def _taken(key: _Key) -> _File | None:
    """As the one that was used last."""
    with _lock:
        found = _last.pop(key, None)
        if found is not None:
            _last[key] = found
            found.users += 1
        return found


def _added(key: _Key, one: _File) -> _File:
    with _lock:
        one.users += 1
        left = [_last.pop(key)] if key in _last else []
        _last[key] = one
        while len(_last) > KEPT:
            left.append(_last.pop(next(iter(_last))))
        for other in left:
            other.kept = False
            _close_unused(other)
        return one


def _close_unused(one: _File) -> None:
    if not one.kept and not one.users:
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
