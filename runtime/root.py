# SPDX-License-Identifier: Apache-2.0
"""ROOT files: TTrees and RNTuples by uproot."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hepq.runtime.errors import DataError, did_you_mean
from hepq.runtime.event_files import Source, damaged

#: so many events where no branch is read, which takes no memory
BLANK_STEP = 1 << 16


def pieces(source: Source, branches: set[str], step: int | str) -> Iterator[Any]:
    """Awkward arrays of ``step`` events each. Raises DataError HQ0803."""
    with _opened(source.path) as file:
        try:
            tree = file[source.tree]
            if source.events == 0:
                yield tree.arrays(filter_name=branches.__contains__, library="ak")
                return
            size = step if branches else BLANK_STEP
            yield from tree.iterate(filter_name=branches.__contains__, step_size=size, library="ak")
        except (DataError, KeyboardInterrupt, GeneratorExit):
            raise
        except Exception as error:
            raise damaged(source.path, error) from error


@contextmanager
def _opened(path: str) -> Iterator[Any]:
    import uproot

    remote = "://" in path
    if not remote:
        _check_magic(path)
    try:
        file = uproot.open(path)
    except Exception as error:
        raise damaged(path, error) from error
    with file:
        size = None if remote else os.path.getsize(path)
        if size is not None and file.file.fEND > size:
            raise damaged(path, EOFError(f"it should have {file.file.fEND} bytes and has {size}"))
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


def source(path: str, tree: str | None) -> Source:
    """The file's only tree, or the one of that name. Raises DataError HQ0802 to HQ0804."""
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
            raise damaged(path, error) from error


def _no_tree(path: str, tree: str | None, trees: list[str]) -> DataError:
    if tree is None and trees:
        return DataError("HQ0804", f"{path} has {len(trees)} trees", did_you_mean("", trees), "say which: tree=NAME")
    title = f'no tree "{tree}" in {path}' if tree else f"no tree in {path}"
    return DataError("HQ0804", title, did_you_mean(tree or "", trees))
