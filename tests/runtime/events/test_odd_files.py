# SPDX-License-Identifier: Apache-2.0
"""Files of legal but unusual kinds: read as they are, or refused with file, entry and branch."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uproot

from hepq.core.errors import DataError
from hepq.runtime.artifact.artifact import Artifact
from hepq.runtime.artifact.manifest import Branch, Dim, EventSchema, Policy
from hepq.runtime.events import event_files
from hepq.runtime.events.columns import collect
from hepq.runtime.model import Model
from hepq.runtime.predict import Summary
from tests.runtime.test_predict import read
from tests.support import tiny_artifact

N = 3
LISTS = [[1000.0, 2000.0], [], [3000.0]]
TOT_A = [6.0, 1.0, 8.0]  # 2 Σ energy / 1000 + jet


@pytest.fixture(scope="session")
def scores_empty(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """The tiny model; an event without particles has a score."""
    policy = Policy(empty="score")
    path = tmp_path_factory.mktemp("artifact") / "tiny.hepqx"
    return Model(Artifact.open(tiny_artifact.make(path, tiny_artifact.dataset(policy=policy))))


def root(path: Path, kinds: Mapping[str, Any] | None = None, events: int = N, **columns: Any) -> Path:
    """A TTree of the tiny model's branches and ``columns``, each ``(type, values)``."""
    lists = ak.values_astype(ak.Array(LISTS), "f4")
    given: dict[str, Any] = {
        "part_e": ("var * float32", lists),
        "part_px": ("var * float32", lists),
        "jet_x": ("float32", np.arange(N, dtype="f4")),
        **columns,
    }
    with uproot.recreate(path) as file:
        tree = file.mktree("tree", {k: kind for k, (kind, _) in given.items()}, counter_name=lambda name: f"n{name}")
        if events:
            tree.extend({k: values for k, (_, values) in given.items()})
    return path


def parquet(path: Path, lists: pa.DataType | None = None, **columns: Any) -> Path:
    kind = lists or pa.list_(pa.float32())
    jet = pa.array([0.0, 1.0, 2.0])
    table = {"part_e": pa.array(LISTS, kind), "part_px": pa.array(LISTS, kind), "jet_x": jet, **columns}
    pq.write_table(pa.table(table), path)
    return path


def predicted(model: Model, files: Any, out: Path, **options: Any) -> tuple[Summary, dict[str, Any]]:
    summary = model.predict(files, out, progress=False, **options)
    return summary, read(summary.out)


