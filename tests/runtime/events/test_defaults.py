# SPDX-License-Identifier: Apache-2.0
"""A branch that files may lack: its default stands in, and reports say for what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hepq.core.errors import DataError
from hepq.runtime.artifact.artifact import Artifact
from hepq.runtime.artifact.manifest import Branch, Dataset
from hepq.runtime.events.report import words
from hepq.runtime.model import Model
from hepq.runtime.report.scored import drawn
from tests.support import tiny_artifact

LISTS = [[1000.0, 2000.0], [], [3000.0]]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """The tiny model: 2 Σ part_e / 1000 + jet_x for A. Files may lack ``jet_x`` and ``part_px``."""
    path = tmp_path_factory.mktemp("artifact") / "tiny.hepqx"
    found = tiny_artifact.dataset()
    defaults = {"jet_x": 4.0, "part_px": 500.0}
    branches = tuple(b.model_copy(update={"default": defaults.get(b.branch)}) for b in found.branches)
    return Model(Artifact.open(tiny_artifact.make(path, found.model_copy(update={"branches": branches}))))


def table(path: Path, **columns: Any) -> Path:
    given = {"part_e": pa.array(LISTS), "part_px": pa.array(LISTS), "jet_x": pa.array([0.0, 1.0, 2.0])} | columns
    pq.write_table(pa.table({k: v for k, v in given.items() if v is not None}), path)
    return path


def plain(scores: dict[str, Any]) -> str:
    """In words, where NaN is NaN."""
    return str({name: ak.to_list(value) for name, value in scores.items()})


def test_what_a_file_lacks_is_its_default(model: Model, tmp_path: Path) -> None:
    whole = table(tmp_path / "whole.parquet")
    same = table(
        tmp_path / "same.parquet", jet_x=pa.array([4.0] * 3), part_px=pa.array([[500.0] * len(r) for r in LISTS])
    )
    bare = table(tmp_path / "bare.parquet", jet_x=None, part_px=None)
    wanted, _ = model.score([same, whole, same])
    files = [bare, whole, table(tmp_path / "more.parquet", jet_x=None, part_px=None)]
    assert plain(model.score(files)[0]) == plain(wanted)
    summary = model.predict(files, tmp_path / "out.parquet", progress=False, step=2)
    assert {b: (d.files, d.events) for b, d in summary.report.defaults.items()} == {"jet_x": (2, 6), "part_px": (2, 6)}
    said = list(words(summary.report))
    assert f"no branch jet_x in 2 files, the first {bare}: 4 for 6 events" in said
    assert not model.predict(whole, tmp_path / "out.parquet", progress=False).report.defaults
    assert "4 where a file lacks it" in model.schema


def test_arrays_may_lack_it_too(model: Model) -> None:
    events = {"part_e": ak.Array(LISTS)}
    scores, report = model.score(events)
    assert report.defaults["jet_x"].events == 3
    given = {**events, "jet_x": np.full(3, 4.0), "part_px": ak.full_like(events["part_e"], 500.0)}
    assert plain(scores) == plain(model.score(given)[0])


def test_without_any_other_branch_of_the_dim_nothing_says_how_many(model: Model) -> None:
    with pytest.raises(DataError, match='no branch "part_e"'):
        model({"jet_x": np.zeros(3)})
    branches = (Branch(name="part_px", branch="part_px", dims=("part",), default=0.0),)
    schema = model.manifest.model_copy(update={"dataset": Dataset(name="D", branches=branches), "inputs": ()})
    from hepq.runtime.events.columns import collect

    with pytest.raises(DataError, match="no branch of it says how many") as caught:
        collect(schema, {"jet_x": np.zeros(3)})
    assert caught.value.code == "HQ0805"


def test_events_are_drawn_from_files_that_differ(model: Model, tmp_path: Path) -> None:
    whole, bare = table(tmp_path / "whole.parquet"), table(tmp_path / "bare.parquet", jet_x=None)
    batch, _ = drawn(model, [whole, bare, whole], labelled=False)
    assert batch.events == 9
    assert batch.report.defaults["jet_x"].events == 3
