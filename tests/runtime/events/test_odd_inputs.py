# SPDX-License-Identifier: Apache-2.0
"""Files that are in the way, names that stand for several things, and numbers that are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import uproot

from hepq.core.errors import DataError
from hepq.runtime.model import Model
from hepq.runtime.report.labels import classes_of
from tests.runtime.events.test_odd_files import N, parquet, predicted, refused, root, scores_empty

__all__ = ["scores_empty"]


def test_two_columns_of_one_name(scores_empty: Model, tmp_path: Path) -> None:
    table = pq.read_table(parquet(tmp_path / "a.parquet"))
    twice = table.append_column("jet_x", table["jet_x"])
    pq.write_table(twice, tmp_path / "twice.parquet")
    error = refused(scores_empty, tmp_path / "twice.parquet", tmp_path / "o.parquet")
    assert (error.code, error.title) == ("HQ0886", f'several branches "jet_x" in {tmp_path / "twice.parquet"}')
    unused = table.append_column("other", table["jet_x"]).append_column("other", table["jet_x"])
    pq.write_table(unused, tmp_path / "unused.parquet")
    assert predicted(scores_empty, tmp_path / "unused.parquet", tmp_path / "o.parquet")[0].report.events == N


@pytest.mark.parametrize("step", [0, -1, True, 1.5, "many", "0 MB", None])
def test_a_step_that_is_none(scores_empty: Model, tmp_path: Path, step: Any) -> None:
    error = refused(scores_empty, root(tmp_path / "a.root"), tmp_path / "o.root", step=step)
    assert error.code == "HQ0887"
    assert "give 1 or more" in str(error) or "nor a size" in str(error)


@pytest.mark.parametrize("ending", [".root", ".parquet"])
def test_scores_are_no_input_of_their_own_model(
    scores_empty: Model, tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first = root(Path("in.root")) if ending == ".root" else parquet(Path("in.parquet"))
    keep, own = ["part_e", "part_px", "jet_x"], Path(f"scores{ending}")
    predicted(scores_empty, first, own, keep=keep)
    error = refused(scores_empty, str(own), Path(f"again{ending}"))
    assert (error.code, error.title.split(":")[0].split()[0]) == ("HQ0888", str(own))
    again = Path(f"again{ending}")
    for out, left in ((own, {own}), (again, {own}), (again, {own, again})):  # the same command again does the same
        summary, _ = predicted(scores_empty, f"*{ending}", out, keep=keep)
        assert (summary.files, summary.report.events) == (1, N)
        assert set(map(Path, summary.left_out)) == left
    with pytest.raises(DataError, match=r"HQ0817(.|\n)*it is one of the files to read"):
        scores_empty.predict([str(first), str(own)], own, progress=False)
    with pytest.raises(DataError, match=r"HQ0801.*no file but what earlier runs wrote"):
        scores_empty.predict(f"[sa]*{ending}", own, progress=False)
    monkeypatch.setattr(scores_empty, "manifest", scores_empty.manifest.model_copy(update={"name": "Other"}))
    assert predicted(scores_empty, own, Path(f"again{ending}"))[0].report.events == N


def test_what_a_pattern_matches_too(scores_empty: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with uproot.recreate("other.root") as file:
        file["tree"] = {"a": np.arange(2)}
    for tree, code in (("tree", "HQ0805"), ("none", "HQ0804")):
        error = refused(scores_empty, "other*.root", Path("o.root"), tree=tree)
        assert error.code == code
        assert error.help.endswith("other*.root matches it too: name the files of events, if it is none")


def test_a_label_that_is_not_a_number_is_no_class() -> None:
    marks = {"a": np.array([1.0, np.nan, 0.0, np.nan]), "b": np.array([0, 1, 1, 0])}
    assert classes_of(marks, ("a", "b"), 2).tolist() == [0, -1, 1, -1]
