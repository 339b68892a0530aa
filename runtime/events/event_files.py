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
from hepq.runtime.artifact import manifest as m
from hepq.runtime.events.formats import csv, npz, parquet, root
from hepq.runtime.events.source import DEFAULT_STEP, Chunk, Format, Source, asked_step, damaged, matched, size
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


def find(files: Files, like: str | m.Files | None = None, absent: bool = False) -> list[Source]:
    """Open every file once and find its tree. A name may be a pattern, and may end in ``:TREE`` or ``:FOLDER/TREE``;
    a tree's name may end in its cycle, ``;1``. ``FILES + FRIENDS`` names the friends, one for each file. ``like``: the
    tree, and what else names do not say. ``absent``: leave out names of no file.

    Raises DataError HQ0801 to HQ0804, HQ0836, HQ0837.
    """
    return [opened(name, like) for name in named(files, absent)]


def own(dataset: m.Dataset, folder: Path, absent: bool = False) -> list[Source]:
    """The files of the dataset's sources, by their names from ``folder``. ``absent``: without those that are not there
    or elsewhere than on this machine. Raises as ``find``.
    """
    return [
        replace(opened(name, source.tree), sample=source.name)
        for source in dataset.sources
        for name in _paired(source, folder, absent)
    ]


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
    """A file, before it is opened; ``tree``: as its name says. ``pattern``: which matches it, if it was not named.
    ``format``, ``columns``: where these are known without looking into it.
    """

    path: str
    tree: str | None = None
    pattern: str = ""
    friend: Named | None = None
    format: Format | None = None
    columns: tuple[str, ...] = ()


def named(files: Files, absent: bool = False) -> Iterator[Named]:
    """As ``find``, before any file is opened. Raises DataError HQ0801, HQ0837."""
    for name in [files] if isinstance(files, str | os.PathLike) else list(files):
        mine, plus, theirs = str(name).partition(" + ")
        if plus and not os.path.exists(name):
            yield from _side_by_side(list(_plain(mine, absent)), list(_plain(theirs, absent)), mine, theirs)
        else:
            yield from _plain(str(name), absent)


def _plain(name: str, absent: bool) -> Iterator[Named]:
    path, own = _split(name)
    found = _matching(path)
    if not found and not absent:
        raise _no_file(path)
    yield from (Named(f, own, "" if f == path else path) for f in found)


def _paired(source: m.Files, folder: Path, absent: bool) -> list[Named]:
    """The files of a source, each with its friend."""
    mine = _of(source, folder, absent)
    if source.friend is None:
        return mine
    if not source.friend.files:
        return [replace(n, friend=Named(n.path, source.friend.tree)) for n in mine]
    theirs = [replace(n, tree=n.tree or source.friend.tree) for n in _of(source.friend, folder, absent)]
    if absent and not (mine and theirs):
        return []
    return _side_by_side(mine, theirs, ", ".join(source.files), ", ".join(source.friend.files))


def _of(source: m.Files, folder: Path, absent: bool) -> list[Named]:
    near = [f for f in source.files if "://" not in f]
    far = [] if absent else [f for f in source.files if f not in near]
    format = None if source.format == "root" else source.format
    return [
        replace(name, format=format, columns=source.columns)
        for file in (*(str(folder / f) for f in near), *far)
        for name in _plain(file, absent)
    ]


def _side_by_side(mine: Sequence[Named], theirs: Sequence[Named], files: str, friends: str) -> list[Named]:
    if len(mine) != len(theirs):
        why = f"{len(mine)} files of {files}, {len(theirs)} of {friends}"
        raise DataError(
            "HQ0837", "files and friends that do not pair up", why, "name one friend for each file, in order"
        )
    return [replace(a, friend=b) for a, b in zip(mine, theirs, strict=True)]


def opened(name: Named, like: str | m.Files | None = None) -> Source:
    """Its tree: as its name says, else as ``like``, else the only one. Raises DataError HQ0802 to HQ0804, HQ0836."""
    like = like if isinstance(like, m.Files) else m.Files(tree=like)
    friend = name.friend
    if friend is None and like.friend is not None:
        friend = Named(name.path, like.friend.tree, name.pattern)
    try:
        found = replace(_opened(name, like), pattern=name.pattern)
        return found if friend is None else found.beside(opened(friend))
    except DataError as error:
        if not name.pattern:
            raise
        help = f"{error.help}; {matched(name.pattern)}" if error.help else matched(name.pattern)
        raise DataError(error.code, error.title, error.why, help) from error


