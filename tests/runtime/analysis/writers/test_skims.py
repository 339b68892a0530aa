# SPDX-License-Identifier: Apache-2.0
"""Skims, read back by uproot and pyarrow."""

from __future__ import annotations

import json
from pathlib import Path

import awkward as ak
import numpy as np
import pyarrow.parquet as pq
import pytest
import uproot

from hepq.core.errors import DataError
from hepq.runtime.analysis.description import Analysis, Program, Saved
from hepq.runtime.analysis.writers.skims import open_skim
from hepq.runtime.artifact.stage import StageOutput
from tests.runtime.analysis.toy import ANALYSIS, result


def saved(end: str, more: dict[str, StageOutput]) -> dict[str, Saved]:
    columns = {
        "mass": StageOutput(name=f"mass{end}"), "pt": StageOutput(name=f"pt{end}", dim="jet"),
        "jets": StageOutput(name=f"n{end}", elem="int"), "tight": StageOutput(name="tight", elem="bool"),
    }  # fmt: skip
    return {"tops": Saved(passed=f"passed{end}", columns=columns | more)}


def analysis(**more: StageOutput) -> Analysis:
    mc = Program(
        branches=(), saves={"nominal": saved("", more), "scale_up": saved("_up", more), "never_up": saved("", more)}
    )
    data = Program(branches=(), saves={"nominal": saved("", more)})
    return ANALYSIS.model_copy(update={"programs": {"data": data, "mc": mc}})


def columns(first: int) -> dict[str, object]:
    return {
        "mass": np.array([1.5, 2.5]) + first, "pt": ak.Array([[1.0, 2.0], []]), "jets": np.array([2**60, first]),
        "tight": np.array([True, False]),
    }  # fmt: skip


def write(path: Path) -> None:
    with open_skim(path, "tops", analysis(), result().provenance) as skim:
        skim.write("ttbar", "nominal", columns(0))
        skim.write("ttbar", "scale_up", columns(1))
        skim.write("ttbar", "nominal", columns(2))


def test_root(tmp_path: Path) -> None:
    write(tmp_path / "a.root")
    with uproot.open(tmp_path / "a.root") as file:
        trees = [key for key, kind in file.classnames(cycle=False).items() if kind == "TTree"]
        assert trees == [
            "run/nominal", "ttbar/nominal", "ttbar/scale_up", "wjets/nominal", "wjets/scale_up",
        ]  # fmt: skip
        found = file["ttbar/nominal"].arrays()
        assert found.mass.tolist() == [1.5, 2.5, 3.5, 4.5]
        assert found.pt.tolist() == [[1, 2], [], [1, 2], []]
        assert found.jets.tolist() == [2**60, 0, 2**60, 2]
        assert found.tight.tolist() == [True, False] * 2
        assert file["wjets/scale_up"].num_entries == 0
        about = json.loads(str(file["provenance"]))
    assert "never_up" in about["unchanged"]["mc"]
    assert about["hepq"]["program"] == "toy.hepq"


def test_parquet(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet")
    table = pq.read_table(tmp_path / "a.parquet")
    assert table["source"].to_pylist() == ["ttbar"] * 6
    assert table["variation"].to_pylist() == ["nominal"] * 2 + ["scale_up"] * 2 + ["nominal"] * 2
    assert table["jets"].to_pylist() == [2**60, 0, 2**60, 1, 2**60, 2]
    assert table["pt"].to_pylist() == [[1, 2], []] * 3
    assert json.loads(table.schema.metadata[b"hepq.provenance"])["save"] == "tops"


def test_a_column_that_says_where_rows_are_from(tmp_path: Path) -> None:
    more = analysis(source=StageOutput(name="x"))
    with (
        pytest.raises(DataError, match='two columns "source"'),
        open_skim(tmp_path / "a.parquet", "tops", more, result().provenance),
    ):
        pass
    assert not list(tmp_path.iterdir())
