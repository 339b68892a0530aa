# SPDX-License-Identifier: Apache-2.0
"""CSV files by pyarrow: a column is a branch of one number for each event, its name in the first line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from hepq.core.errors import DataError
from hepq.runtime.events.formats.parquet import converted, distinct
from hepq.runtime.events.source import Source, damaged, size

#: what stands for a value that is missing; "nan" is a number that is none
MISSING = ("", "NA", "N/A", "#N/A", "null", "NULL", "None")
#: whole numbers of which double need not have all digits
_LONG = r"^\s*[+-]?\d{16,20}\s*$"
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
#: bytes that are parsed at a time
BLOCK = 1 << 22
#: how the type begins of a column of real numbers among which are whole ones that these are not; the first follows
_ROUNDED = "rounded "
#: what a column may be of, from the narrowest: of nothing yet, …
_WIDER = {"none": ("int64", "uint64", "double", "bool", "string"), "int64": ("int64", "uint64", "double", "string"),
          "uint64": ("uint64", "double", "string"), "double": ("double", "string"), "bool": ("bool", "string"),
          "string": ("string",)}  # fmt: skip


def source(path: str, columns: Sequence[str] = ()) -> Source:
    """Its columns, their types and how many events, read once. ``columns``: names, of a file without a header.

    Raises DataError HQ0803, HQ0835 where the first line holds numbers.
    """
    kinds: dict[str, str] = {}
    rounded: dict[str, str] = {}
    events = 0
    with _opened(path, columns) as reader:
        header = reader.schema.names
        if not columns and (numbers := [name for name in header if _NUMBER.fullmatch(name)]):
            why = f"its first line, where the names of the columns are expected, has {numbers[0].strip()}"
            help = 'write a first line, or name them in the dataset: csv("…", columns=["pt", "eta"])'
            raise DataError("HQ0835", f"{path} has no header", why, help)
        kinds = dict.fromkeys(map(str, range(len(header))), "none")
        for batch in reader:
            for i, column in enumerate(batch.columns):
                kinds[str(i)] = _kind(column, kinds[str(i)])
                if kinds[str(i)] != "string" and str(i) not in rounded and (found := _rounded(column, events)):
                    rounded[str(i)] = found
            events += batch.num_rows
    kinds |= {i: f"{_ROUNDED}{found}" for i, found in rounded.items() if kinds[i] == "double"}
    names = tuple(name.strip() for name in header)
    return Source(path, "", events, names, format="csv", columns=tuple(columns), kinds=tuple(kinds.values()))


def pieces(source: Source, branches: set[str], step: int | str) -> Iterator[Any]:
    """Awkward arrays of ``step`` events each. Raises DataError HQ0803, HQ0807 for text."""
    import awkward as ak
    import pyarrow as pa

    wanted = distinct(source, branches)
    if not wanted:
        yield ak.Array(ak.contents.RecordArray([], [], length=source.events))
        return
    if not source.events:
        yield _none(source, wanted)
        return
    rows = step if isinstance(step, int) else max(1, size(step) // (8 * len(wanted)))
    held: Any = None
    with _opened(source.path, source.columns, _types(source, wanted)) as reader:
        header = [name.strip() for name in reader.schema.names]
        for batch in reader:
            part = pa.Table.from_batches([batch]).rename_columns(header).select(wanted)
            held = part if held is None else pa.concat_tables([held, part])
            while held.num_rows >= rows:
                yield converted(held.slice(0, rows).combine_chunks(), source)
                held = held.slice(rows)
    if held is not None and held.num_rows:
        yield converted(held.combine_chunks(), source)


def none_of(source: Source, branches: set[str]) -> Any:
    """No event, with the types found; unknown ones of a file that has no events. Raises DataError HQ0807."""
    return _none(source, distinct(source, branches))


def _none(source: Source, names: list[str]) -> Any:
    import awkward as ak

    form = {"int64": "int64", "uint64": "uint64", "double": "float64", "bool": "bool"}
    contents = []
    for name in names:
        kind = source.kinds[source.branches.index(name)]
        _check_kind(source, name, kind)
        unknown = kind == "none" and not source.events
        known = ak.forms.NumpyForm(form.get(kind, "float64")).length_zero_array(highlevel=False)
        contents.append(ak.contents.EmptyArray() if unknown else known)
    return ak.Array(ak.contents.RecordArray(contents, names, length=0))


def _check_kind(source: Source, name: str, kind: str) -> None:
    """Raises DataError HQ0807 for text, HQ0814 for whole numbers that would lose digits."""
    if kind == "string":
        title = f'branch "{name}" in {source} does not hold numbers'
        raise DataError("HQ0807", title, "the column holds text", "write numbers, such as the number of a class")
    if kind.startswith(_ROUNDED):
        why = f"{kind.removeprefix(_ROUNDED)}, others are no whole numbers of 64 bits: no type holds both exactly"
        help = "write it as 1e16 is written, where the digits do not matter"
        raise DataError("HQ0814", f'an integer of "{name}" in {source} is too large', why, help)


def _types(source: Source, names: Sequence[str]) -> Mapping[str, Any]:
    found = {name: kind for name, kind in zip(source.branches, source.kinds, strict=True) if name in names}
    for name, kind in found.items():
        _check_kind(source, name, kind)
    return {name: "double" if kind == "none" else kind for name, kind in found.items()}


def _kind(column: Any, known: str) -> str:
    """The narrowest type, at least ``known``, of a column of text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    present = pc.utf8_trim_whitespace(column.drop_null())
    if not len(present):
        return known
    for kind in _WIDER[known]:
        try:
            present.cast(kind)
        except pa.ArrowInvalid:
            continue
        return kind
    return "string"


def _rounded(column: Any, first: int) -> str:
    """Words for the first whole number, of a column of text, that a double is not; ``first``: its first event."""
    import pyarrow.compute as pc

    long = pc.indices_nonzero(pc.fill_null(pc.match_substring_regex(column, _LONG), False))
    found = zip(long.to_pylist(), column.take(long).to_pylist(), strict=True)
    return next((f"event {first + i} has {t.strip()}" for i, t in found if int(t) != int(float(t))), "")


@contextmanager
def _opened(path: str, columns: Sequence[str], types: Mapping[str, Any] | None = None) -> Iterator[Any]:
    """``types``: of columns by their names without blanks; all others are text."""
    import pyarrow as pa
    from pyarrow import csv

    def opened(types: Mapping[str, Any]) -> Any:
        return csv.open_csv(
            path, csv.ReadOptions(block_size=BLOCK, column_names=list(columns) or None),
            convert_options=csv.ConvertOptions(column_types=types, null_values=MISSING, strings_can_be_null=True),
        )  # fmt: skip

    try:
        with opened({}) as first:
            header = first.schema.names
        found = {name: (types or {}).get(name.strip(), "string") for name in header}
        with opened({name: pa.type_for_alias(kind) for name, kind in found.items()}) as reader:
            yield reader
    except (DataError, KeyboardInterrupt, GeneratorExit):
        raise
    except FileNotFoundError as error:
        raise DataError("HQ0801", f"cannot open {path}", str(error)) from error
    except Exception as error:  # pyarrow raises several kinds for what is no table
        raise damaged(path, error) from error
