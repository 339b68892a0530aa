# SPDX-License-Identifier: Apache-2.0
"""What is made of chunks, on disk: what a run had finished when it was killed, the next one does not compute again.

``accounts/FILE.FIRST-END`` holds the account of entries of a file, which is added to others: sums of an analysis, a
report of scores. ``rows/…`` of the same name holds what stays as it is: skims, scores. FILE is a hash of all that they
follow from: the program, the source's name, the file's UUID, size and time. A file of which all is there has one
account in the end. One run uses a folder at a time.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import astuple
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Protocol, Self

from hepq.core.errors import DataError
from hepq.runtime.chunks.files import A, Done, File
from hepq.runtime.files import check_folder, kept_safe, read, replacing, seal, sync, unseal

MARK, FORMAT = "hepq-chunks", "hepq chunks 2\n"
#: bytes of the largest record that is read
_MOST = 1 << 36
Range = tuple[int, int]


class Accounts(Protocol[A]):
    """How accounts that ``to_bytes`` wrote are read, and added up."""

    def read(self, data: bytes) -> A:
        """Raises ValueError for what is none."""

    def added(self, accounts: Iterable[A]) -> A:
        """Of consecutive entries, in order."""


class Store(Generic[A]):
    """``programs``: of each kind of sources, a hash of what computes them. A context: the folder is given back at its
    end. ``damaged``: how many records were, and are gone.

    Raises DataError HQ0953 if ``path`` holds something else or another run uses it, HQ0954 where it cannot be written.
    """

    def __init__(self, path: str | Path, programs: Mapping[Any, str], how: Accounts[A], *, fresh: bool = False) -> None:
        """``fresh``: forget what earlier runs computed."""
        self.path, self._programs, self._how, self.damaged = Path(path), programs, how, 0
        self._accounts, self._rows = self.path / "accounts", self.path / "rows"
        self._lock = self._opened()
        #: by hash of a file, the ranges of its records; those of them that are known to be sound
        self._ranges: dict[str, set[Range]] = {}
        self._sound: set[tuple[str, Range]] = set()
        for place in list(self._accounts.iterdir()):
            if (found := _named(place.name)) is None:
                continue
            if fresh:
                self._remove(*found)
            else:
                self._ranges.setdefault(found[0], set()).add(found[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        os.close(self._lock)

    def covered(self, file: File) -> list[Range]:
        """Entries whose accounts are here, in order, none twice. Damaged records are removed."""
        key, found = self._key(file), list[Range]()
        for entries in sorted(self._ranges.get(key, ()), key=lambda r: r[0] - r[1]):  # the longest first
            if any(entries[0] < end and first < entries[1] for first, end in found) or not self._is_sound(key, entries):
                self._remove(key, entries)
            else:
                found.append(entries)
        return sorted(found)

    def replaced(self, files: Iterable[File]) -> list[str]:
        """Paths of ``files`` under which there was another file when the same program last read them. What was kept of
        those is removed."""
        known = {self._key(file) for file in files}
        now = {(self._programs[f.kind], f.source, f.opened.path) for f in files}
        found = dict[str, None]()
        for key in [key for key in self._ranges if key not in known]:
            for entries in sorted(self._ranges[key]):
                with suppress(OSError, ValueError, KeyError):
                    head = self._head(key, entries)
                    if (head["program"], head["source"], head["path"]) in now:
                        found[head["path"]] = None
                        self._remove(key, entries)
        return list(found)

    def put(self, file: File, entries: Range, done: Done[A]) -> None:
        """Once this returns, no crash loses it. Raises DataError HQ0954."""
        if done.rows:
            self._written(self._place(self._rows, self._key(file), entries), done.rows)
        self._write(file, entries, done.account, [entries] if done.rows else [])

    def accounts(self, file: File) -> Iterator[A]:
        """Of all that is here of it, in the order of its events."""
        for entries in self.covered(file):
            yield self._read(self._key(file), entries)[1]

    def rows(self, file: File) -> Iterator[bytes]:
        """In the order of its events."""
        key = self._key(file)
        for entries in self.covered(file):
            for part in self._read(key, entries)[0]["rows"]:
                yield read(self._place(self._rows, key, tuple(part)), _MOST)

    def compact(self, file: File) -> None:
        """Records that follow each other become one."""
        key, ranges = self._key(file), self.covered(file)
        if len(ranges) < 2 or any(a[1] != b[0] for a, b in pairwise(ranges)):
            return
        records = [self._read(key, entries) for entries in ranges]
        rows = [tuple(part) for head, _ in records for part in head["rows"]]
        self._write(file, (ranges[0][0], ranges[-1][1]), self._how.added(found for _, found in records), rows)
        for entries in ranges:
            self._ranges[key].discard(entries)
            self._place(self._accounts, key, entries).unlink()

    def _write(self, file: File, entries: Range, account: A, rows: list[Any]) -> None:
        key, program = self._key(file), self._programs[file.kind]
        head = {"program": program, "source": file.source, "path": file.opened.path, "rows": rows}
        content = json.dumps(head).encode() + b"\n" + account.to_bytes()
        self._written(self._place(self._accounts, key, entries), seal(content))
        self._ranges.setdefault(key, set()).add(entries)
        self._sound.add((key, entries))

    def _written(self, place: Path, data: bytes) -> None:
        with self._writing():
            with replacing(place) as temporary:
                temporary.write_bytes(data)
            sync(place.parent)

    def _read(self, key: str, entries: Range) -> tuple[dict[str, Any], A]:
        """Raises OSError or ValueError for a damaged one."""
        line, _, content = unseal(read(self._place(self._accounts, key, entries), _MOST)).partition(b"\n")
        return json.loads(line), self._how.read(content)

    def _head(self, key: str, entries: Range) -> dict[str, Any]:
        """What a record says of itself, unchecked."""
        with self._place(self._accounts, key, entries).open("rb") as file:
            file.readline()
            found: dict[str, Any] = json.loads(file.readline())
        return found

    def _is_sound(self, key: str, entries: Range) -> bool:
        if (key, entries) not in self._sound:
            try:
                for part in self._read(key, entries)[0]["rows"]:
                    unseal(read(self._place(self._rows, key, tuple(part)), _MOST))
            except (OSError, ValueError, KeyError):
                self.damaged += 1
                return False
            self._sound.add((key, entries))
        return True

    def _remove(self, key: str, entries: Range) -> None:
        """A record; the rows of its entries stay where another one has them too."""
        self._ranges.get(key, set()).discard(entries)
        self._sound.discard((key, entries))
        places = [self._place(self._accounts, key, entries)]
        if not any(a <= entries[0] and entries[1] <= b for a, b in self._ranges.get(key, ())):
            parts = [(p, _named(p.name)) for p in self._rows.glob(f"{key}.*")]
            places += [p for p, of in parts if of and entries[0] <= of[1][0] and of[1][1] <= entries[1]]
        with self._writing():
            for place in places:
                place.unlink(missing_ok=True)

    def _key(self, file: File) -> str:
        parts = (self._programs[file.kind], file.source, *map(str, astuple(file.identity)))
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]

    def _place(self, folder: Path, key: str, entries: Range) -> Path:
        return folder / f"{key}.{entries[0]}-{entries[1]}"

    def _opened(self) -> int:
        """Makes the folder if need be; what holds its lock."""
        check_folder(self.path)
        mark = self.path / MARK
        if why := self._unfit(mark):
            raise DataError("HQ0953", f"{self.path} is no folder of chunks", why, "name a new or an empty folder")
        with self._writing():
            for folder in (self._accounts, self._rows):
                folder.mkdir(parents=True, exist_ok=True)
            if not mark.exists():
                with replacing(mark) as temporary:
                    temporary.write_text(FORMAT)
                sync(self.path)
            lock = os.open(mark, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(lock)
            help = "wait for it to end, or write to another folder"
            raise DataError("HQ0953", f"another run uses {self.path}", "it holds its lock", help) from error
        except OSError:  # a file system without locks
            pass
        return lock

    def _unfit(self, mark: Path) -> str:
        """Why no run can use the folder; empty if it can. One that is just being begun is fit."""
        try:
            return "" if mark.read_text() == FORMAT else "another version of hepq made it"
        except (OSError, UnicodeDecodeError):
            ours = {self._accounts.name, self._rows.name}
            there = [p.name for p in self.path.iterdir()] if self.path.exists() else []
            return f"it holds no file {MARK}" if any(n not in ours and MARK not in n for n in there) else ""

    def _writing(self) -> AbstractContextManager[None]:
        then = ": it goes on from there"
        return kept_safe("HQ0954", f"the folder of chunks {self.path}", "all chunks stored so far are safe", then)


def _named(name: str) -> tuple[str, Range] | None:
    """The file's hash and the entries that a record is of; None of other files."""
    key, _, entries = name.partition(".")
    first, _, end = entries.partition("-")
    return (key, (int(first), int(end))) if first.isdecimal() and end.isdecimal() else None
