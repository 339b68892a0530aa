# SPDX-License-Identifier: Apache-2.0
"""Parquet files by pyarrow: a column is a branch, a list of numbers is ragged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hepq.core.errors import DataError
from hepq.runtime.events.source import Source, damaged, projected, size
from hepq.runtime.events.writers import MARK


def source(path: str) -> Source:
    """Raises DataError HQ0803."""
    with _opened(path) as file:
        mark = (file.schema_arrow.metadata or {}).get(MARK.encode(), b"").decode(errors="replace")
        names = tuple(file.schema_arrow.names)
        return Source(path, "", file.metadata.num_rows, names, mark, format="parquet")


def pieces(source: Source, branches: set[str], step: int | str) -> Iterator[Any]:
    """Awkward arrays of ``step`` events each. Raises DataError HQ0803."""
    import awkward as ak

    with _opened(source.path) as file:
        places = source.places(branches)
        columns = distinct(source, {branch for branch, _ in places.values()})
        if not columns:
            yield ak.Array(ak.contents.RecordArray([], [], length=source.events))
            return
        if source.events == 0:
            yield projected(converted(file.schema_arrow.empty_table().select(columns), source), places)
            return
        rows = step if isinstance(step, int) else _rows(file, columns, step)
        for batch in file.iter_batches(rows, columns=columns):
            yield projected(converted(batch, source), places)


def none_of(source: Source, branches: set[str]) -> Any:
    """No event, with the declared types. Raises DataError HQ0803, HQ0807."""
    with _opened(source.path) as file:
        places = source.places(branches)
        columns = distinct(source, {branch for branch, _ in places.values()})
        return projected(converted(file.schema_arrow.empty_table().select(columns), source), places)


def distinct(source: Source, branches: set[str]) -> list[str]:
    """Those of ``branches``, in the file's order. Raises DataError HQ0886 for a name that several have."""
    columns = [name for name in source.branches if name in branches]
    if twice := next((name for name in columns if columns.count(name) > 1), None):
        title, why = f'several branches "{twice}" in {source}', f"{columns.count(twice)} columns have this name"
        raise DataError("HQ0886", title, why, "write the file again with names of their own")
    return columns


def converted(table: Any, source: Source) -> Any:
    """Awkward records of an arrow table. Raises DataError HQ0807 for decimals, maps and such."""
    import awkward as ak
    import pyarrow as pa

    contents = []
    for name, column in zip(table.schema.names, table.columns, strict=True):
        kind = column.type
        try:
            found = column.cast(kind.value_type) if pa.types.is_dictionary(kind) else column
            contents.append(ak.from_arrow(found).layout)
        except (ValueError, TypeError, NotImplementedError) as error:
            title, why = f'branch "{name}" in {source} does not hold numbers', f"it holds {kind}"
            raise DataError("HQ0807", title, why, "write the column as float64, or lists of it") from error
    return ak.Array(ak.contents.RecordArray(contents, table.schema.names, length=table.num_rows))


def _rows(file: Any, columns: list[str], step: str) -> int:
    """How many events of these columns take so much memory."""
    groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
    found = [group.column(i) for group in groups for i in range(group.num_columns)]
    mine = tuple(f"{name}." for name in columns)
    total = sum(c.total_uncompressed_size for c in found if f"{c.path_in_schema}.".startswith(mine))
    rows = int(file.metadata.num_rows)
    return max(1, min(rows, size(step) * rows // max(int(total), 1)))


@contextmanager
def _opened(path: str) -> Iterator[Any]:
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path) as file:
            yield file
    except (DataError, KeyboardInterrupt, GeneratorExit):
        raise
    except Exception as error:  # pyarrow raises many kinds for damaged files
        raise damaged(path, error) from error