def refused(model: Model, files: Any, out: Path, **options: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        model.predict(files, out, progress=False, **options)
    assert not out.exists()
    return caught.value


# --- what is kept ---------------------------------------------------------------------------

NARROW = np.array([1, 2, 3], "i4")
LARGE = np.array([5_000_000_001, 2, 3], "i8")
FINE = np.array([1e-50, 16777217, 3], "f8")


@pytest.mark.case("keep_types")
@pytest.mark.parametrize("ending", [".root", ".parquet"])
@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("empty", [False, True])
def test_the_widest_type_of_all_files_is_kept(
    scores_empty: Model, tmp_path: Path, ending: str, order: int, empty: bool
) -> None:
    coarse = np.array([0.5, 1, 3], "f4")
    a = root(tmp_path / "a.root", event=("int32", NARROW), w=("float32", coarse), events=0 if empty else N)
    b = root(tmp_path / "b.root", event=("int64", LARGE), w=("float64", FINE))
    _, found = predicted(scores_empty, [a, b][::order], tmp_path / f"o{ending}", keep=["event", "w"], step=2)
    parts = [([], []) if empty else (NARROW.tolist(), coarse.tolist()), (LARGE.tolist(), FINE.tolist())][::order]
    assert found["event"].tolist() == parts[0][0] + parts[1][0]
    assert found["w"].tolist() == parts[0][1] + parts[1][1]
    assert found["event"].to_numpy().dtype == np.int64
    assert found["w"].to_numpy().dtype == np.float64


@pytest.mark.case("keep_types")
@pytest.mark.parametrize("ending", [".root", ".parquet"])
@pytest.mark.parametrize("kind", ["bool", "int8", "uint64", "int64", "float64", "3 * int16", "var * int64"])
def test_a_kept_branch_has_its_own_type(scores_empty: Model, tmp_path: Path, ending: str, kind: str) -> None:
    largest = {"uint64": 2**64 - 1, "int64": -(2**63) + 1, "float64": 0.1}.get(kind, 1)
    number = kind.split(" * ")[-1]
    values = ak.Array(np.array([largest, 0, 1], number))
    if "*" in kind:
        lists = [[1, 0, 1], [], [2**62 + 1]] if "var" in kind else np.array([[1, 0, 1]] * 3)
        values = ak.values_astype(ak.Array(lists), number)
    path = root(tmp_path / "a.root", x=(kind, values))
    _, found = predicted(scores_empty, [path, path], tmp_path / f"o{ending}", keep=["x"], step=1)
    assert found["x"].tolist() == values.tolist() * 2
    assert str(found["x"].type.content).split(" * ")[-1].lstrip("?") == number


@pytest.mark.case("keep_types")
@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("uint64", "int64"),
        ("uint64", "int8"),
        ("int64", "float32"),
        ("uint64", "float64"),
        ("var * int32", "int32"),
        ("3 * int32", "int32"),
        ("3 * int32", "2 * int32"),
        ("3 * int32", "var * int32"),
    ],
)
def test_types_that_no_type_holds(scores_empty: Model, tmp_path: Path, a: str, b: str) -> None:
    for name, kind in (("a.root", a), ("b.root", b)):
        with uproot.recreate(tmp_path / name) as file:
            lists = "var * float32"
            file.mktree("tree", {"part_e": lists, "part_px": lists, "jet_x": "float32", "x": kind})
    values = np.ones((N, 3) if "*" in a else N, a.split(" * ")[-1])
    full = root(tmp_path / "c.root", x=(a, ak.from_regular(values) if "var" in a else values))
    files = [full, tmp_path / "a.root", tmp_path / "b.root"]
    error = refused(scores_empty, files, tmp_path / "o.root", keep=["x"])
    assert error.code == "HQ0885"
    assert f"{a} in {full}:tree" in error.why
    assert f"{b} in {tmp_path / 'b.root'}:tree" in error.why


@pytest.mark.case("keep_types")
def test_a_kept_counter_and_its_list(scores_empty: Model, tmp_path: Path) -> None:
    """uproot reads back the counter it made as a branch of its own."""
    path = root(tmp_path / "a.root", x=("var * int32", ak.values_astype(ak.Array([[1], [2, 3], []]), "i4")))
    out = tmp_path / "o.root"
    scores_empty.predict(path, out, keep=["x", "nx"], progress=False)
    with uproot.open(out) as file:
        assert file["tree"]["nx"].array().tolist() == [1, 2, 0]
        assert file["tree"]["x"].array().tolist() == [[1], [2, 3], []]
    scores_empty.predict(path, tmp_path / "o.parquet", keep=["x", "nx"], progress=False)
    assert read(tmp_path / "o.parquet")["nx"].tolist() == [1, 2, 0]


@pytest.mark.case("keep_types")
@pytest.mark.parametrize("ending", [".root", ".parquet"])
def test_nullable_columns_are_kept_if_nothing_is_missing(scores_empty: Model, tmp_path: Path, ending: str) -> None:
    half = pa.array(np.array([0.5, 1, 2], np.float16))
    path = parquet(tmp_path / "a.parquet", run=pa.array([2**53 + 1, 2, 3]), fixed=pa.array([[1, 2]] * 3), h=half)
    _, found = predicted(scores_empty, path, tmp_path / f"o{ending}", keep=["run", "fixed", "h"])
    assert found["run"].tolist() == [2**53 + 1, 2, 3]
    assert found["fixed"].tolist() == [[1, 2]] * 3
    assert found["h"].tolist() == [0.5, 1, 2]
    lacking = parquet(tmp_path / "b.parquet", run=pa.array([1, None, 3]))
    error = refused(scores_empty, [lacking], tmp_path / f"none{ending}", keep=["run"])
    assert (error.code, "event 1" in error.why, "b.parquet" in error.title) == ("HQ0815", True, True)


