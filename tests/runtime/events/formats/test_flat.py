# SPDX-License-Identifier: Apache-2.0
"""Branches straight from their baskets: the same as uproot reads, for every type, compression and range of entries."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from numpy.typing import NDArray

from hepq.core.errors import DataError
from hepq.runtime.events import event_files
from hepq.runtime.events.formats.flat import Columns, Flat, kind_of
from tests.support.events.object_programs import SHARED

TYPES = ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64")
COMPRESSIONS = {
    "ZSTD": uproot.ZSTD(3), "ZLIB": uproot.ZLIB(1), "LZ4": uproot.LZ4(1), "LZMA": uproot.LZMA(1), "none": None,
}  # fmt: skip
#: entries of each basket
BASKETS = (7, 1, 0, 12, 30)
EVENTS = sum(BASKETS)


def numbers(kind: str, count: int, rng: np.random.Generator) -> NDArray[Any]:
    if kind == "bool":
        return rng.random(count) < 0.5
    if np.dtype(kind).kind == "f":
        return (rng.integers(-4000, 4000, count) / 8).astype(kind)
    info = np.iinfo(kind)
    return rng.integers(info.min, info.max, count, kind, endpoint=True)


def write(path: Path, baskets: tuple[int, ...] = BASKETS, compression: Any = COMPRESSIONS["ZSTD"]) -> Path:
    """Of each type a number, three numbers, and two collections of lists that share their counts."""
    rng = np.random.default_rng(len(baskets))
    kinds: dict[str, Any] = {}
    parts = []
    for count in baskets:
        part: dict[str, Any] = {f"one_{k}": numbers(k, count, rng) for k in TYPES}
        part |= {f"three_{k}": numbers(k, 3 * count, rng).reshape(count, 3) for k in TYPES}
        for name in ("Jet", "Muon"):
            lengths = rng.poisson(1.5, count)
            total = int(lengths.sum())
            part[name] = ak.zip({k: ak.unflatten(numbers(k, total, rng), lengths) for k in TYPES})
        parts.append(part)
        kinds = {k: v.type.content if isinstance(v, ak.Array) else np.dtype((v.dtype, v.shape[1:]))
                 for k, v in part.items()}  # fmt: skip
    with uproot.recreate(path, compression=compression) as file:
        file.mktree("t", kinds)
        for part in parts:
            file["t"].extend(part)
    return path


def as_awkward(columns: dict[str, Flat]) -> dict[str, ak.Array]:
    return {
        name: ak.Array(c.contents) if c.offsets is None else ak.unflatten(c.contents, np.diff(c.offsets))
        for name, c in columns.items()
    }


def assert_same(mine: ak.Array, theirs: ak.Array, name: str) -> None:
    assert str(mine.type) == str(theirs.type), name
    assert ak.array_equal(mine, theirs, equal_nan=True), name


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("step", [1, 5, 8, EVENTS])
def test_all_types_by_all_compressions(tmp_path: Path, compression: str, step: int) -> None:
    path = write(tmp_path / "a.root", compression=COMPRESSIONS[compression])
    with uproot.open(path) as file, Columns(str(path), file["t"], file["t"].keys()) as columns:
        theirs = file["t"].arrays()
        assert set(columns.names) == set(theirs.fields)
        assert len(columns.names) == 4 * len(TYPES) + 2
        chunks = [as_awkward(chunk) for chunk in columns.chunks(0, EVENTS, step)]
    for name in theirs.fields:
        assert_same(ak.concatenate([chunk[name] for chunk in chunks]), theirs[name], name)


@pytest.mark.parametrize("first", [0, 3, 7, 8, 19, 20])
@pytest.mark.parametrize("end", [EVENTS, 21, 20])
@pytest.mark.parametrize("step", [4, EVENTS])
def test_ranges_of_entries(tmp_path: Path, first: int, end: int, step: int) -> None:
    path = write(tmp_path / "a.root")
    names = ["Jet_float32", "Muon_int16", "nJet", "one_uint64", "three_bool"]
    [source] = event_files.find(path)
    found = list(event_files.iterate(source, names, step, (first, end)))
    with uproot.open(path) as file:
        theirs = file["t"].arrays(names, entry_start=first, entry_stop=end)
    assert [c.first for c in found] == list(range(first, max(end, first + 1), step))
    for name in names:
        assert_same(ak.concatenate([c.events[name] for c in found]), theirs[name], name)


def test_chunks_by_size_end_where_baskets_do(tmp_path: Path) -> None:
    path = write(tmp_path / "a.root", (10, 10, 10, 10))
    [source] = event_files.find(path)
    with uproot.open(path) as file:
        each = sum(file["t"][name].uncompressed_bytes for name in ("Jet_float32", "one_bool")) / 40

    def lengths(events: int) -> list[int]:
        step = f"{int(each * events) + 1} B"
        return [len(c.events) for c in event_files.iterate(source, ["Jet_float32", "one_bool"], step)]

    assert lengths(25) == [20, 20]
    assert lengths(10) == [10, 10, 10, 10]
    assert lengths(4) == [4, 4, 2] * 4
    assert lengths(100) == [40]


def test_columns_of_a_collection_share_their_offsets(tmp_path: Path) -> None:
    path = write(tmp_path / "a.root")
    with uproot.open(path) as file, Columns(str(path), file["t"], ["Jet_int8", "Jet_float64", "Muon_bool"]) as columns:
        [chunk] = columns.chunks(0, EVENTS, EVENTS)
    assert chunk["Jet_int8"].offsets is chunk["Jet_float64"].offsets
    assert chunk["Jet_int8"].offsets is not chunk["Muon_bool"].offsets


@pytest.mark.parametrize("compression", ["ZSTD", "ZLIB", "LZ4"])
def test_a_basket_of_several_compressed_blocks(tmp_path: Path, compression: str) -> None:
    """A block has at most 16 MB; what follows the border is in the last one, or begins in another."""
    path, rng = tmp_path / "a.root", np.random.default_rng(1)
    lengths = np.full(2_500_000, 2)
    x = rng.integers(0, 4, 5_000_000).astype(np.float32)
    with uproot.recreate(path, compression=COMPRESSIONS[compression]) as file:
        file.mktree("t", {"x": "var * float32", "y": "float32"})
        file["t"].extend({"x": ak.unflatten(x, lengths), "y": x[: len(lengths)]})
    with uproot.open(path) as file, Columns(str(path), file["t"], ["x", "y"]) as columns:
        assert file["t"]["x"].basket(0).raw_data.size > 1 << 24
        [chunk] = columns.chunks(0, len(lengths), len(lengths))
    np.testing.assert_array_equal(chunk["x"].contents, x)
    np.testing.assert_array_equal(chunk["y"].contents, x[: len(lengths)])
    offsets = chunk["x"].offsets
    assert offsets is not None
    assert (np.diff(offsets) == 2).all()


def test_a_tree_without_entries(tmp_path: Path) -> None:
    path = write(tmp_path / "a.root", (0,))
    [source] = event_files.find(path)
    [chunk] = event_files.iterate(source, ["Jet_float32", "one_int8"])
    assert len(chunk.events) == 0
    assert str(chunk.events["Jet_float32"].type) == "0 * var * float32"


def changed(path: Path, branch: str, at: int, value: bytes, basket: int = 0) -> None:
    """Other bytes in a basket, counted from where its key ends."""
    with uproot.open(path) as file:
        found = file["t"][branch]
        place = int(found.member("fBasketSeek")[basket]) + found.basket(basket).member("fKeylen") + at
    data = bytearray(path.read_bytes())
    data[place : place + len(value)] = value
    path.write_bytes(data)


def test_a_branch_that_is_not_as_counted_is_read_by_its_own_table(tmp_path: Path) -> None:
    path = write(tmp_path / "a.root", compression=None)
    with uproot.open(path) as file:
        counts = file["t"]["nJet"].array()
    changed(path, "nJet", 0, int(counts[20] + 2).to_bytes(4, "big"), basket=4)
    [source] = event_files.find(path)
    with uproot.open(path) as file:
        theirs = file["t"].arrays(["Jet_float32", "Jet_int8", "nJet"])
    for step in (EVENTS, 6):
        found = ak.concatenate([c.events for c in event_files.iterate(source, theirs.fields, step)])
        assert found["nJet"][20] == counts[20] + 2
        for name in theirs.fields:
            assert_same(found[name], theirs[name], name)


@pytest.mark.parametrize("fault", ["table", "no table"])
def test_a_table_that_cannot_be_right(tmp_path: Path, fault: str) -> None:
    """Of a basket that is not as counted either."""
    path = write(tmp_path / "a.root", compression=None)
    with uproot.open(path) as file:
        counts, branch = file["t"]["nJet"].array(), file["t"]["Jet_float32"]
        basket = branch.basket(4)
        key, border, size = basket.member("fKeylen"), basket.member("fLast"), basket.member("fObjlen")
    changed(path, "nJet", 0, int(counts[20] + 2).to_bytes(4, "big"), basket=4)
    if fault == "table":
        changed(path, "Jet_float32", border - key + 8, (key + 3).to_bytes(4, "big"), basket=4)
    else:
        changed(path, "Jet_float32", -5, (key + size).to_bytes(4, "big"), basket=4)
    [source] = event_files.find(path)
    with pytest.raises(DataError) as caught:
        list(event_files.iterate(source, ["Jet_float32", "nJet"]))
    why = "do not follow each other" if fault == "table" else "does not say where its entries begin"
    assert (caught.value.code, why in str(caught.value)) == ("HQ0803", True)


@pytest.mark.parametrize("branch", ["one_float64", "Jet_float64", "nJet"])
@pytest.mark.parametrize("compression", ["ZSTD", "ZLIB", "LZ4", "LZMA"])
def test_damaged_bytes(tmp_path: Path, branch: str, compression: str) -> None:
    """Refused, or read as they were, or as uproot decompresses them: ZSTD has no checksum and may not notice."""
    path = write(tmp_path / "a.root", (2000,), COMPRESSIONS[compression])
    names = {branch.replace("nJet", "Jet_int8"), branch}
    [source] = event_files.find(path)
    whole, kept = decompressed(path, names), path.read_bytes()
    with uproot.open(path) as file:
        [(_, length, _)] = file["t"][branch].basket(0).block_compression_info
    rng, refused = np.random.default_rng(3), 0
    found: DataError | None
    for at in (0, 3, 6, *rng.integers(0, length, 6)):
        path.write_bytes(kept)
        changed(path, branch, int(at), rng.bytes(3))
        theirs = decompressed(path, names)
        try:
            [chunk] = event_files.iterate(source, names)
        except DataError as error:
            found = error
        else:
            found = None
            mine = {n: np.asarray(ak.flatten(chunk.events[n], axis=None)) for n in names}
            assert all(any(mine[n].tobytes() == of.get(n) for of in (whole, theirs)) for n in names)
            assert compression == "ZSTD" or mine[branch].tobytes() == whole[branch]
        if found is not None:
            refused += 1
            assert (found.code, str(path) in found.title) == ("HQ0803", True)
    assert refused >= 2


def decompressed(path: Path, names: set[str]) -> dict[str, bytes]:
    """What uproot decompresses, of those of which it can."""
    found = {}
    with uproot.open(path) as file:
        for name in names:
            kind = kind_of(file["t"][name])
            assert kind is not None
            with contextlib.suppress(Exception):
                data = file["t"][name].basket(0).data
                found[name] = data.view(kind.stored).astype(kind.stored.newbyteorder("=")).tobytes()
    return found


def test_a_file_that_ends_early(tmp_path: Path) -> None:
    path = write(tmp_path / "a.root")
    with uproot.open(path) as file, Columns(str(path), file["t"], ["one_int64"]) as columns:
        path.write_bytes(path.read_bytes()[:900])
        with pytest.raises(EOFError, match="the file ends before the basket"):
            list(columns.chunks(0, EVENTS, EVENTS))


def test_strings_beside_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.root"
    with uproot.recreate(path) as file:
        file.mktree("t", {"name": "string", "x": "float64"})
        for i in (0, 4):
            file["t"].extend({"name": [f"event {i + j}" for j in range(4)], "x": np.arange(4.0) + i})
    with uproot.open(path) as file:
        assert kind_of(file["t"]["name"]) is None
    [source] = event_files.find(path)
    found = [c.events for c in event_files.iterate(source, ["x", "name"], 3)]
    assert [len(f) for f in found] == [3, 3, 2]
    assert ak.concatenate(found)["x"].tolist() == list(range(8))
    assert ak.concatenate(found)["name"].tolist() == [f"event {i}" for i in range(8)]


REAL = sorted(p for folder in ("data", "analysis/data") for p in (SHARED / folder).glob("**/*.root"))


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_real_files(path: Path) -> None:
    """Every branch that is read here, by uproot's own way; RNTuples and what else is uproot's are left to it."""
    with uproot.open(path) as file:
        kinds = file.classnames(recursive=True)
        for key in (k for k, kind in kinds.items() if kind in ("TTree", "TNtuple", "TNtupleD")):
            tree = file[key]
            if not tree.num_entries:
                continue
            mine = {b.name: b for b in tree.itervalues(recursive=True) if kind_of(b) and not b.name.endswith("fBits")}
            names, size = list(mine), max(1, (tree.num_entries + 2) // 3)
            with Columns(str(path), tree, names) as columns:
                chunks = [as_awkward(chunk) for chunk in columns.chunks(0, tree.num_entries, size)]
                assert len(columns.names) > 0.9 * len(names)
                for name in columns.names:
                    assert_same(ak.concatenate([c[name] for c in chunks]), mine[name].array(), name)


def test_an_ntuple_of_rows_is_uproots() -> None:
    path = SHARED / "analysis/data/Run2012BC_DoubleMuParked_Muons_1000evts_rntuple.root"
    if not path.exists():
        pytest.skip("no RNTuple is here")
    [source] = event_files.find(path)
    wanted = ["Muon_pt", "nMuon"] if "Muon_pt" in source.branches else list(source.branches)[:2]
    with uproot.open(path) as file:
        theirs = file[source.tree].arrays(wanted)
    for step in (300, "1 MB"):
        found = ak.concatenate([c.events for c in event_files.iterate(source, wanted, step)])
        for name in wanted:
            assert ak.array_equal(found[name], theirs[name])
