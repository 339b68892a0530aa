# SPDX-License-Identifier: Apache-2.0
"""Writing scores: a table of columns appended piece by piece, as a ROOT TTree or as Parquet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import awkward as ak

from hepq.runtime.files import check_writable, replacing

Columns = Mapping[str, Any]


class Writer(Protocol):
    def write(self, columns: Columns) -> None:
        """Append events; every call has the same columns of the same types."""


class _Root:
    """Lists of fixed-size arrays, which a TTree cannot hold, become lists of numbers: ``name_0``, ``name_1``, …"""

    def __init__(self, file: Any, tree: str) -> None:
        self._file, self._name = file, tree
        self._tree: Any = None

    def write(self, columns: Columns) -> None:
        given = {k: ak.Array(v) if not isinstance(v, ak.Array) else v for k, v in columns.items()}
        arrays = dict(pair for k, v in given.items() for pair in _lists_of_numbers(k, v))
        if self._tree is None:
            self._tree = self._file.mktree(self._name, {k: str(v.type.content) for k, v in arrays.items()})
        if any(len(v) for v in arrays.values()):
            self._tree.extend({k: ak.to_packed(v) for k, v in arrays.items()})


def _lists_of_numbers(name: str, array: ak.Array) -> Iterator[tuple[str, ak.Array]]:
    kind = array.type.content
    if array.ndim < 3 or not isinstance(kind, ak.types.ListType):
        yield name, array
        return
    for i in range(kind.content.size):
        yield from _lists_of_numbers(f"{name}_{i}", array[:, :, i])


class _Parquet:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: Any = None

    def write(self, columns: Columns) -> None:
        from pyarrow.parquet import ParquetWriter

        table = ak.to_arrow_table(
            ak.zip(dict(columns), depth_limit=1), extensionarray=False, list_to32=True, count_nulls=False
        )
        if self._writer is None:
            self._writer = ParquetWriter(self._path, table.schema)
        self._writer.write_table(table.cast(self._writer.schema))

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


@contextmanager
def open_writer(path: str | Path, tree: str = "tree") -> Iterator[Writer]:
    """A writer for ``path``, by its ending: .root (a TTree), .parquet. The file appears only if the body succeeds.

    Raises DataError HQ0817.
    """
    path = Path(path)
    kind = path.suffix.lower()
    check_writable(path, (".root", ".parquet"), f"the ending {kind!r} is neither .root nor .parquet")
    with replacing(path) as temporary:
        if kind == ".root":
            import uproot

            with uproot.recreate(temporary) as file:
                yield _Root(file, tree)
        else:
            parquet = _Parquet(temporary)
            try:
                yield parquet
            finally:
                parquet.close()
