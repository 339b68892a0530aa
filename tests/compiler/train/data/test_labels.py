# SPDX-License-Identifier: Apache-2.0
"""Labels by rules, numbers and sources: the classes they give, and what is said of events without one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hepq.compiler.driver.options import Options
from hepq.compiler.train.data.events import labelled, odd, read_events, training_set
from hepq.compiler.train.recipe import Recipe
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.core.errors import DataError

FLAV = [0, 4, 5, 5, 21, 0]
PT = [10.0, 20.0, 30.0, 40.0, 50.0, 60.0]
JETS = [[], [1.0], [2.0, 3.0], [4.0], [], [5.0, 1.0, 7.0, 9.0]]


def program(folder: Path, label: str, *items: str, sources: str = 'source d = parquet("d.parquet")') -> Path:
    more = "\n  ".join(items)
    path = folder / "m.hepq"
    path.write_text(f"""from std.nn import Dense

dim jet <= 3
dim cls = [light, c, b]
dim two = [bkg, sig]
dim digit = 6

dataset D {{
  {sources}
  branch pt: MeV
  branch flav: int else 4
  branch jet_pt: GeV[jet]
  policy empty = score
  order jet by jet_pt desc
  {more}
  input x = stack(pt / 1 GeV, sum(jet_pt, over=jet) / 1 GeV)
  {label}
}}

