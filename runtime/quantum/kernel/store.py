# SPDX-License-Identifier: Apache-2.0
"""Tiles of kernel matrices on disk, by content: what was stored is never lost, damaged unnoticed, or computed again.

``tiles/ab/abcd…`` holds tiles, ``claims/`` what processes work on now, ``damaged/`` tiles that were set aside.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, NonNegativeInt, TypeAdapter, ValidationError

from hepq.core.errors import DataError
from hepq.runtime.files import kept_safe, replacing, sync, why_not
from hepq.runtime.quantum.jobs.leases import Claims

MARK, FORMAT = "hepq-store", "hepq kernel store 1\n"
MAGIC = b"hepq-tile 1 "
_HASH = 64
#: room that the two lines before the numbers may need, beside what a kernel says of itself
OVERHEAD = 1024
LONGEST_HEADER = 1 << 20


class StoreWarning(UserWarning):
    """A tile was damaged, set aside, and will be computed again."""


def tile_key(kernel: str, rows: str, columns: str) -> str:
    """The name of a tile: of its kernel's digest, and hashes of the events of its rows and columns."""
    return hashlib.sha256(f"{kernel} {rows} {columns}".encode()).hexdigest()


class Store:
    """Tiles of any number of kernels; any number of processes may use it at once. A context: claims end with it.

    Raises DataError HQ0858 if ``path`` holds something else, HQ0859 where it cannot be written (full, read-only).
    """

    def __init__(self, path: str | Path, *, create: bool = True) -> None:
        self.path = Path(path)
        self._tiles, self._aside = self.path / "tiles", self.path / "damaged"
        self._claims = Claims(self.path / "claims")
        self._open(create)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give up every claim. Tiles stay."""
        self._claims.close()

    def get(self, key: str) -> NDArray[np.float64] | None:
        """The tile's values, checked; None if it is not there. A damaged one is set aside, with a StoreWarning."""
        try:
            return decode(self._tile(key).read_bytes(), key)[1]
        except FileNotFoundError:
            return None
        except Damaged as error:
            text = f"tile {key[:16]}… of {self.path} is damaged: {error}; "
            warnings.warn(f"{text}moved to {self._set_aside(key)}, to be computed again", StoreWarning, stacklevel=2)
            return None

    def claim(self, key: str, numbers: int, about: int = 0) -> bool:
        """Take the tile, to compute it, and room for so many numbers; False if another process has it.

        ``about``: bytes of what the kernel says of itself. Look with ``get`` after claiming: the tile may have been
        stored a moment before.
        """
        with self._writing():
            return self._claims.take(key, 8 * numbers + OVERHEAD + about)

    def release(self, key: str) -> None:
        """Give up a claim without a result."""
        self._claims.drop(key)

    def put(self, header: Header, values: NDArray[np.float64]) -> None:
        """Store a tile, durably: once this returns, no crash loses it. Ends the claim on it, if there is one."""
        temporary, path = self._claims.path(header.key), self._tile(header.key)
        data = encode(header, values)
        try:
            with self._writing():
                with open(os.open(temporary, os.O_WRONLY | os.O_CREAT, 0o666), "wb") as file:
                    file.write(data)
                    file.truncate()
                    file.flush()
                    os.fsync(file.fileno())
                if not path.parent.is_dir():
                    path.parent.mkdir(exist_ok=True)
                    sync(self._tiles)
                temporary.rename(path)
                sync(path.parent)
        except BaseException:
            self._claims.drop(header.key)
            raise
        self._claims.published(header.key)

    def headers(self) -> Iterator[Header]:
        """What every tile says of itself; damaged ones are left out."""
        for path in sorted(self._tiles.glob("??/*")):
            with suppress(Damaged, FileNotFoundError):
                yield read_header(path)

    def working(self) -> int:
        """How many tiles are being computed now."""
        return self._claims.working()

    def damaged(self) -> int:
        """How many damaged tiles were set aside."""
        return sum(1 for _ in self._aside.glob("*"))

    def _tile(self, key: str) -> Path:
        return self._tiles / key[:2] / key

    def _set_aside(self, key: str) -> Path:
        aside = self._aside / f"{key}.{self._claims.owner}"
        with self._writing():
            self._aside.mkdir(exist_ok=True)
            with suppress(FileNotFoundError):  # another process was quicker
                self._tile(key).rename(aside)
        return aside

    def _open(self, create: bool) -> None:
        mark = self.path / MARK
        try:
            if mark.read_text() != FORMAT:
                raise DataError("HQ0858", f"{self.path} is a kernel store of another format", "a newer hepq made it")
            return
        except FileNotFoundError:
            why = self._unfit(create)
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or str(error)
        if why:
            help = "name an empty or new directory, or one that an earlier `hepqc kernel --store` made"
            raise DataError("HQ0858", f"{self.path} is not a kernel store", why, help)
        with self._writing():
            for folder in (self._tiles, self._claims.folder):
                folder.mkdir(parents=True, exist_ok=True)
            with replacing(mark) as temporary:
                temporary.write_text(FORMAT)
            sync(self.path)

    def _unfit(self, create: bool) -> str:
        """Why no store can be begun at ``path``; empty if it can. One that is just being begun is fit."""
        if not self.path.exists():
            return "" if create else "there is no such directory"
        ours = {self._tiles.name, self._claims.folder.name}
        if not create or any(p.name not in ours and MARK not in p.name for p in self.path.iterdir()):
            return f"it holds no file {MARK}"
        return ""

    def _writing(self) -> AbstractContextManager[None]:
        what, then = f"the kernel store {self.path}", ": it goes on from there"
        return kept_safe("HQ0859", what, "all tiles stored so far are safe", then)