@pytest.mark.parametrize("kind", ["timestamp", "decimal", "string", "map", "null", "nested"])
def test_what_cannot_be_kept(scores_empty: Model, tmp_path: Path, kind: str) -> None:
    odd = {
        "timestamp": pa.array([1, 2, 3], pa.timestamp("us")),
        "decimal": pa.array([Decimal("1.5")] * 3),
        "string": pa.array(["a", "b", "c"]),
        "map": pa.array([[("a", 1)]] * 3, pa.map_(pa.string(), pa.int32())),
        "null": pa.nulls(3),
        "nested": pa.array([[[1]]] * 3),
    }[kind]
    error = refused(scores_empty, parquet(tmp_path / "a.parquet", x=odd), tmp_path / "o.root", keep=["x"])
    assert error.code in ("HQ0819", "HQ0807")
    assert '"x"' in error.title


# --- kinds of columns -----------------------------------------------------------------------


@pytest.mark.case("parquet_lists")
@pytest.mark.parametrize(
    "kind", [pa.list_(pa.float32()), pa.large_list(pa.float64()), pa.list_(pa.int16()), pa.list_(pa.float16())]
)
def test_lists_as_pyarrow_writes_them(scores_empty: Model, tmp_path: Path, kind: pa.DataType) -> None:
    path = parquet(tmp_path / "a.parquet", kind)
    pq.write_table(pq.read_table(path).slice(0, 0), tmp_path / "zero.parquet")
    for files in ([path], [tmp_path / "zero.parquet", path]):
        for step in (1, 100):
            _, found = predicted(scores_empty, files, tmp_path / "o.parquet", step=step)
            assert found["tot_A"].tolist() == TOT_A


@pytest.mark.case("parquet_lists")
def test_other_columns_as_pyarrow_writes_them(scores_empty: Model, tmp_path: Path) -> None:
    fixed = pa.array([[1000.0, 2000.0], [500, 500], [0, 3000]], pa.list_(pa.float32(), 2))
    path = parquet(tmp_path / "a.parquet", part_e=fixed, part_px=fixed)
    assert predicted(scores_empty, path, tmp_path / "o.root")[1]["tot_A"].tolist() == [6, 3, 8]
    for jet in (pa.array([0, 1, 2], pa.int8()), pa.array([0.0, 1, 2]).dictionary_encode()):
        path = parquet(tmp_path / "a.parquet", jet_x=jet)
        assert predicted(scores_empty, path, tmp_path / "o.root")[1]["tot_A"].tolist() == TOT_A
    small = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2], pa.int8()), pa.array([0.0, 1, 2]))
    path = parquet(tmp_path / "a.parquet", jet_x=small)
    assert predicted(scores_empty, path, tmp_path / "o.root")[1]["tot_A"].tolist() == TOT_A


@pytest.mark.case("parquet_lists")
@pytest.mark.parametrize(
    ("column", "values", "event"),
    [
        ("jet_x", [0.0, None, 1.0], 1),
        ("part_e", [[1.0, 2.0], [], [None]], 2),
        ("part_px", [[1.0, 2.0], None, [1.0]], 1),
    ],
)
def test_a_missing_number_names_file_branch_and_event(
    scores_empty: Model, tmp_path: Path, column: str, values: list[Any], event: int
) -> None:
    kind = pa.list_(pa.float32()) if column != "jet_x" else pa.float64()
    path = parquet(tmp_path / "a.parquet", **{column: pa.array(values, kind)})
    for step in (1, 100):
        error = refused(scores_empty, path, tmp_path / "o.root", step=step)
        assert error.code == "HQ0815"
        assert f'"{column}" in {path}' in error.title
        assert f"event {event};" in error.why