model M(x: real[2]) -> real[3] = x |> Dense[3] |> softmax
""")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    table = {"flav": FLAV, "pt": PT, "jet_pt": pa.array(JETS)}
    pq.write_table(pa.table(table), tmp_path / "d.parquet")
    return tmp_path


def truth(path: Path) -> tuple[list[int], list[str]]:
    data = read_events(path, [], Options())
    return data.truth.tolist(), odd(data.report)


@pytest.mark.case("labels")
@pytest.mark.parametrize(("label", "wanted"), [
    ("label y: cls = {b: flav == 5, c: flav == 4, light: otherwise}", [0, 1, 2, 2, 0, 0]),
    ("label y: cls = {light: flav == 0, b: flav == 5, c: flav == 4}", [0, 1, 2, 2, -1, 0]),
    ("label y: cls = {light: pt < 25 MeV, b: pt > 15 MeV and flav < 21, c: flav == 21}", [0, -1, 2, 2, 1, 2]),
    ("label y: cls = flav in {light: 0, c: [4, 21], b: 5}", [0, 1, 2, 2, 1, 0]),
    ("label y: cls = 5 - flav in {light: [1, 5, -16], c: 3..5, b: 0}", [0, 0, 2, 2, 0, 0]),
    ("label y: two = flav == 5", [0, 0, 1, 1, 0, 0]),
    ("label y: digit = flav", [0, 4, 5, 5, -1, 0]),
    ('label y: digit = "flav"', [0, 4, 5, 5, -1, 0]),
    ("label y: digit = {0: pt < 35 MeV, 5: otherwise}", [0, 0, 0, 5, 5, 5]),
    # of the three hardest jets
    ("label y: two = {sig: sum(jet_pt, over=jet) > 4 GeV, bkg: otherwise}", [0, 0, 1, 0, 0, 1]),
    ("label y: digit = count(jet)", [0, 1, 2, 1, 0, 3]),
    ("label y: two = any(jet_pt == 1 GeV, over=jet)", [0, 1, 0, 0, 0, 0]),
])  # fmt: skip
def test_classes(folder: Path, label: str, wanted: list[int]) -> None:
    assert truth(program(folder, label))[0] == wanted


def test_what_is_said_of_events_without_a_class(folder: Path) -> None:
    assert truth(program(folder, "label y: cls = {light: flav == 0, b: flav == 5, c: pt < 25 MeV}"))[1] == [
        "1 event of no class by flav, pt: in no metric, not trained on",
        "1 event of several classes by flav, pt: in no metric, not trained on",
    ]
    assert truth(program(folder, "label y: cls = flav in {light: 0, c: 400, b: 1234567}"))[1] == [
        "4 events of no class by flav: in no metric, not trained on; values: 5 (2), 4 (1), 21 (1)",
        "no event meets the label's rule of c, b",
    ]
    assert truth(program(folder, "label y: cls = {b: flav > 100, c: flav < 5, light: otherwise}"))[1] == [
        "no event meets the label's rule of b"
    ]
    assert truth(program(folder, "label y: cls = {b: flav > 4, c: flav < 5, light: otherwise}"))[1] == [
        "no event meets the label's rule of light"
    ]


def test_a_branch_read_for_the_label_alone_has_its_default_and_is_said(folder: Path) -> None:
    table = pq.read_table(folder / "d.parquet")
    pq.write_table(table.drop_columns(["flav"]), folder / "e.parquet")
    path = program(
        folder, "label y: cls = {b: flav == 5, c: flav == 4, light: otherwise}",
        sources='source d = parquet("d.parquet", "e.parquet")',
    )  # fmt: skip
    data = read_events(path, [], Options())
    assert data.truth.tolist() == [0, 1, 2, 2, 0, 0] + [1] * 6
    assert data.report.defaults["flav"].events == 6
    assert data.report.events == 12


def test_nan_in_what_decides(folder: Path) -> None:
    pt = pa.array([10.0, float("nan"), 30.0, 40.0, 50.0, 60.0])
    table = pq.read_table(folder / "d.parquet").append_column("q", pt)
    pq.write_table(table, folder / "d.parquet")
    rule = "label y: two = {sig: q > 35, bkg: otherwise}"
    with pytest.raises(DataError, match='NaN or infinity in branch "q"'):
        truth(program(folder, rule, "branch q: real"))
    data = read_events(program(folder, rule, "branch q: real", "policy nan = drop"), [], Options())
    assert data.truth.tolist() == [0, -1, 0, 1, 1, 1]
    assert [(n.name, n.done) for n in data.report.not_numbers] == [("q", "not labelled")]
    assert data.report.unscored == 0


def test_the_source_is_the_class(folder: Path) -> None:
    table = pq.read_table(folder / "d.parquet")
    pq.write_table(table.slice(0, 2), folder / "e.parquet")
    sources = 'source sig = parquet("d.parquet")\n  source bkg = parquet("e.parquet")'
    path = program(folder, "label y: two = source", sources=sources)
    assert truth(path)[0] == [1] * 6 + [0] * 2
    with pytest.raises(HepqError, match="HQ0636"):
        read_events(path, [folder / "d.parquet"], Options())


def test_numbered_classes_are_split_and_named(folder: Path) -> None:
    data = labelled(read_events(program(folder, "label y: digit = flav"), [], Options()), Recipe().resolved({}))
    assert data.classes == ("0", "1", "2", "3", "4", "5")
    assert data.signal == 5
    assert np.bincount(data.truth).tolist() == [2, 0, 0, 0, 1, 2]


def test_a_rule_that_needs_compiled_code_is_refused(folder: Path) -> None:
    rule = "label y: two = sum(gather(jet_pt, knn[1](stack(jet_pt / 1 GeV), over=jet))[0], over=jet) > 4 GeV"
    with pytest.raises(HepqError, match="HQ0637"):
        truth(program(folder, rule))


@pytest.mark.parametrize(("label", "wanted"), [
    ("label y: two = {sig: log(pt / 1 MeV - 25) > 2, bkg: otherwise}", [-1, -1, 0, 1, 1, 1]),
    ("label y: two = {sig: (if pt > 25 MeV then log(pt / 1 MeV - 25) else 0) > 2, bkg: otherwise}", [0, 0, 0, 1, 1, 1]),
    ("label y: digit = int(sqrt(pt / 1 MeV - 25))", [-1, -1, 2, 3, 5, 5]),
    ("label y: digit = sqrt(pt / 1 MeV - 25) - flav in {0: 0, 1: 100}", [-1] * 6),
])  # fmt: skip
def test_what_is_not_a_number_is_of_no_class(folder: Path, label: str, wanted: list[int]) -> None:
    data = training_set(program(folder, label), [])
    assert data.truth.tolist() == wanted
    nan = [n for n in data.report.not_numbers if n.what == "label"]
    assert [(n.name, n.done, n.events, n.event) for n in nan] == (
        [("y", "not labelled", 2, 0)] if wanted[0] < 0 else []
    )
