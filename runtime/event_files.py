# SPDX-License-Identifier: Apache-2.0
"""Files of events: found by name or pattern, and handed out as awkward arrays piece by piece. ROOT and Parquet."""

from __future__ import annotations

import glob
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hepq.runtime.columns import check_present
from hepq.runtime.errors import DataError

Files = str | Path | Sequence[str | Path]
#: how much of a file is held at once: a number of events, or an amount of memory
DEFAULT_STEP = "32 MB"
PARQUET = (".parquet", ".pq")


@dataclass(frozen=True)
class Source:
    """One file, the tree to read in it ("" in Parquet), and its number of events."""

    path: str
    tree: str
    events: int
    branches: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.path}:{self.tree}" if self.tree else self.path


@dataclass(frozen=True)
class Chunk:
    """Consecutive events of one file; ``first`` is the number of the first."""

    source: Source
    first: int
    events: Any


def is_files(data: Any) -> bool:
    """Does ``data`` name files (rather than hold events)?"""
    if isinstance(data, str | os.PathLike):
        return True
    return isinstance(data, list | tuple) and bool(data) and all(isinstance(d, str | os.PathLike) for d in data)


def find(files: Files, tree: str | None = None) -> list[Source]:
    """Open every file once and find its tree. A name may be a glob, and may end in ``:TREE``.

    Raises DataError HQ0801 to HQ0804.
    """
    from hepq.runtime import parquet, root

    named = [files] if isinstance(files, str | os.PathLike) else list(files)
    found = [(path, own or tree) for name in named for path, own in _expand(str(name))]
    return [parquet.source(path) if path.endswith(PARQUET) else root.source(path, own) for path, own in found]


def iterate(source: Source, branches: Collection[str], step: int | str = DEFAULT_STEP) -> Iterator[Chunk]:
    """The file's events, ``step`` of them at a time, with ``branches``; one empty chunk if there are none.

    Raises DataError HQ0803 where the file cannot be read, HQ0805 for a branch it lacks.
    """
    from hepq.runtime import parquet, root

    check_present(sorted(branches), list(source.branches), str(source))
    first = 0
    for events in (root if source.tree else parquet).pieces(source, set(branches), step):
        yield Chunk(source, first, events)
        first += len(events)
    if first != source.events:
        raise damaged(source.path, EOFError(f"{first} of {source.events} events could be read"))


def _expand(name: str) -> list[tuple[str, str | None]]:
    path, tree = name, None
    if not os.path.exists(name) and (cut := name.rfind(":")) > name.rfind("/") and cut > 0:
        path, tree = name[:cut], name[cut + 1 :]
    if "://" in path or os.path.isfile(path):
        return [(path, tree)]
    if glob.has_magic(path):
        found = sorted(p for p in glob.glob(path, recursive=True) if os.path.isfile(p))
        if found:
            return [(p, tree) for p in found]
        raise DataError("HQ0801", f"no file matches {path}", f"looked from {os.getcwd()}")
    why = "it is a directory" if os.path.isdir(path) else f"looked from {os.getcwd()}"
    help = "name ROOT or Parquet files, or a pattern such as 'jets/*.root'"
    raise DataError("HQ0801", f"no such file: {path}", why, help)


def damaged(path: str, error: Exception) -> DataError:
    why = (str(error).strip() or type(error).__name__).splitlines()[0]
    return DataError("HQ0803", f"{path} is truncated or damaged", why, "copy it again from where it came")
