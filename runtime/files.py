# SPDX-License-Identifier: Apache-2.0
"""Files of ours: they appear whole or not at all, or pass with the process that made them; damage is noticed.

What is temporary is named after this machine and held by a lock, which ends with the process however it ends. Whoever
next makes one in the same place removes those that nobody holds: leftovers of processes that were killed. What is read
again carries the SHA-256 of its content. Only regular files are read: a pipe or a device is not waited for.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import platform
import secrets
import shutil
import stat
import tempfile
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hepq.core.errors import DataError

#: in the name of all that is temporary; locks are not seen from other machines everywhere, so it says whose it is
_MARK = f"hepq-{hashlib.sha256(platform.node().encode()).hexdigest()[:8]}-"
_SUFFIX = ".tmp"
#: folders that were looked through for leftovers
_swept: set[str] = set()
ABSENT = "no such file"
_KINDS = (
    (stat.S_ISDIR, "it is a directory"),
    (stat.S_ISFIFO, "it is a pipe"),
    (stat.S_ISSOCK, "it is a socket"),
    (stat.S_ISCHR, "it is a device"),
    (stat.S_ISBLK, "it is a device"),
)
MAGIC = b"hepq sealed 1 "
_HASH = 64


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


def check_folder(path: Path) -> None:
    """Raise DataError HQ0817 for a folder that is not there and cannot be made, or that takes no files."""
    there = next(p for p in (path.absolute(), *path.absolute().parents) if os.path.lexists(p))
    title = f"cannot write to the folder {path}"
    if not there.is_dir():
        raise DataError("HQ0817", title, f"{there} is not a directory", "name another folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise DataError("HQ0817", title, f"{there}: permission denied", "name another folder")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file beside ``path``: takes its place if the body succeeds, vanishes if it does not.

    The body writes into that file: another one put in its place has no lock, and may be taken for a leftover.
    """
    check_writable(path)
    _sweep(path.parent)
    temporary, lock = _held(path.parent, f".{path.name}.", _new_file)
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
        os.close(lock)


class Scratch:
    """A folder ``path`` for temporary files. It goes with ``close``, with this object, or when the process ends."""

    def __init__(self, what: str) -> None:
        root = Path(tempfile.gettempdir())
        _sweep(root)
        self.path, lock = _held(root, f"{what}.", _new_folder)
        self._end = weakref.finalize(self, _remove_folder, self.path, lock)

    def close(self) -> None:
        self._end()

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *error: object) -> None:
        self.close()


@contextmanager
def kept_safe(code: str, what: str, safe: str, then: str = "") -> Iterator[None]:
    """Errors of writing ``what`` as DataError ``code``: what is ``safe``; what happens ``then``, once there is room."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        title = f"{what} is full" if full else f"cannot write {what}"
        help = f"make room, then run the same command again{then}" if full else ""
        raise DataError(code, title, f"{error.strerror or error}; {safe}", help) from error


def sync(folder: Path) -> None:
    """Make the folder's names durable: no crash undoes what was made, renamed or removed in it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _new_file(path: Path) -> int:
    return os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)


def _new_folder(path: Path) -> int:
    path.mkdir(0o700)
    return os.open(path, os.O_RDONLY)


def _held(folder: Path, name: str, make: Callable[[Path], int]) -> tuple[Path, int]:
    """Something new in ``folder``, and the descriptor of its lock."""
    while True:
        path = folder / f"{name}{_MARK}{secrets.token_hex(4)}{_SUFFIX}"
        try:
            lock = make(path)
        except FileNotFoundError:  # a folder, which another process took for a leftover before it could be opened
            if not folder.is_dir():
                raise
            continue
        with suppress(OSError):  # a file system without locks: leftovers stay
            fcntl.flock(lock, fcntl.LOCK_EX)
        if os.fstat(lock).st_nlink:  # else another process took it for a leftover, before it was locked
            return path, lock
        os.close(lock)


def _sweep(folder: Path) -> None:
    """Remove what processes of this machine that live no more have left in ``folder``; once in each process."""
    place = os.path.realpath(folder)
    if place in _swept:
        return
    _swept.add(place)
    with suppress(OSError):
        names = [e.name for e in os.scandir(place) if _MARK in e.name and e.name.endswith(_SUFFIX)]
        for name in names:
            with suppress(OSError):  # another user's, or a process holds it
                _remove_unheld(Path(place, name))


def _remove_unheld(path: Path) -> None:
    lock = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    finally:
        os.close(lock)


def _remove_folder(path: Path, lock: int) -> None:
    shutil.rmtree(path, ignore_errors=True)
    os.close(lock)


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
        # as much as is asked for is taken from memory before it is read
        data = file.read(min(most, os.fstat(file.fileno()).st_size) + 1)
    if len(data) > most:
        raise OSError(f"it is larger than {most >> 20} MiB")
    return data


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def seal(content: bytes) -> bytes:
    """A line with the hash, then ``content``."""
    return MAGIC + digest(content).encode() + b"\n" + content


def unseal(data: bytes) -> bytes:
    """The content of what ``seal`` made. Raises ValueError, saying why, for anything else."""
    start = len(MAGIC) + _HASH + 1
    if data[: len(MAGIC)] != MAGIC:
        raise ValueError("it has no checksum: it is damaged, or an earlier hepq wrote it")
    content = data[start:]
    if data[len(MAGIC) : start] != digest(content).encode() + b"\n":
        raise ValueError("its checksum does not fit: it is damaged")
    return content


def seal_text(text: str) -> str:
    """``text``, then its hash on a line of its own."""
    return f"{text}\n{digest(text.encode())}"


def unseal_text(text: str) -> str:
    """As ``unseal``, of what ``seal_text`` made."""
    content, _, found = text.rstrip("\n").rpartition("\n")
    if found != digest(content.encode()):
        raise ValueError("its checksum does not fit: it is damaged")
    return content
