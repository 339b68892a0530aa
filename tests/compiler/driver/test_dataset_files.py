# SPDX-License-Identifier: Apache-2.0
"""Files that a dataset names are compared with it when its model is compiled; odd labels end a training in words."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uproot

from hepq.compiler.driver.compilation import build_file, compile_file
from hepq.compiler.driver.options import Options
from hepq.compiler.golden.events import check_files
from hepq.compiler.schema.events import event_schema, read_inputs
from hepq.compiler.train.data.events import TrainingSet, training_set
from hepq.core.errors import DataError
from hepq.runtime.events.columns import Plain

PROGRAM = """
dim jet <= 4
dim cls = [B, C]
dataset T {
  source ev = root("SOURCE", tree="dir/Events;1")
  branch pt = "Jet_pt": GeV[jet]
  branch n: real
  branch unused: real
  input pt = pt
  input n = n
  label y: cls = "LABEL"
}
model M(pt: GeV[jet], n: real) -> real = sum(pt, over=jet) / 1 GeV + n
"""
TRAIN = """
train Fit {
  model = M
  s = M(pt, n)
  loss = s * s
}
"""


def program(folder: Path, source: str = "*.root", label: str = "label_*", more: str = "") -> Path:
    path = folder / "m.hepq"
    path.write_text(PROGRAM.replace("SOURCE", source).replace("LABEL", label) + more)
    return path


def checked(path: Path) -> None:
    built = build_file(path)
    schema = event_schema(built, read_inputs(built.module))
    check_files(schema, path.parent, Plain(schema))


def write(path: Path, tree: str = "dir/Events", **kinds: str) -> None:
    with uproot.recreate(path) as file:
        file.mktree(tree, kinds)


@pytest.mark.case("compile_wrong_branch")
@pytest.mark.parametrize(
    ("kinds", "code", "branch"),
    [
        ({"Jet_pt": "var * float32", "n": "int32"}, None, ""),
        ({"Jet_ptt": "var * float32", "n": "int32"}, "HQ0805", "Jet_pt"),
        ({"Jet_pt": "float32", "n": "int32"}, "HQ0806", "Jet_pt"),
        ({"Jet_pt": "var * float32", "n": "var * int32"}, "HQ0806", "n"),
        ({"Jet_pt": "var * float32", "n": "string"}, "HQ0807", "n"),
    ],
)
def test_a_present_file_must_hold_what_is_read(
    tmp_path: Path, kinds: dict[str, str], code: str | None, branch: str
) -> None:
    """In the last of several files, and without events too."""
    write(tmp_path / "a.root", Jet_pt="var * float32", n="float64")
    write(tmp_path / "b.root", **kinds)
    path = program(tmp_path)
    if code is None:
        checked(path)
        return
    with pytest.raises(DataError) as caught:
        checked(path)
    assert caught.value.code == code
    assert f'branch "{branch}" in {tmp_path / "b.root"}' in caught.value.title


@pytest.mark.case("compile_wrong_branch")
def test_compiling_ends_with_it_and_writes_nothing(tmp_path: Path) -> None:
    write(tmp_path / "a.root", Jet_ptt="var * float32", n="float64")
    with pytest.raises(DataError, match="Jet_pt"):
        compile_file(program(tmp_path), tmp_path / "m.hepqx", Options())
    write(tmp_path / "a.root", tree="other", Jet_pt="var * float32", n="float64")
    with pytest.raises(DataError, match="dir/Events;1"):
        compile_file(program(tmp_path), tmp_path / "m.hepqx", Options())
    assert not (tmp_path / "m.hepqx").exists()


@pytest.mark.case("compile_wrong_branch")
@pytest.mark.parametrize("source", ["none.root", "none/*.root", "none.root:dir/tree", "root://host//none.root"])
def test_absent_files_are_passed_over(tmp_path: Path, source: str) -> None:
    checked(program(tmp_path, source))


@pytest.mark.case("tree_in_folder")
def test_a_source_may_name_the_tree_either_way(tmp_path: Path) -> None:
    kinds = {"Jet_pt": "var * float32", "n": "int32"}
    write(tmp_path / "a.root", "other/Events", **kinds)
    checked(program(tmp_path, "*.root:other/Events"))
    checked(program(tmp_path, "a.root:other/Events;1"))
    with pytest.raises(DataError, match="other/Events"):
        checked(program(tmp_path, "a.root"))


def training(folder: Path, label: str, **labels: pa.Array) -> TrainingSet:
    events = {"Jet_pt": pa.array([[1.0], [2.0, 3.0], [4.0]]), "n": pa.array([1.0, 2.0, 3.0])}
    pq.write_table(pa.table(events | labels), folder / "a.parquet")
    return training_set(program(folder, label=label, more=TRAIN), [folder / "a.parquet"])


@pytest.mark.case("odd_labels")
@pytest.mark.parametrize(
    ("odd", "code", "words"),
    [
        (pa.array([1, 0, None]), "HQ0815", "event 2"),
        (pa.array([[1], [0], [1]]), "HQ0806", "where one real an event is needed"),
        (pa.array(["s", "b", "s"]), "HQ0807", "where one real an event is needed"),
    ],
)
def test_training_wants_proper_labels(tmp_path: Path, odd: pa.Array, code: str, words: str) -> None:
    for label in ("label_*", "label_B"):
        with pytest.raises(DataError) as caught:
            training(tmp_path, label, label_B=odd, label_C=pa.array([0, 1, 0]))
        assert caught.value.code == code
        assert f'"label_B" in {tmp_path / "a.parquet"}' in caught.value.title
        assert words in caught.value.why


@pytest.mark.case("odd_labels")
def test_truth_values_are_labels(tmp_path: Path) -> None:
    hot = training(tmp_path, "label_*", label_B=pa.array([True, False, False]), label_C=pa.array([False, True, False]))
    assert hot.truth.tolist() == [0, 1, -1]
    assert training(tmp_path, "is_c", is_c=pa.array([False, True, True])).truth.tolist() == [0, 1, 1]


@pytest.mark.case("odd_labels")
def test_jagged_labels_in_a_tree(tmp_path: Path) -> None:
    lists = ak.values_astype(ak.Array([[1], [0, 1], [0]]), np.int32)
    with uproot.recreate(tmp_path / "a.root") as file:
        kinds = {"Jet_pt": "var * float32", "n": "float32", "label_B": "var * int32", "label_C": "var * int32"}
        values = {"Jet_pt": ak.values_astype(lists, "f4"), "n": np.zeros(3, "f4"), "label_B": lists, "label_C": lists}
        file.mktree("dir/Events", kinds).extend(values)
    with pytest.raises(DataError, match="wrong shape"):
        training_set(program(tmp_path, more=TRAIN), [tmp_path / "a.root"])
