# SPDX-License-Identifier: Apache-2.0
"""ROOT files: TTrees and RNTuples by uproot, branches of numbers and lists of them straight from their baskets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hepq.core.errors import DataError, did_you_mean
from hepq.runtime.events.formats.flat import Columns, Flat, shared_edges
from hepq.runtime.events.formats.opened import opened
from hepq.runtime.events.source import Places, Source, damaged, projected, size

#: so many events where no branch is read, which takes no memory
BLANK_STEP = 1 << 16


def pieces(
    source: Source, branches: set[str], step: int | str, first: int = 0, end: int | None = None
) -> Iterator[Any]:
    """Awkward arrays of ``step`` events each, from ``first`` to before ``end``. Raises DataError HQ0803."""
    end = source.events if end is None else end
    with opened(source.path) as file:
        try:
            tree = file[source.tree]
            _check_readable(tree, source, branches)
            if first == end:
                yield _none(tree, source, branches)
            elif branches:
                places, groups, read = _wanted(tree, source, branches)
                for columns in _columns(tree, source, read, step, first, end):
                    yield projected(_grouped(columns, groups), places)
            for begin in () if branches else range(first, end, BLANK_STEP):
                yield _blank(min(BLANK_STEP, end - begin))
        except (DataError, KeyboardInterrupt, GeneratorExit):
            raise
        except Exception as error:
            raise damaged(source.path, error) from error


def _columns(
    tree: Any, source: Source, read: set[str], step: int | str, first: int, end: int
) -> Iterator[dict[str, Any]]:
    """Layouts by branch: those of numbers and lists of them from their baskets, others by uproot."""
    from uproot.behaviors.TBranch import HasBranches

    def by_uproot(names: set[str], step: int | str) -> Iterator[dict[str, Any]]:
        wanted = {"filter_name": names.__contains__, "entry_start": first, "entry_stop": end}
        for events in tree.iterate(**wanted, step_size=step, library="ak"):
            yield {name: events[name].layout for name in events.fields}

    if "://" in source.path or not isinstance(tree, HasBranches):
        yield from by_uproot(read, step)
        return
    with Columns(source.path, tree, read) as columns:
        others = read - set(columns.names)
        most = step if isinstance(step, int) else _entries(tree, read, size(step))
        if not columns.names:
            yield from by_uproot(read, most)
        elif not others:
            how = columns.chunks if isinstance(step, int) else columns.whole_baskets
            yield from map(_layouts, how(first, end, most))
        else:
            for mine, theirs in zip(columns.chunks(first, end, most), by_uproot(others, most), strict=True):
                yield _layouts(mine) | theirs


def _entries(tree: Any, read: set[str], amount: int) -> int:
    """How many take so many bytes in memory, by the sizes of all baskets."""
    total = sum(int(b.uncompressed_bytes) for b in tree.itervalues(recursive=True, filter_name=read.__contains__))
    return max(1, amount * int(tree.num_entries) // max(total, 1))


def _layouts(columns: Mapping[str, Flat]) -> dict[str, Any]:
    import awkward as ak

    contents = {name: ak.contents.NumpyArray(column.contents) for name, column in columns.items()}
    return {
        name: contents[name] if (offsets := column.offsets) is None
        else ak.contents.ListOffsetArray(ak.index.Index64(offsets), contents[name])
        for name, column in columns.items()
    }  # fmt: skip


def none_of(source: Source, branches: set[str]) -> Any:
    """No event, with the declared types. Raises DataError HQ0803, HQ0807."""
    with opened(source.path) as file:
        try:
            tree = file[source.tree]
            _check_readable(tree, source, branches)
            return _none(tree, source, branches)
        except DataError:
            raise
        except Exception as error:
            raise damaged(source.path, error) from error


def _none(tree: Any, source: Source, branches: set[str]) -> Any:
    places, groups, read = _wanted(tree, source, branches)
    if not read:
        return _blank(0)
    events = tree.arrays(filter_name=read.__contains__, entry_stop=0, library="ak")
    return projected(_grouped({name: events[name].layout for name in events.fields}, groups), places)


def _wanted(tree: Any, source: Source, names: set[str]) -> tuple[Places, dict[str, tuple[str, ...]], set[str]]:
    """Where each of ``names`` is; of branches that are split, those that they are split into; what is to be read."""
    from uproot.interpretation.grouped import AsGrouped

    places = source.places(names)
    groups, read = {}, set()
    for name in {branch for branch, _ in places.values()}:
        branch = tree[name]
        if isinstance(getattr(branch, "interpretation", None), AsGrouped):
            groups[name] = tuple(b.name for b in branch.branches)
        read |= set(groups.get(name, [name]))
    return places, groups, read


def _grouped(columns: dict[str, Any], groups: Mapping[str, tuple[str, ...]]) -> Any:
    """Records of the columns, and of one more for each branch that is split."""
    import awkward as ak

    length = len(next(iter(columns.values())))
    for name, parts in groups.items():
        columns[name] = ak.contents.RecordArray([columns[p] for p in parts], list(parts), length=length)
    return ak.Array(ak.contents.RecordArray(list(columns.values()), list(columns), length=length))


def _blank(events: int) -> Any:
    import awkward as ak

    return ak.Array(ak.contents.RecordArray([], [], length=events))


def _check_readable(tree: Any, source: Source, branches: set[str]) -> None:
    """Raise HQ0807 for a branch of objects that have no form as arrays."""
    from uproot.behaviors.TBranch import HasBranches
    from uproot.interpretation.objects import CannotBeAwkward

    if not isinstance(tree, HasBranches):
        return
    for name in sorted(_wanted(tree, source, branches)[2]):
        branch = tree[name]
        try:
            branch.interpretation.awkward_form(branch.file)
        except (CannotBeAwkward, NotImplementedError, AttributeError) as error:
            why = f"it holds {branch.typename or branch.classname}, of which no array can be made"
            raise DataError("HQ0807", f'branch "{name}" in {source} does not hold numbers', why) from error


def mark_of(path: str) -> str:
    """The title of the first TTree: what ``writers`` left there."""
    with opened(path) as file:
        trees = (k for k, kind in file.classnames(recursive=False).items() if kind == "TTree")
        return next((str(file.key(k).fTitle) for k in trees), "")


def read_bytes(source: Source, places: Places) -> int:
    """Uncompressed, of branches of a TTree; the size of the file where it does not say so."""
    with opened(source.path) as file:
        tree = file[source.tree]
        found = [getattr(tree[branch], "uncompressed_bytes", None) for branch, _ in places.values()]
        known = [int(size) for size in found if size is not None]
        return sum(known) if len(known) == len(found) else int(file.file.fEND)


def basket_edges(source: Source, places: Places) -> tuple[int, ...]:
    """Entries, but the first, that begin a basket in every one of these branches; none where baskets are not known."""
    with opened(source.path) as file:
        tree = file[source.tree]
        try:
            offsets = [getattr(tree[branch], "entry_offsets", ()) for branch, _ in places.values()]
        except Exception:  # uproot's, of any kind, of a damaged branch: it is told when it is read
            return ()
        return tuple(entry for entry in shared_edges(offsets).tolist() if 0 < entry < source.events) if offsets else ()


def source(path: str, tree: str | None) -> Source:
    """The file's only tree, or the one of that name (and cycle). Raises DataError HQ0802 to HQ0804."""
    with opened(path) as file:
        try:
            kinds = file.classnames(recursive=True)
            cycles = [k for k, v in kinds.items() if v in ("TTree", "TNtuple", "TNtupleD", "ROOT::RNTuple")]
            trees = list(dict.fromkeys(k.rpartition(";")[0] for k in cycles))
            tree = trees[0] if tree is None and len(trees) == 1 else (tree or "").strip("/")
            if tree not in trees and tree not in cycles:
                raise _no_tree(path, tree, cycles if ";" in tree else trees)
            found = file[tree]
            branches = tuple(dict.fromkeys(found.keys(recursive=True, full_paths=False)))
            mark, uuid = str(getattr(found, "title", "")), str(file.file.uuid)
            return Source(path, tree, int(found.num_entries), branches, mark, uuid=uuid)
        except DataError:
            raise
        except Exception as error:
            raise damaged(path, error) from error


def _no_tree(path: str, tree: str, trees: list[str]) -> DataError:
    if not tree and trees:
        return DataError("HQ0804", f"{path} has {len(trees)} trees", did_you_mean("", trees), "say which: tree=NAME")
    title = f'no tree "{tree}" in {path}' if tree else f"no tree in {path}"
    folder = next((t for t in trees if t.partition(";")[0].rpartition("/")[2] == tree.partition(";")[0]), None)
    return DataError("HQ0804", title, did_you_mean(tree, trees), f'write "{folder}"' if folder else "")
