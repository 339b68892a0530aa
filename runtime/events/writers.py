# SPDX-License-Identifier: Apache-2.0
"""Writing scores: a table of columns appended piece by piece, as a ROOT TTree or as Parquet."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import awkward as ak

from hepq.core.errors import DataError
from hepq.runtime.files import check_writable, replacing

#: of Parquet's metadata: what a file is
MARK = "hepq.mark"
Columns = Mapping[str, Any]
#: name -> type of one event's entry: numbers, fixed-size arrays, or lists of these
Kinds = Mapping[str, ak.types.Type]


class Writer(Protocol):
    def write(self, columns: Columns) -> None:
        """Append events: every call has the columns, and their types, that the writer was opened with."""


def _none(kind: ak.types.Type) -> ak.Array:
    return ak.Array(ak.forms.from_type(kind).length_zero_array(highlevel=False))


def _typed(columns: Columns, kinds: Kinds) -> dict[str, ak.Array]:
    return {name: ak.enforce_type(ak.Array(columns[name]), kind) for name, kind in kinds.items()}


class RootTree:
    """Lists of fixed-size arrays, which a TTree cannot hold, become lists of numbers: ``name_0``, ``name_1``, …"""

    def __init__(self, file: Any, tree: str, kinds: Kinds, mark: str) -> None:
        self._kinds = {name: _without_half(kind) for name, kind in kinds.items()}
        none = self._split({name: _none(kind) for name, kind in self._kinds.items()})
        types = {k: str(v.type.content) for k, v in none.items()}
        self._tree: Any = file.mktree(tree, types, mark, counter_name=_counters(none))

    def write(self, columns: Columns) -> None:
        arrays = self._split(_typed(columns, self._kinds))
        if any(len(v) for v in arrays.values()):
            self._tree.extend({k: ak.to_packed(v) for k, v in arrays.items()})

    def _split(self, columns: Mapping[str, ak.Array]) -> dict[str, ak.Array]:
        found: dict[str, ak.Array] = {}
        for name, array in columns.items():
            for part, values in _lists_of_numbers(name, array):
                if part in found:
                    why = f'in a TTree the numbers of a list\'s entries get columns of their own, and "{part}" is one'
                    raise DataError("HQ0818", f'two columns "{part}"', why, "write to a .parquet file")
                found[part] = values
        return found


def _counters(names: Collection[str]) -> Callable[[str], str]:
    """How the branch is called that counts a list's entries: ``nNAME``, unless a column has that name."""

    def counter(name: str) -> str:
        found = f"n{name}"
        while found in names:
            found = f"n{found}"
        return found

    return counter


def _is_nested(kind: ak.types.Type) -> bool:
    return isinstance(kind, ak.types.ListType) and isinstance(kind.content, ak.types.ListType)


def _without_half(kind: ak.types.Type) -> ak.types.Type:
    """A TTree has no 16-bit floats."""
    match kind:
        case ak.types.NumpyType(primitive="float16"):
            return ak.types.NumpyType("float32")
        case ak.types.ListType():
            return ak.types.ListType(_without_half(kind.content))
        case ak.types.RegularType():
            return ak.types.RegularType(_without_half(kind.content), kind.size)
    return kind


def _lists_of_numbers(name: str, array: ak.Array) -> Iterator[tuple[str, ak.Array]]:
    kind = array.type.content
    if array.ndim < 3 or not isinstance(kind, ak.types.ListType):
        yield name, array
        return
    for i in range(kind.content.size):
        yield from _lists_of_numbers(f"{name}_{i}", array[:, :, i])


class ParquetTable:
    def __init__(self, path: Path, kinds: Kinds, metadata: Mapping[str, str]) -> None:
        from pyarrow.parquet import ParquetWriter

        self._kinds = kinds
        schema = self._table({name: _none(kind) for name, kind in kinds.items()}).schema
        self._schema = schema.with_metadata(dict(metadata))
        self._writer = ParquetWriter(path, self._schema)
        self._written = False

    def write(self, columns: Columns) -> None:
        self._written = True
        self._writer.write_table(self._table(_typed(columns, self._kinds)).cast(self._schema))

    def _table(self, columns: Mapping[str, ak.Array]) -> Any:
        return ak.to_arrow_table(
            ak.zip(dict(columns), depth_limit=1), extensionarray=False, list_to32=True, count_nulls=False
        )

    def close(self) -> None:
        """A file without rows has a group of none, without which not all can read it."""
        if not self._written:
            self._writer.write_table(self._schema.empty_table())
        self._writer.close()


@contextmanager
def open_writer(path: str | Path, kinds: Kinds, tree: str = "tree", mark: str = "") -> Iterator[Writer]:
    """A writer for ``path``, by its ending: .root (a TTree), .parquet. The file appears only if the body succeeds.

    ``mark``: what the file is, as the tree's title or in the metadata; ``Source`` has it.

    Raises DataError HQ0817, HQ0818.
    """
    path = Path(path)
    kind = path.suffix.lower()
    check_writable(path, (".root", ".parquet"), f"the ending {kind!r} is neither .root nor .parquet")
    if kind == ".root" and (nested := [name for name, of in kinds.items() if _is_nested(of)]):
        why, help = f'"{nested[0]}" holds lists of lists, which no TTree does', f"name it {path.stem}.parquet"
        raise DataError("HQ0817", f"cannot write {path}", why, help)
    with replacing(path) as temporary:
        if kind == ".root":
            import uproot

            with uproot.recreate(temporary) as file:
                yield RootTree(file, tree, kinds, mark)
        else:
            parquet = ParquetTable(temporary, kinds, {MARK: mark})
            try:
                yield parquet
            finally:
                parquet.close()