def _opened(name: Named, like: m.Files) -> Source:
    path, format = name.path, name.format or format_of(name.path)
    if format == "root":
        return root.source(path, name.tree or like.tree)
    if name.tree is not None:
        why = f"a {_TITLES[format]} file has no trees"
        raise DataError("HQ0804", f'no tree "{name.tree}" in {path}', why, f"name it {path}")
    if format == "csv":
        return csv.source(path, name.columns or like.columns)
    return parquet.source(path) if format == "parquet" else npz.source(path)


def none_of(source: Source, branches: Collection[str]) -> Any:
    """An awkward record array of no event, with the types that the file says ``branches`` have.

    Raises DataError HQ0803, HQ0805, and HQ0807 for a branch of a kind that nothing can be made of.
    """
    source.check_present(sorted(branches))
    return _together(
        *(_READERS[part.format].none_of(part, names) for part, names in _shared_out(source, set(branches)))
    )


def read_bytes(source: Source, branches: Collection[str]) -> int:
    """About how many bytes ``branches`` of all its events are, uncompressed. Raises DataError HQ0803."""
    parts = source.parts or (source,)
    return sum(root.read_bytes(p, p.places(branches)) if p.format == "root" else os.path.getsize(p.path) for p in parts)


def basket_edges(source: Source, branches: Collection[str]) -> tuple[int, ...]:
    """Entries between which ``branches`` are stored apart, so that parts that end there are read once. Raises DataError
    HQ0803."""
    alone = source.format == "root" and not source.parts
    return root.basket_edges(source, source.places(branches)) if alone else ()


def iterate(
    source: Source, branches: Collection[str], step: int | str = DEFAULT_STEP, entries: tuple[int, int] | None = None
) -> Iterator[Chunk]:
    """The file's events, ``step`` of them at a time, with ``branches``; one empty chunk if there are none.

    ``entries``: from the first to before the second, of a ROOT file without friends; None: all.

    Raises DataError HQ0803 where the file cannot be read, HQ0805 for a branch it lacks, HQ0807 for one of a kind
    that nothing can be made of, HQ0887 for a step that is none.
    """
    source.check_present(sorted(branches))
    step = asked_step(step)
    step = f"{size(step)} B" if isinstance(step, str) else min(step, max(source.events, 1))
    first, end = entries or (0, source.events)
    begin, wanted = first, set(branches)
    for events in root.pieces(source, wanted, step, *entries) if entries else _pieces(source, wanted, step):
        yield Chunk(source, first, events)
        first += len(events)
    if first != end:
        raise damaged(source.path, EOFError(f"{first - begin} of {end - begin} events could be read"))


def _pieces(source: Source, branches: set[str], step: int | str) -> Iterator[Any]:
    parts = _shared_out(source, branches)
    if len(parts) == 1:
        part, names = parts[0]
        yield from _READERS[part.format].pieces(part, names, step)
        return
    streams = [_READERS[part.format].pieces(part, names, step) for part, names in parts]
    held = [next(stream) for stream in streams]
    while True:
        count = min(map(len, held))
        yield _together(*(events[:count] for events in held))
        held = [events[count:] for events in held]
        for i, stream in enumerate(streams):
            if not len(held[i]) and (more := next(stream, None)) is not None:
                held[i] = more
        if not all(map(len, held)):
            return


def _shared_out(source: Source, branches: set[str]) -> list[tuple[Source, set[str]]]:
    """Which of ``branches`` each part of a file and its friend is read for; the file itself where one has them all."""
    if not source.parts:
        return [(source, branches)]
    mine, theirs = source.parts
    own = set(mine.places(branches))
    shares = [(mine, own), (theirs, branches - own)]
    return [(part, names) for part, names in shares if names] or [(mine, set())]


def _together(*parts: Any) -> Any:
    """Their branches, of as many events each."""
    import awkward as ak

    columns = {name: part[name].layout for part in parts for name in part.fields}
    return ak.Array(ak.contents.RecordArray(list(columns.values()), list(columns), length=len(parts[0])))


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