@pytest.mark.parametrize("rows", [0, 3])
@pytest.mark.parametrize(
    ("column", "kind", "values", "code"),
    [
        ("jet_x", pa.string(), ["a", "b", "c"], "HQ0807"),
        ("jet_x", pa.timestamp("us"), [1, 2, 3], "HQ0807"),
        ("jet_x", pa.decimal128(5, 2), [Decimal("1.5")] * 3, "HQ0807"),
        ("jet_x", pa.list_(pa.float32()), LISTS, "HQ0806"),
        ("jet_x", pa.dictionary(pa.int32(), pa.string()), ["a", "b", "a"], "HQ0807"),
        ("part_e", pa.float32(), [1.0, 2.0, 3.0], "HQ0806"),
        ("part_e", pa.list_(pa.string()), [["a"], [], []], "HQ0807"),
        ("part_e", pa.list_(pa.list_(pa.float32())), [[[1.0]], [], []], "HQ0806"),
        ("part_e", pa.string(), ["a", "b", "c"], "HQ0807"),
    ],
)
def test_a_column_of_another_kind(
    scores_empty: Model, tmp_path: Path, rows: int, column: str, kind: pa.DataType, values: list[Any], code: str
) -> None:
    """Also where there is no event to see it by."""
    good = parquet(tmp_path / "good.parquet")
    bad = parquet(tmp_path / "bad.parquet", **{column: pa.array(values, kind)})
    pq.write_table(pq.read_table(bad).slice(0, rows), bad)
    error = refused(scores_empty, [good, bad], tmp_path / "o.root")
    assert error.code == code
    assert f'"{column}"' in error.title
    assert "bad.parquet" in error.title


@pytest.mark.case("vector_vector_message")
def test_the_shape_in_a_message_is_the_branchs() -> None:
    schema = EventSchema(
        dims=(Dim(name="trk", bound=4), Dim(name="two", size=2)),
        inputs=(),
        dataset=tiny_artifact.dataset(branches=(Branch(name="x", branch="dEdX", dims=("trk",)),), order=(), label=None),
    )
    for values, kind in (([[[1.0], [2.0, 3.0]], []], "var * var * float64"), ([1.0, 2.0], "float64")):
        for data in (ak.Array(values), ak.Array(values)[:0]):
            with pytest.raises(DataError) as caught:
                collect(schema, {"dEdX": data}, "a.root:tree")
            assert caught.value.why == f"it holds {kind}, where real[trk] is needed"
    wide = schema.model_copy(
        update={"dataset": tiny_artifact.dataset(branches=(Branch(name="x", branch="x", dims=("two",)),), order=())}
    )
    with pytest.raises(DataError, match=r"holds 3 \* int64"):
        collect(wide, {"x": np.zeros((4, 3), np.int64)})
    with pytest.raises(DataError, match="holds var"):
        collect(wide, {"x": ak.Array([[1, 2], [1]])})


# --- labels ---------------------------------------------------------------------------------


@pytest.mark.case("odd_labels")
@pytest.mark.parametrize(
    ("odd", "why"),
    [
        (pa.array([1, 0, None]), "missing values"),
        (pa.array([[1], [0], [1]]), "wrong shape"),
        (pa.array(["s", "b", "s"]), "does not hold numbers"),
        (None, "1 of 1 files lack"),
    ],
)
def test_odd_labels_do_not_stop_a_prediction(
    scores_empty: Model, tmp_path: Path, odd: pa.Array | None, why: str
) -> None:
    labels = {"label_B": pa.array([0, 1, 0])} | ({} if odd is None else {"label_A": odd})
    summary, found = predicted(scores_empty, parquet(tmp_path / "a.parquet", **labels), tmp_path / "o.root", step=1)
    assert found["tot_A"].tolist() == TOT_A
    assert summary.auc == {}
    (metrics,) = summary.report.metrics
    assert why in metrics.lacking
    assert "label_A" in metrics.lacking
    assert summary.report.labels is None


