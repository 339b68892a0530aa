# SPDX-License-Identifier: Apache-2.0
"""Files of events, ROOT, Parquet, CSV and NumPy: found by name or pattern, read piece by piece as awkward arrays."""

from __future__ import annotations

import glob
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hepq.core.errors import DataError
from hepq.runtime.events import csv, npz, parquet, root
from hepq.runtime.events.source import DEFAULT_STEP, Chunk, Format, Source, checked_step, damaged, matched, size
from hepq.runtime.files import unopened, why_not

Files = str | Path | Sequence[str | Path]
#: how names of files end
ENDINGS: dict[str, Format] = {
    ".root": "root", ".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".npz": "npz",
}  # fmt: skip
#: how files begin
_MAGIC: dict[bytes, Format] = {b"root": "root", b"PAR1": "parquet", b"PK\x03\x04": "npz", b"PK\x05\x06": "npz"}
_READERS: dict[Format, Any] = {"root": root, "parquet": parquet, "csv": csv, "npz": npz}
_TITLES: dict[Format, str] = {"parquet": "Parquet", "csv": "CSV", "npz": "NumPy"}


def is_files(data: Any) -> bool:
    """Does ``data`` name files (rather than hold events)?"""
    if isinstance(data, str | os.PathLike):
        return True
    return isinstance(data, list | tuple) and bool(data) and all(isinstance(d, str | os.PathLike) for d in data)


def find(files: Files, tree: str | None = None, absent: bool = False) -> list[Source]:
    """Open every file once and find its tree. A name may be a pattern, and may end in ``:TREE`` or ``:FOLDER/TREE``;
    a tree's name may end in its cycle, ``;1``. ``absent``: leave out names of no file.

    Raises DataError HQ0801 to HQ0804.
    """
    return [opened(name, tree) for name in named(files, absent)]


def mark_of(path: str) -> str:
    """What ``writers`` left in a file, whatever its tree is called. Raises DataError HQ0803."""
    match format_of(path):
        case "parquet":
            return parquet.source(path).mark
        case "root":
            return root.mark_of(path)
    return ""


def format_of(path: str) -> Format:
    """What a file is, by the ending of its name, else by its first bytes, else ROOT."""
    known = next((found for ending, found in ENDINGS.items() if path.lower().endswith(ending)), None)
    if known is not None or not os.path.isfile(path):
        return known or "root"
    try:
        with open(path, "rb") as file:
            return _MAGIC.get(file.read(4), "root")
    except OSError:
        return "root"


@dataclass(frozen=True)
class Named:
    """A file, before it is opened; ``tree``: as its name says. ``pattern``: which matches it, if it was not named."""

    path: str
    tree: str | None = None
    pattern: str = ""


def named(files: Files, absent: bool = False) -> Iterator[Named]:
    """As ``find``, before any file is opened. Raises DataError HQ0801."""
    for name in [files] if isinstance(files, str | os.PathLike) else list(files):
        path, own = _split(str(name))
        found = _matching(path)
        if not found and not absent:
            raise _no_file(path)
        yield from (Named(f, own, "" if f == path else path) for f in found)


def opened(name: Named, tree: str | None) -> Source:
    """Its tree: as its name says, else ``tree``, else the only one. Raises DataError HQ0802 to HQ0804."""
    try:
        return replace(_opened(name.path, name.tree, tree), pattern=name.pattern)
    except DataError as error:
        if not name.pattern:
            raise
        help = f"{error.help}; {matched(name.pattern)}" if error.help else matched(name.pattern)
        raise DataError(error.code, error.title, error.why, help) from error


def _opened(path: str, own: str | None, tree: str | None) -> Source:
    format = format_of(path)
    if format == "root":
        return root.source(path, own or tree)
    if own is not None:
        why = f"a {_TITLES[format]} file has no trees"
        raise DataError("HQ0804", f'no tree "{own}" in {path}', why, f"name it {path}")
    found: Source = _READERS[format].source(path)
    return found


def none_of(source: Source, branches: Collection[str]) -> Any:
    """An awkward record array of no event, with the types that the file says ``branches`` have.

    Raises DataError HQ0803, HQ0805, and HQ0807 for a branch of a kind that nothing can be made of.
    """
    source.check_present(sorted(branches))
    return _READERS[source.format].none_of(source, set(branches))


def iterate(source: Source, branches: Collection[str], step: int | str = DEFAULT_STEP) -> Iterator[Chunk]:
    """The file's events, ``step`` of them at a time, with ``branches``; one empty chunk if there are none.

    Raises DataError HQ0803 where the file cannot be read, HQ0805 for a branch it lacks, HQ0807 for one of a kind
    that nothing can be made of, HQ0887 for a step that is none.
    """
    source.check_present(sorted(branches))
    try:
        step = checked_step(step)
    except ValueError as error:
        raise DataError("HQ0887", f"cannot read in steps of {step!r}", str(error)) from error
    step = f"{size(step)} B" if isinstance(step, str) else min(step, max(source.events, 1))
    first = 0
    for events in _READERS[source.format].pieces(source, set(branches), step):
        yield Chunk(source, first, events)
        first += len(events)
    if first != source.events:
        raise damaged(source.path, EOFError(f"{first} of {source.events} events could be read"))


def _split(name: str) -> tuple[str, str | None]:
    """Path (or pattern, or address) and tree: the first ``:`` behind which no part of an existing path stands."""
    if os.path.exists(name):
        return name, None
    begin = name.find("/", name.find("://") + 3) if "://" in name else 1
    cuts = [i for i in range(max(begin, 1), len(name)) if name[i] == ":"]
    there = (cut for cut in cuts if "://" not in name and any(map(os.path.isfile, glob.iglob(name[:cut]))))
    ending = (cut for cut in cuts if name[:cut].lower().endswith(tuple(ENDINGS)))
    last = (cut for cut in cuts[-1:] if "/" not in name[cut:])
    cut = next(there, None) or next(ending, None) or next(last, None)
    return (name, None) if cut is None else (name[:cut], name[cut + 1 :])


def _matching(path: str) -> list[str]:
    if "://" in path or os.path.isfile(path):
        return [path]
    return sorted(p for p in glob.glob(path, recursive=True) if os.path.isfile(p)) if glob.has_magic(path) else []


def _no_file(path: str) -> DataError:
    if glob.has_magic(path):
        return DataError("HQ0801", f"no file matches {path}", f"looked from {os.getcwd()}")
    help = "name ROOT, Parquet, CSV or .npz files, or a pattern such as 'jets/*.root'"
    return DataError("HQ0801", unopened(path, why_not(path)), f"looked from {os.getcwd()}", help)
