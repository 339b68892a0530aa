# SPDX-License-Identifier: Apache-2.0
"""NumPy archives, ``.npz``: an array [events] or [events, n] by name is a branch.

Read some rows at a time; an array in Fortran's order as a whole.
"""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import prod
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from hepq.core.errors import DataError
from hepq.runtime.events.source import Source, damaged, size

_ENDING = ".npy"


@dataclass(frozen=True)
class _Archive:
    """``opened``: what is closed with it."""

    archive: zipfile.ZipFile
    opened: ExitStack

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(n.removesuffix(_ENDING) for n in self.archive.namelist() if n.endswith(_ENDING))

    def array(self, name: str) -> _Array:
        return _Array(name, self.opened.enter_context(self.archive.open(name + _ENDING)))


class _Array:
    """An array of an archive, which gives its rows one after the other."""

    def __init__(self, name: str, file: IO[bytes]) -> None:
        self._file = file
        version = npy.read_magic(self._file)
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
        if read is None:
            raise ValueError(f"{name} is written in version {version} of the format")
        self.shape: tuple[int, ...]
        self.dtype: np.dtype[Any]
        self.shape, self._fortran, self.dtype = read(self._file)
        self.row = prod(self.shape[1:]) * self.dtype.itemsize  #: bytes of one event
        self._whole: NDArray[Any] | None = None
        self._at = 0

    def take(self, count: int) -> NDArray[Any]:
        """The next so many rows."""
        if not (self._fortran and len(self.shape) > 1):
            return self._numbers(count * prod(self.shape[1:])).reshape(count, *self.shape[1:])
        if self._whole is None:
            self._whole = self._numbers(prod(self.shape)).reshape(self.shape, order="F")
        self._at += count
        return np.ascontiguousarray(self._whole[self._at - count : self._at])

    def _numbers(self, count: int) -> NDArray[Any]:
        found: NDArray[Any] = np.frombuffer(self._file.read(count * self.dtype.itemsize), self.dtype, count)
        return found.astype(self.dtype.newbyteorder("="))


def source(path: str) -> Source:
    """Its arrays; as many events as most of them have rows. Raises DataError HQ0801, HQ0803."""
    with _opened(path) as archive:
        lengths = Counter(shape[0] for name in archive.names if (shape := archive.array(name).shape))
        events = max(lengths, key=lambda n: (lengths[n], n), default=0)
        return Source(path, "", events, archive.names, format="npz")


def pieces(source: Source, branches: set[str], step: int | str) -> Iterator[Any]:
    """Awkward arrays of ``step`` events each. Raises DataError HQ0803, HQ0806, HQ0807, HQ0813."""
    with _opened(source.path) as archive:
        arrays = _arrays(archive, source, branches)
        if not arrays or not source.events:
            yield _records(arrays, 0, source.events)
            return
        rows = step if isinstance(step, int) else max(1, size(step) // max(sum(a.row for a in arrays.values()), 1))
        for first in range(0, source.events, rows):
            count = min(rows, source.events - first)
            yield _records(arrays, count, count)


def none_of(source: Source, branches: set[str]) -> Any:
    """No event, with the arrays' types. Raises DataError HQ0803, HQ0806, HQ0807, HQ0813."""
    with _opened(source.path) as archive:
        return _records(_arrays(archive, source, branches), 0, 0)


def _records(arrays: Mapping[str, _Array], rows: int, length: int) -> Any:
    import awkward as ak

    contents = [ak.Array(array.take(rows)).layout for array in arrays.values()]
    return ak.Array(ak.contents.RecordArray(contents, list(arrays), length=length))


def _arrays(archive: _Archive, source: Source, branches: set[str]) -> dict[str, _Array]:
    found = {name: archive.array(name) for name in source.branches if name in branches}
    for name, array in found.items():
        if array.dtype.kind not in "biuf":
            help = "write numbers; lists of different lengths fit into ROOT and Parquet files"
            title = f'branch "{name}" in {source} does not hold numbers'
            raise DataError("HQ0807", title, f"it holds {array.dtype}", help)
        if not array.shape:
            title = f'branch "{name}" in {source} has the wrong shape'
            raise DataError("HQ0806", title, "it is one number, not an array")
        if array.shape[0] != source.events:
            why = f'"{name}" has {array.shape[0]:,} rows, other arrays have {source.events:,}'
            raise DataError("HQ0813", f"branches of {source} have different lengths", why)
    return found


@contextmanager
def _opened(path: str) -> Iterator[_Archive]:
    try:
        with zipfile.ZipFile(path) as archive, ExitStack() as opened:
            yield _Archive(archive, opened)
    except (DataError, KeyboardInterrupt, GeneratorExit):
        raise
    except FileNotFoundError as error:
        raise DataError("HQ0801", f"cannot open {path}", str(error)) from error
    except Exception as error:  # zipfile, zlib and numpy raise many kinds for damaged files
        raise damaged(path, error) from error