@pytest.mark.case("odd_labels")
def test_nullable_and_boolean_labels_are_labels(scores_empty: Model, tmp_path: Path) -> None:
    labels = {"label_A": pa.array([True, False, False]), "label_B": pa.array([0, 1, 1], pa.int8())}
    summary, _ = predicted(scores_empty, parquet(tmp_path / "a.parquet", **labels), tmp_path / "o.root")
    assert not any(m.lacking for m in summary.report.metrics)
    assert set(summary.auc) == {"A", "B"}


# --- trees ----------------------------------------------------------------------------------


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two files with trees in folders, one of them with two cycles, and a tree at the top."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.root", "b:1.root"):
        with uproot.recreate(name) as file:
            file.mktree("ntuplizer/tree", {"x": "f4"}).extend({"x": np.arange(3, dtype="f4")})
            file.mktree("ntuplizer/tree", {"x": "f4"}).extend({"x": np.arange(5, dtype="f4")})
            file.mktree("top", {"x": "f4"}).extend({"x": np.arange(7, dtype="f4")})
    return tmp_path


@pytest.mark.case("tree_in_folder")
@pytest.mark.parametrize(
    ("name", "tree", "events"),
    [
        ("a.root:ntuplizer/tree", None, [5]),
        ("a.root:/ntuplizer/tree", None, [5]),
        ("a.root:ntuplizer/tree;1", None, [3]),
        ("a.root:ntuplizer/tree;2", None, [5]),
        ("a.root", "ntuplizer/tree;1", [3]),
        ("a.root:top", "ntuplizer/tree;1", [7]),
        ("*.root:ntuplizer/tree", None, [5, 5]),
        ("*.root:ntuplizer/tree;1", None, [3, 3]),
        ("[ab]*.root:top", None, [7, 7]),
        ("b:1.root", "top", [7]),
        ("b:1.root:top", None, [7]),
        ("b:*.root:ntuplizer/tree;1", None, [3]),
        ("{}/a.root:ntuplizer/tree", None, [5]),
        ("{}/*.root:ntuplizer/tree", None, [5, 5]),
    ],
)
def test_trees_in_folders(folders: Path, name: str, tree: str | None, events: list[int]) -> None:
    found = event_files.find(name.format(folders), tree)
    assert [s.events for s in found] == events
    assert [len(c.events) for s in found for c in event_files.iterate(s, ["x"])] == events


@pytest.mark.case("tree_in_folder")
@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("a.root:tree", "HQ0804", 'write "ntuplizer/tree"'),
        ("a.root:ntuplizer/tree;7", "HQ0804", "ntuplizer/tree;2"),
        ("a.root:ntuplizer", "HQ0804", "ntuplizer/tree"),
        ("a.root", "HQ0804", "has 2 trees"),
        ("none.root:ntuplizer/tree", "HQ0801", "no such file: none.root\n"),
        ("none*.root:ntuplizer/tree", "HQ0801", "no file matches none*.root\n"),
        ("none:ntuplizer/tree", "HQ0801", "no such file"),
        ("none:tree", "HQ0801", "no such file: none\n"),
    ],
)
def test_no_such_tree_or_file(folders: Path, name: str, code: str, words: str) -> None:
    with pytest.raises(DataError) as caught:
        event_files.find(name)
    assert caught.value.code == code
    assert words in str(caught.value)


def test_a_parquet_file_has_no_trees(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet")
    with pytest.raises(DataError) as caught:
        event_files.find(f"{path}:tree")
    assert caught.value.code == "HQ0804"
    assert "Parquet" in caught.value.why


def test_addresses_are_cut_behind_the_file() -> None:
    from hepq.runtime.events.event_files import _split

    assert _split("root://host:1094//store/x.root:d/tree;1") == ("root://host:1094//store/x.root", "d/tree;1")
    assert _split("root://host:1094//store/x.root") == ("root://host:1094//store/x.root", None)
    assert _split("https://host/x:tree") == ("https://host/x", "tree")