def utc() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class Damaged(Exception):
    """A tile file that is truncated, changed, or of another tile."""


@dataclass(frozen=True)
class Header:
    """``kernel``: its digest; ``rows``, ``columns``: hashes of the events; ``when``: UTC; ``about``: the kernel's."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(strict=True, extra="forbid")

    key: str
    kernel: str
    rows: str
    columns: str
    shape: tuple[NonNegativeInt, NonNegativeInt]
    when: str
    about: dict[str, Any]


_HEADER = TypeAdapter(Header)


def encode(header: Header, values: NDArray[np.float64]) -> bytes:
    body = json.dumps(asdict(header), separators=(",", ":")).encode() + b"\n" + values.astype("<f8").tobytes()
    return MAGIC + hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def decode(data: bytes, key: str) -> tuple[Header, NDArray[np.float64]]:
    """Raises Damaged unless ``data`` is what ``encode`` made for ``key``, byte for byte."""
    start = len(MAGIC) + _HASH + 1
    body = data[start:]
    if data[:start] != MAGIC + hashlib.sha256(body).hexdigest().encode() + b"\n":
        raise Damaged("its hash is not that of its content")
    line, _, numbers = body.partition(b"\n")
    header = _header(line)
    if header.key != key:
        raise Damaged("it is another tile's")
    if len(numbers) != 8 * math.prod(header.shape):
        raise Damaged("it does not hold as many numbers as it says")
    return header, np.frombuffer(numbers, "<f8").astype(np.float64).reshape(header.shape)


def read_header(path: Path) -> Header:
    """What a file says of its tile: it is as long as that, but its numbers are not read. Raises Damaged, OSError."""
    if why := why_not(path):
        raise Damaged(why)
    start = len(MAGIC) + _HASH + 1
    with path.open("rb") as file:
        if file.read(start)[: len(MAGIC)] != MAGIC:
            raise Damaged("it does not begin as a tile does")
        line = file.readline(LONGEST_HEADER)
        header, size = _header(line), os.fstat(file.fileno()).st_size
    if size != start + len(line) + 8 * math.prod(header.shape):
        raise Damaged("it does not hold as many numbers as it says")
    return header


def _header(line: bytes) -> Header:
    try:
        return _HEADER.validate_json(line)
    except ValidationError as error:
        raise Damaged("its header is malformed") from error
