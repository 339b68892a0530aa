# SPDX-License-Identifier: Apache-2.0
"""The account of what became of events: counts by hand, in one object that prints and is written."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import awkward as ak
import numpy as np
import pytest

from hepq.runtime.artifact.manifest import Branch, Dataset, Dim, EventSchema, Label, Policy, Value
from hepq.runtime.events import report
from hepq.runtime.events.batch import prepare
from hepq.runtime.events.columns import collect
from hepq.runtime.events.report import Entries, Labels, Metrics, NotANumber, Report
from hepq.runtime.predict import Summary
from hepq.runtime.report import labels


def schema(nan: str = "drop", bound: int = 2) -> EventSchema:
    branches = (Branch(name="x", branch="part_x", dims=("part",)), Branch(name="m", branch="met"))
    label = Label(name="truth", dim="cls", branches=("is_A", "is_B"))
    dims = (Dim(name="part", bound=bound), Dim(name="cls", size=2, entries=("A", "B")))
    data = Dataset(name="D", branches=branches, policy=Policy(nan=nan), label=label)  # type: ignore[arg-type]
    return EventSchema(dims=dims, inputs=(Value(name="x", dims=("part",)), Value(name="m")), dataset=data)


EVENTS = {
    "part_x": ak.Array([[1.0, np.nan, 3.0, 4.0, 5.0], [], [np.inf], [1.0, 2.0, np.nan]]),
    "met": np.array([1.0, 2.0, np.nan, 4.0]),
}


def test_entries_read_dropped_and_cut() -> None:
    found = prepare(schema(), collect(schema(), EVENTS), "f.root", 100).report
    assert found.entries == {"part": Entries(read=9, dropped=3, cut=2, over=1)}
    assert (found.events, found.selected, found.truncated, found.dropped) == (4, 4, 1, 3)
    assert (found.unscored, found.empty) == (2, 2)
    assert found.not_numbers == (
        NotANumber("branch", "part_x", "dropped", 3, 3, "f.root", 100, 1),
        NotANumber("branch", "met", "unscored", 1, 1, "f.root", 102),
    )


def test_zeroed_numbers_are_said_and_nothing_is_dropped() -> None:
    found = prepare(schema("zero"), collect(schema("zero"), EVENTS), "f.root").report
    assert found.entries["part"] == Entries(read=9, dropped=0, cut=4, over=2)
    assert [(n.name, n.done, n.values) for n in found.not_numbers] == [("part_x", "zeroed", 3), ("met", "zeroed", 1)]


def test_batches_add_up() -> None:
    one = prepare(schema(), collect(schema(), EVENTS), "f.root", 0).report
    two = prepare(schema(), collect(schema(), EVENTS), "g.root", 0).report
    both = one + two + Report()
    assert both.entries == {"part": Entries(18, 6, 4, 2)}
    assert (both.events, both.selected, both.unscored, both.empty) == (8, 8, 4, 4)
    assert [(n.name, n.values, n.events, n.place) for n in both.not_numbers] == [
        ("part_x", 6, 6, "event 0 of f.root, entry 1"),
        ("met", 2, 2, "event 2 of f.root"),
    ]


@pytest.mark.case("unlabelled_silent")
def test_no_label_and_several_are_counted() -> None:
    events = {"is_A": [1, 0, 0, 1, 1], "is_B": [0, 1, 0, 1, 0]}
    label = Label(name="truth", dim="cls", branches=("is_A", "is_B"))
    truth, said = labels.truth_of(events, label, schema())
    found = said.labels
    assert found is not None
    assert truth.tolist() == [0, 1, -1, -1, 0]
    assert found == Labels(("is_A", "is_B"), {"A": 2, "B": 1}, none=1, several=1)
    assert list(report.label_words(Report(labels=found + found))) == [
        "2 events of no class by is_A, is_B: in no metric, not trained on",
        "2 events of several classes by is_A, is_B: in no metric, not trained on",
    ]


@pytest.mark.case("labels")
def test_values_that_number_no_class_are_counted() -> None:
    label = Label(name="truth", dim="cls", branches=("flav",))
    truth, said = labels.truth_of({"flav": [0, 1, 4, 5, 5, -1, 0.5]}, label, schema())
    found = said.labels
    assert truth.tolist() == [0, 1, -1, -1, -1, -1, -1]
    assert found == Labels(("flav",), {"A": 1, "B": 1}, 5, 0, {"-1": 1, "0.5": 1, "4": 1, "5": 2})
    (line,) = report.label_words(Report(labels=found))
    assert line.endswith("values: 5 (2), -1 (1), 0.5 (1), 4 (1)")


def test_many_values_are_told_apart_up_to_a_number() -> None:
    found = report.fewer({str(i): i for i in range(1, 101)})
    assert len(found) == report.VALUES + 1
    assert found["100"] == 100
    assert sum(found.values()) == 5050
    assert sum(report.fewer(found | {"7": 7}).values()) == 5057


def test_a_report_is_written_as_json_without_nan(tmp_path: Path) -> None:
    one = Metrics("events with one label", 3, {"auc": {"A": 0.5}, "r2": float("nan"), "rejection50": float("inf")})
    found = Report(5, selected=4, labels=Labels(("y",), {"A": 3}, 1), metrics=(one,), parts={"training": 3})
    report.save(tmp_path / "r.json", found, "predict")
    read = json.loads((tmp_path / "r.json").read_text())
    assert (read["format"], read["command"], read["events"], read["selected"]) == (1, "predict", 5, 4)
    assert read["metrics"][0]["values"] == {"auc": {"A": 0.5}, "r2": None, "rejection50": "infinity"}
    assert read["labels"]["classes"] == {"A": 3}
    assert set(read) == {"format", "command", "hepq", *found.as_json()}
    report.save(tmp_path / "r.json", {"rows": found, "columns": Report(2)}, "kernel")
    assert json.loads((tmp_path / "r.json").read_text())["sets"]["columns"]["events"] == 2
    assert [p.name for p in tmp_path.iterdir()] == ["r.json"]


def test_what_is_printed_says_each_count() -> None:
    found = Report(
        10, truncated=2, dropped=3, unscored=1, empty=1, selected=8, nan_scores=2,
        entries={"part": Entries(50, 3, 7, 2)},
        not_numbers=(NotANumber("input", "x", "scored NaN", 2, 2, "a.root", 4),),
        metrics=(Metrics("events with one label", 5, {}, "w", 4.5, 2, 4),),
    )  # fmt: skip
    assert list(report.words(found)) == [
        "8 of 10 events used",
        "2 events have more part than the bound: 7 of 50 entries were cut",
        "3 of 50 entries of part were dropped for NaN or infinity",
        "1 event without particles",
        "1 event not scored, for NaN or infinity of their own or for want of particles",
        "2 events scored NaN though nothing that was read is NaN or infinite",
        "NaN or infinity in input x: 2 events, scored NaN; first in event 4 of a.root",
        "metrics of 5 events with one label, one in 4, weighted by w, sum 4.5; 2 left out, their score is NaN",
    ]
    assert list(report.words(Report(10, entries={"part": Entries(50)}))) == []


def test_the_rate_counts_every_event_a_second() -> None:
    assert Summary(Path("o"), 1, Report(500), 2.0, ()).rate == 250


def test_reports_of_two_files_add_up_where_only_one_has_a_count() -> None:
    first = Report(events=3, selected=2, truncated=1, entries={"part": Entries(5, 1, 2, 1)}, parts={"train": 2})
    second = Report(events=4, dropped=6, unscored=1, empty=2, nan_scores=3, parts={"validate": 1, "train": 7})
    for both in (first + second, second + first):
        assert both.entries == {"part": Entries(5, 1, 2, 1)}
        assert both.parts == {"train": 9, "validate": 1}
        assert (both.events, both.selected, both.truncated, both.dropped) == (7, 6, 1, 6)
        assert (both.unscored, both.empty, both.nan_scores) == (1, 2, 3)


def test_nothing_is_counted_unless_it_is_said() -> None:
    assert asdict(Labels(("y",), {"A": 1})) == {
        "branches": ("y",), "classes": {"A": 1}, "none": 0, "several": 0, "values": {}, "met": {},
    }  # fmt: skip
    assert asdict(Metrics("all", 3, {})) == {
        "of": "all", "events": 3, "values": {}, "weight": None, "sum_of_weights": 0.0, "not_a_number": 0, "every": 1,
        "lacking": "", "without": "",
    }  # fmt: skip
    assert asdict(Entries(5)) == {"read": 5, "dropped": 0, "cut": 0, "over": 0}
    assert all(not value for value in asdict(Report()).values()), asdict(Report())


def test_entries_that_a_model_is_applied_to_are_no_events() -> None:
    labels = Labels(("flav",), {"b": 3, "light": 4}, 2, 1, met={"b": 3, "c": 0})
    found = Report(4, selected=3, left_out={"some": 1}, each="Jet", rows=10, rows_used=5, labels=labels, nan_scores=1)
    assert list(report.words(found)) == [
        "3 of 4 events used",
        "5 of 10 Jet used",
        "1 event left out by select some",
        "1 of the Jet scored NaN though nothing that was read is NaN or infinite",
        "2 of the Jet of no class by flav: in no metric, not trained on",
        "1 of the Jet of several classes by flav: in no metric, not trained on",
        "no Jet meets the label's rule of c",
    ]
    both = found + Report(2, each="Jet", rows=6)
    assert (both.rows, both.rows_used, both.what, Report(2).what) == (16, 11, "Jet", "events")
