# SPDX-License-Identifier: Apache-2.0
"""Files without events, alone and among others: outputs of the same columns and types, without their rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uproot

from hepq.compiler.driver.compilation import compile_file
from hepq.compiler.driver.options import Options
from hepq.compiler.train import Recipe, train_file
from hepq.compiler.train.data.events import read_events
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.runtime.artifact.artifact import Artifact
from hepq.runtime.model import Model

PROGRAM = """from std.nn import Dense

dim cls = [a, b]

dataset D {
  source d = root("d.root")
  branch x: real
  input v = stack(x)
  branch n: int
  label y: cls = {a: n < 3, b: otherwise}
}

model M(v: real[1]) -> real[cls] = v |> Dense[cls] |> softmax
"""
ENDINGS = [".root", ".parquet", ".csv", ".npz"]
N = 6


def write(path: Path, events: int) -> Path:
    columns: dict[str, Any] = {"x": np.arange(events) / 2, "n": np.arange(events)}
    match path.suffix:
        case ".root":
            with uproot.recreate(path) as file:
                file.mktree("t", {k: v.dtype for k, v in columns.items()})
                if events:
                    file["t"].extend(columns)
        case ".parquet":
            pq.write_table(pa.table(columns), path)
        case ".npz":
            np.savez(path, **columns)
        case ".csv":
            rows = [f"{x},{n}" for x, n in zip(*columns.values(), strict=True)]
            path.write_text("\n".join(["x,n", *rows]) + "\n")
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("model")
    (folder / "m.hepq").write_text(PROGRAM)
    compile_file(folder / "m.hepq", folder / "m.hepqx", Options(init=1))
    return Model(Artifact.open(folder / "m.hepqx"))


def read(path: Path) -> tuple[dict[str, str], ak.Array]:
    if path.suffix == ".root":
        tree = uproot.open(path)["tree"]
        return dict(tree.typenames()), tree.arrays()
    return {f.name: str(f.type) for f in pq.read_schema(path)}, ak.from_parquet(path)


@pytest.mark.parametrize("out", [".root", ".parquet"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_predictions(model: Model, tmp_path: Path, ending: str, out: str) -> None:
    none, some = write(tmp_path / f"none{ending}", 0), write(tmp_path / f"some{ending}", N)
    kinds, whole = read(model.predict(some, tmp_path / f"some_out{out}", keep=["n"], progress=False).out)
    for files in ([none], [none, none], [none, some], [some, none], [none, some, none]):
        summary = model.predict(files, tmp_path / f"out{out}", keep=["n"], progress=False)
        found, rows = read(summary.out)
        assert len(rows) == N * files.count(some)
        if files.count(some):
            assert found == kinds
            assert rows.to_list() == whole.to_list()
        else:
            assert list(found) == list(kinds)
            assert {k: v for k, v in found.items() if k != "n"} == {k: v for k, v in kinds.items() if k != "n"}
            assert found["n"] == kinds["n"] or ending == ".csv"  # which says nothing of types
    assert len(model([str(none)])) == 0


@pytest.mark.parametrize("ending", ENDINGS)
def test_training(tmp_path: Path, ending: str) -> None:
    program = tmp_path / "m.hepq"
    program.write_text(PROGRAM)
    none, some = write(tmp_path / f"none{ending}", 0), write(tmp_path / f"some{ending}", N)
    data = read_events(program, [none, some, none], Options())
    assert data.truth.tolist() == [0, 0, 0, 1, 1, 1]
    with pytest.raises(HepqError, match="0 events"):
        train_file(program, [none], tmp_path / "w.safetensors", Recipe())
