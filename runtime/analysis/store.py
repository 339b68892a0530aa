# SPDX-License-Identifier: Apache-2.0
"""Sums of chunks on disk: what a run had finished when it was killed, the next one does not compute again.

``sums/FILE.FIRST-END`` holds the sums of entries of a file, ``skims/…`` of the same name what skims have of them. FILE
is a hash of all that they follow from: the event program, the source's name, the file's UUID, size and time. A file of
which all is there has one record in the end. One run uses a folder at a time.
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
from typing import Any, Self

from hepq.core.analyses import Kind
from hepq.core.errors import DataError
from hepq.runtime.analysis.skimmed import Skimmed
from hepq.runtime.analysis.sums import Sums, merged
from hepq.runtime.analysis.tasks import Done, File
from hepq.runtime.files import check_folder, kept_safe, read, replacing, seal, sync, unseal

MARK, FORMAT = "hepq-chunks", "hepq chunks 1\n"
#: bytes of the largest record that is read
_MOST = 1 << 36
Range = tuple[int, int]


class Store:
    """``programs``: of each kind of sources, a hash of what computes their sums. A context: the folder is given back
    at its end. ``damaged``: how many records were, and are gone.

    Raises DataError HQ0953 if ``path`` holds something else or another run uses it, HQ0954 where it cannot be written.
    """

    def __init__(self, path: str | Path, programs: Mapping[Kind, str], *, fresh: bool = False) -> None:
        """``fresh``: forget what earlier runs computed."""
        self.path, self._programs, self.damaged = Path(path), programs, 0
        self._sums, self._skims = self.path / "sums", self.path / "skims"
        self._lock = self._opened()
        #: by hash of a file, the ranges of its records; those of them that are known to be sound
        self._ranges: dict[str, set[Range]] = {}
        self._sound: set[tuple[str, Range]] = set()
        for place in list(self._sums.iterdir()):
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
        """Entries whose sums are here, in order, none twice. Damaged records are removed."""
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

    def put(self, file: File, entries: Range, done: Done) -> None:
        """Once this returns, no crash loses it. Raises DataError HQ0954."""
        key = self._key(file)
        if done.skims:
            self._written(self._place(self._skims, key, entries), done.skims.to_bytes())
        self._write(file, entries, done.sums, [entries] if done.skims else [])

    def sums(self, file: File) -> Iterator[Sums]:
        """Of all that is here of it."""
        for entries in self.covered(file):
            yield self._read(self._key(file), entries)[1]

    def skims(self, file: File) -> Iterator[Skimmed]:
        """In the order of its events."""
        key = self._key(file)
        for entries in self.covered(file):
            for part in self._read(key, entries)[0]["skims"]:
                yield Skimmed.from_bytes(read(self._place(self._skims, key, tuple(part)), _MOST))

    def compact(self, file: File) -> None:
        """Records that follow each other become one."""
        key, ranges = self._key(file), self.covered(file)
        if len(ranges) < 2 or any(a[1] != b[0] for a, b in pairwise(ranges)):
            return
        records = [self._read(key, entries) for entries in ranges]
        skims = [tuple(part) for head, _ in records for part in head["skims"]]
        self._write(file, (ranges[0][0], ranges[-1][1]), merged(sums for _, sums in records), skims)
        for entries in ranges:
            self._ranges[key].discard(entries)
            self._place(self._sums, key, entries).unlink()

    def _write(self, file: File, entries: Range, sums: Sums, skims: list[Any]) -> None:
        key, program = self._key(file), self._programs[file.kind]
        head = {"program": program, "source": file.source, "path": file.opened.path, "skims": skims}
        content = json.dumps(head).encode() + b"\n" + sums.to_bytes()
        self._written(self._place(self._sums, key, entries), seal(content))
        self._ranges.setdefault(key, set()).add(entries)
        self._sound.add((key, entries))

    def _written(self, place: Path, data: bytes) -> None:
        with self._writing():
            with replacing(place) as temporary:
                temporary.write_bytes(data)
            sync(place.parent)

    def _read(self, key: str, entries: Range) -> tuple[dict[str, Any], Sums]:
        """Raises OSError or ValueError for a damaged one."""
        line, _, content = unseal(read(self._place(self._sums, key, entries), _MOST)).partition(b"\n")
        return json.loads(line), Sums.from_bytes(content)

    def _head(self, key: str, entries: Range) -> dict[str, Any]:
        """What a record says of itself, unchecked."""
        with self._place(self._sums, key, entries).open("rb") as file:
            file.readline()
            found: dict[str, Any] = json.loads(file.readline())
        return found

    def _is_sound(self, key: str, entries: Range) -> bool:
        if (key, entries) not in self._sound:
            try:
                for part in self._read(key, entries)[0]["skims"]:
                    unseal(read(self._place(self._skims, key, tuple(part)), _MOST))
            except (OSError, ValueError, KeyError):
                self.damaged += 1
                return False
            self._sound.add((key, entries))
        return True

    def _remove(self, key: str, entries: Range) -> None:
        """A record; what skims have of its entries stays where another one has them too."""
        self._ranges.get(key, set()).discard(entries)
        self._sound.discard((key, entries))
        places = [self._place(self._sums, key, entries)]
        if not any(a <= entries[0] and entries[1] <= b for a, b in self._ranges.get(key, ())):
            parts = [(p, _named(p.name)) for p in self._skims.glob(f"{key}.*")]
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
            for folder in (self._sums, self._skims):
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
            ours = {self._sums.name, self._skims.name}
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
