# SPDX-License-Identifier: Apache-2.0
"""Labels that are computed: in training, in the artifact, and in the metrics of predictions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import hepq
from hepq.compiler.driver.compilation import compile_file
from hepq.compiler.driver.options import Options
from hepq.compiler.train import Recipe, train_file
from hepq.runtime.events.report import words
from hepq.runtime.report.scored import drawn

PROGRAM = """from std.nn import Dense

dim cls = [light, c, b]
dim digit = 4

dataset Jets {
  SOURCES
  branch x, y: real
  branch flav: int else 5
  input v = stack(x, y)
  LABEL
}

model Tag(v: real[2]) -> real[DIM] = v |> Dense[8] |> relu |> Dense[DIM] |> softmax
"""
ONE = 'source jets = csv("jets.csv")'
N = 400


def write(folder: Path, label: str, dim: str = "cls", sources: str = ONE) -> Path:
    rng = np.random.default_rng(3)
    flav = rng.choice([0, 4, 5], N)
    x, y = rng.normal(flav == 4, 0.3), rng.normal(flav == 5, 0.3)
    for c in (0, 4, 5):
        rows = [f"{a},{b},{f}" for a, b, f in zip(x, y, flav, strict=True) if f == c]
        (folder / f"{c}.csv").write_text("\n".join(["x,y,flav", *rows]) + "\n")
    rows = [f"{a},{b},{f}" for a, b, f in zip(x, y, flav, strict=True)]
    (folder / "jets.csv").write_text("\n".join(["x,y,flav", *rows]) + "\n")
    path = folder / "tag.hepq"
    path.write_text(PROGRAM.replace("SOURCES", sources).replace("LABEL", label).replace("DIM", dim))
    return path


def trained(path: Path) -> tuple[hepq.Model, float]:
    weights = path.with_suffix(".safetensors")
    found = train_file(path, [], weights, Recipe(epochs=15, rate=1e-2, seed=1))
    compile_file(path, path.with_suffix(".hepqx"), Options(weights=weights))
    return hepq.load(path.with_suffix(".hepqx")), found.fitted.auc


@pytest.mark.parametrize(("label", "dim"), [
    ("label truth: cls = {b: flav == 5, c: flav == 4, light: otherwise}", "cls"),
    ("label truth: cls = flav in {light: 0, c: 4, b: [5, 15]}", "cls"),
    ("label truth: digit = if flav == 0 then 0 else flav - 2", "digit"),
])  # fmt: skip
def test_computed_labels_in_training_artifact_and_metrics(tmp_path: Path, label: str, dim: str) -> None:
    path = write(tmp_path, label, dim)
    model, auc = trained(path)
    assert auc > 0.9
    summary = model.predict(tmp_path / "jets.csv", tmp_path / "out.parquet", progress=False, step=100)
    assert set(summary.auc) == ({"light", "c", "b"} if dim == "cls" else {"0", "2", "3"})
    assert min(summary.auc.values()) > 0.85
    assert summary.report.labels is not None
    assert sum(summary.report.labels.classes.values()) == N
    assert "flav" not in model.branches()
    batch, truth = drawn(model, tmp_path / "jets.csv", limit=50)
    assert truth is not None
    assert batch.report.labels is not None


def test_labels_by_source(tmp_path: Path) -> None:
    sources = "\n  ".join(f'source {c} = csv("{f}.csv")' for c, f in (("b", 5), ("c", 4), ("light", 0)))
    path = write(tmp_path, "label truth: cls = source", sources=sources)
    model, auc = trained(path)
    assert auc > 0.9
    summary = model.predict(tmp_path / "5.csv", tmp_path / "out.parquet", progress=False)
    assert not summary.auc
    assert any("the label is the dataset's source" in line for line in words(summary.report))
    assert len(model(str(tmp_path / "5.csv"))) == summary.report.events
