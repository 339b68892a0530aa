# SPDX-License-Identifier: Apache-2.0
"""Whole numbers are exact from branches to outputs: compiled code, files, training and ONNX."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pyarrow.parquet as pq
import pytest
import uproot

import hepq
from hepq.compiler.driver.compilation import Compilation, compile_file
from hepq.compiler.driver.options import Options
from hepq.compiler.train.data.events import training_set
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.runtime.artifact.artifact import GOLDEN, Artifact
from hepq.runtime.artifact.golden import Golden
from hepq.runtime.engine.outputs import NO_NUMBER
from hepq.runtime.model import Model

PROGRAM = """dim part <= 2
dim cls = [A, B]
dataset D {
  source d = root("none/*.root")
  branch number, unsigned: int
  branch id: int[part]
  branch pt: GeV[part]
  policy nan = drop
  order part by pt desc
  input n = number + unsigned
  input i = id
  input x = pt / 1 GeV
  label truth: cls = "is_*"
}
model M(n: int, i: int[part], x: real[part]) = (
  n - 1, i + n, max(i, over=part), sum(i * position(part), over=part), n % 1000, any(i > n, over=part),
  sum(x, over=part) + real(n % 2))
train T {
  output = stack(sum(x, over=part), real(n % 7), dim=cls)
}
"""
BIG = 2**60 + 1
NUMBER = np.array([BIG, -BIG, 3, 2**53 + 1], np.int64)
UNSIGNED = np.array([2, 2**61, 5, 0], np.uint64)
ID = [[BIG, 7, -5], [2**53 + 1], [], [1, 2**62 + 1]]
PT = [[1.0, 3.0, 2.0], [1.0], [], [np.nan, 4.0]]
EVENTS: dict[str, Any] = {"number": NUMBER, "unsigned": UNSIGNED, "id": ak.Array(ID), "pt": ak.Array(PT)}
#: entries that the model sees, in its order: by pt, two at most, no NaN
SEEN = [[1, 2], [0], [], [1]]


def expected() -> list[dict[str, Any]]:
    found = []
    for k, seen in enumerate(SEEN):
        n, ids = int(NUMBER[k]) + int(UNSIGNED[k]), [ID[k][i] for i in seen]
        moved = [NO_NUMBER] * len(ID[k])
        for i in seen:
            moved[i] = ID[k][i] + n
        row = {
            "0": n - 1,
            "1": moved,
            "2": max(ids, default=0),
            "3": sum(i * j for j, i in enumerate(ids)),
            "4": n % 1000,
        }
        found.append(row if seen else dict.fromkeys(row, NO_NUMBER) | {"1": []})
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("integers")
    (path / "m.hepq").write_text(PROGRAM)
    compile_file(path / "m.hepq", path / "m.hepqx", Options(init=0, golden_events=4))
    flags = np.array([True, False, True, False])
    hashes = np.array([2**64 - 1, 2**63, 1, 0], np.uint64)
    with uproot.recreate(path / "events.root") as file:
        file["tree"] = {
            **{k: v for k, v in EVENTS.items() if k != "id"}, "id": ak.values_astype(EVENTS["id"], np.int64),
            "is_A": flags, "is_B": ~flags, "hash": hashes,
        }  # fmt: skip
    return path


def test_whole_numbers_are_verified_exactly(folder: Path) -> None:
    artifact = Artifact.open(folder / "m.hepqx")
    golden = Golden.from_bytes(artifact.members[GOLDEN])
    assert {name: value.dtype.name for name, value in golden.outputs.items()} == {
        **{f"output{i}": "int64" for i in range(5)}, "output5": "float32", "output6": "float32",
    }  # fmt: skip
    of = golden.outputs["output0"]
    for given, ok in ((of, True), (of + 1, False), (of.astype(np.float32), True)):  # the last by an earlier hepq
        artifact.members[GOLDEN] = replace(golden, outputs=golden.outputs | {"output0": given}).to_bytes()
        assert Model(artifact).verify().ok is ok


@pytest.mark.parametrize("ending", ["hepqx", "onnx"])
def test_large_whole_numbers_off_by_one_are_found(tmp_path: Path, ending: str) -> None:
    """Also by the replay before anything is written."""
    pytest.importorskip("onnxruntime")
    path, target = tmp_path / f"m.{ending}", "onnx" if ending == "onnx" else "cpu"
    (tmp_path / "m.hepq").write_text("model M(k: int, x: real) = (k * 2, int(1000000 * x))\n")
    ak.to_parquet(ak.Array({"k": NUMBER, "x": np.array([1.5, 2.25, 3.1, 4.7], "f4")}), tmp_path / "e.parquet")
    options = Options(init=0, target=target, golden=tmp_path / "e.parquet")
    golden, _ = Compilation(tmp_path / "m.hepq", options).check().golden
    assert golden.outputs["output0"].tolist() == (2 * NUMBER).tolist()
    assert golden.outputs["output1"].dtype == np.float64, "of a real number: within the tolerance"
    report = compile_file(tmp_path / "m.hepq", path, options)
    assert report.replayed
    golden.outputs["output0"][1] += 1
    program = Compilation(tmp_path / "m.hepq", options).check()
    program.__dict__["golden"] = golden, program.golden[1]
    with pytest.raises(HepqError, match=r"output0.* by 1\.0e\+00"):
        program.written(path)


def check(found: dict[str, Any]) -> None:
    for k, wanted in enumerate(expected()):
        assert {name: ak.to_list(found[f"output{name}"][k]) for name in wanted} == wanted


def test_outputs_of_a_model(folder: Path) -> None:
    model = hepq.load(folder / "m.hepqx", threads=1)
    assert model.verify().ok
    found, _ = model.score(folder / "events.root")
    check(found)
    assert found["output0"].dtype == np.int64
    np.testing.assert_array_equal(found["output5"], [0, 0, np.nan, 1])
    check(model.score(EVENTS)[0])


@pytest.mark.parametrize("ending", ["root", "parquet"])
def test_files(folder: Path, ending: str) -> None:
    out = folder / f"scores.{ending}"
    hepq.load(folder / "m.hepqx", threads=1).predict(folder / "events.root", out, keep=["hash"], progress=False)
    table = uproot.open(f"{out}:tree").arrays() if ending == "root" else ak.from_arrow(pq.read_table(out))
    check({name: table[name] for name in table.fields})
    assert table["hash"].to_list() == [2**64 - 1, 2**63, 1, 0]


def test_training_reads_them_whole(folder: Path) -> None:
    found = training_set(folder / "m.hepq", [folder / "events.root"])
    assert found.table.contents["number"].tolist() == NUMBER.tolist()
    assert found.table.contents["unsigned"].tolist() == UNSIGNED.tolist()


def test_onnx(folder: Path) -> None:
    ort = pytest.importorskip("onnxruntime")
    compile_file(folder / "m.hepq", folder / "m.onnx", Options(init=0, target="onnx", golden_events=4))
    session = ort.InferenceSession(folder / "m.onnx")
    pad = {k: ak.to_numpy(ak.fill_none(ak.pad_none(EVENTS[k], 4), -7)) for k in ("id", "pt")}
    feed = {
        "number": NUMBER,
        "unsigned": UNSIGNED.astype(np.int64),
        "id": pad["id"],
        "pt": pad["pt"].astype(np.float32),
    }
    made = session.run(None, feed | {"n_part": np.array([3, 1, 0, 2], np.float32)})
    found = dict(zip([o.name for o in session.get_outputs()], made, strict=True))
    found["output1"] = [row[: len(i)].tolist() for row, i in zip(found["output1"], ID, strict=True)]
    check(found)
