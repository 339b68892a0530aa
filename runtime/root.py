# SPDX-License-Identifier: Apache-2.0
"""Reading ROOT files: find the files and the tree, then hand out awkward arrays piece by piece."""

from __future__ import annotations

import glob
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hepq.runtime.columns import check_present
from hepq.runtime.errors import DataError, did_you_mean

Files = str | Path | Sequence[str | Path]
#: how much of a tree is held at once: a number of events, or an amount of memory
DEFAULT_STEP = "32 MB"
#: so many events where no branch is read, which takes no memory
BLANK_STEP = 1 << 16


@dataclass(frozen=True)
class Source:
    """One file, the tree to read in it, and its number of events."""

    path: str
    tree: str
    events: int
    branches: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.path}:{self.tree}"


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
    named = [files] if isinstance(files, str | os.PathLike) else list(files)
    return [_source(path, own or tree) for name in named for path, own in _expand(str(name))]


def iterate(source: Source, branches: Collection[str], step: int | str = DEFAULT_STEP) -> Iterator[Chunk]:
    """The tree's events, ``step`` of them at a time, with ``branches``; one empty chunk if there are none.

    Raises DataError HQ0803 where the file cannot be read, HQ0805 for a branch it lacks.
    """
    check_present(sorted(branches), list(source.branches), str(source))
    wanted = set(branches)
    with _opened(source.path) as file:
        first = 0
        try:
            tree = file[source.tree]
            if source.events == 0:
                yield Chunk(source, 0, tree.arrays(filter_name=wanted.__contains__, library="ak"))
                return
            size = step if wanted else BLANK_STEP
            pieces = tree.iterate(filter_name=wanted.__contains__, step_size=size, library="ak")
            while (events := next(pieces, None)) is not None:
                yield Chunk(source, first, events)
                first += len(events)
        except (DataError, KeyboardInterrupt, GeneratorExit):
            raise
        except Exception as error:
            raise _damaged(source.path, error) from error
    if first != source.events:
        raise _damaged(source.path, EOFError(f"{first} of {source.events} events could be read"))


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
    raise DataError("HQ0801", f"no such file: {path}", why, "name ROOT files, or a pattern such as 'jets/*.root'")


@contextmanager
def _opened(path: str) -> Iterator[Any]:
    import uproot

    remote = "://" in path
    if not remote:
        _check_magic(path)
    try:
        file = uproot.open(path)
    except Exception as error:
        raise _damaged(path, error) from error
    with file:
        size = None if remote else os.path.getsize(path)
        if size is not None and file.file.fEND > size:
            raise _damaged(path, EOFError(f"it should have {file.file.fEND} bytes and has {size}"))
        yield file


def _check_magic(path: str) -> None:
    try:
        with open(path, "rb") as file:
            head = file.read(4)
    except OSError as error:
        raise DataError("HQ0801", f"cannot open {path}", str(error)) from error
    if head != b"root":
        why = "the file is empty" if not head else f"it begins with {head!r}, a ROOT file with b'root'"
        raise DataError("HQ0802", f"{path} is not a ROOT file", why)


def _damaged(path: str, error: Exception) -> DataError:
    why = (str(error).strip() or type(error).__name__).splitlines()[0]
    return DataError("HQ0803", f"{path} is truncated or damaged", why, "copy it again from where it came")


def _source(path: str, tree: str | None) -> Source:
    with _opened(path) as file:
        try:
            kinds = file.classnames(recursive=True, cycle=False)
            trees = [k for k, v in kinds.items() if v in ("TTree", "TNtuple", "TNtupleD", "ROOT::RNTuple")]
            if tree is None and len(trees) == 1:
                tree = trees[0]
            if tree is None or tree not in trees:
                raise _no_tree(path, tree, trees)
            opened = file[tree]
            branches = tuple(dict.fromkeys(opened.keys(recursive=True, full_paths=False)))
            return Source(path, tree, int(opened.num_entries), branches)
        except DataError:
            raise
        except Exception as error:
            raise _damaged(path, error) from error


def _no_tree(path: str, tree: str | None, trees: list[str]) -> DataError:
    if tree is None and trees:
        return DataError("HQ0804", f"{path} has {len(trees)} trees", did_you_mean("", trees), "say which: tree=NAME")
    title = f'no tree "{tree}" in {path}' if tree else f"no tree in {path}"
    return DataError("HQ0804", title, did_you_mean(tree or "", trees))
