# SPDX-License-Identifier: Apache-2.0
"""`--report` of every command that reads events: the same fields, whole, and what is printed says no less."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from typer.testing import CliRunner, Result

from hepq.cli import app
from hepq.runtime.events.report import Report

EVENTS = 60
PROGRAM = """
from std.nn import Dense
from std.quantum import svm, ZZMap, fidelity_kernel

dim part <= 4
dim obs = 2
dim cls = [A, B]

dataset D {
  source d = root("events.root")
  branch pt: GeV[part]
  branch met: GeV
  branch w: real
  policy nan = drop
  logs = log(pt / 1 GeV)
  input x = stack(mean(logs, over=part), met / 10 GeV, dim=obs)
  label truth: cls = "is_*"
}

"""
NET = """model M(x: real[obs]) -> real[cls] = x |> Dense[cls] |> softmax

train T {
  weight = w
  epochs = 1
}
"""
SVM = """model S(x: real[obs]) -> real = svm[kernel=fidelity_kernel[ZZMap]](x)
"""


def hepqc(*args: object) -> Result:
    done = CliRunner().invoke(app, [str(a) for a in args], env={"COLUMNS": "300"})
    assert done.exit_code == 0, done.output
    return done


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Programs, and events: the first has 6 particles, the second a NaN, the third pt < 0; two no class, one two."""
    path = tmp_path_factory.mktemp("reports")
    (path / "net.hepq").write_text(PROGRAM + NET)
    (path / "svm.hepq").write_text(PROGRAM + SVM)
    write(path / "events.root", odd=True)
    write(path / "fine.root", odd=False)
    hepqc("compile", path / "net.hepq", "--init", 1, "--golden", path / "fine.root", "-o", path / "net.hepqx")
    hepqc("compile", path / "svm.hepq", "--golden", path / "fine.root", "-o", path / "svm.hepqx")
    return path


def write(path: Path, odd: bool) -> None:
    rng = np.random.default_rng(0)
    pt = [rng.uniform(1, 9, 3).tolist() for _ in range(EVENTS)]
    y = np.arange(EVENTS) % 2
    one, two = (y == 0).astype(np.int32), y.astype(np.int32)
    if odd:
        pt[0], pt[1], pt[2] = [1.0] * 6, [1.0, float("nan"), 2.0], [-1.0, 1.0]
        one[10:12] = two[10:12] = 0
        one[12] = two[12] = 1
    with uproot.recreate(path) as file:
        kinds = {"met": np.float32, "w": np.float32, "is_A": np.int32, "is_B": np.int32}
        tree = file.mktree("tree", {"pt": "var * float32"} | kinds)
        met = rng.uniform(1, 9, EVENTS).astype(np.float32) + y
        weight, jagged = np.full(EVENTS, 0.5, np.float32), ak.values_astype(ak.Array(pt), np.float32)
        tree.extend({"pt": jagged, "met": met, "w": weight, "is_A": one, "is_B": two})


def read(path: Path, command: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    assert (found["format"], found["command"]) == (1, command)
    for one in found.get("sets", {"": found}).values():
        assert set(Report().as_json()) <= set(one)
    return found


def odd_counts(found: dict[str, Any]) -> None:
    assert found["events"] == EVENTS
    assert found["entries"] == {"part": {"read": 182, "dropped": 2, "cut": 2, "over": 1}}
    assert found["labels"]["none"] == 2
    assert found["labels"]["several"] == 1


@pytest.mark.case("silent_nan")
@pytest.mark.case("unlabelled_silent")
def test_predict(folder: Path) -> None:
    report = folder / "predict.json"
    args = (folder / "net.hepqx", folder / "events.root", "-o", folder / "o.root", "--weight", "w", "--report", report)
    quiet = hepqc("predict", *args, "-q")
    assert quiet.output == ""
    found = read(report, "predict")
    odd_counts(found)
    assert found["nan_scores"] == 0
    bad = {n["name"]: n for n in found["not_numbers"]}
    assert (bad["pt"]["done"], bad["pt"]["event"], bad["pt"]["entry"]) == ("dropped", 1, 1)
    assert (bad["logs"]["what"], bad["logs"]["event"], bad["logs"]["entry"]) == ("variable", 2, 0)
    assert (bad["logs"]["done"], bad["logs"]["events"]) == ("dropped", 1)
    (metrics,) = found["metrics"]
    assert (metrics["events"], metrics["not_a_number"], metrics["weight"]) == (57, 0, "w")
    assert metrics["sum_of_weights"] == 28.5
    said = hepqc("predict", *args).output
    for line in (
        "1 event has more part than the bound: 2 of 182 entries were cut",
        "2 of 182 entries of part were dropped for NaN or infinity",
        "NaN or infinity in variable logs: 1 event, dropped; first in event 2 of",
        "2 events of no class by is_A, is_B",
        "1 event of several classes by is_A, is_B",
        "metrics of 57 events with one label, weighted by w, sum 28.5",
    ):
        assert line in said


def test_train(folder: Path) -> None:
    report = folder / "train.json"
    said = hepqc("train", folder / "net.hepq", folder / "fine.root", "-o", folder / "w.safetensors", "--report", report)
    found = read(report, "train")
    assert found["parts"] == {"training": 48, "validation": 12}
    assert found["metrics"][0]["sum_of_weights"] == 6
    assert "metrics of 12 events held out, weighted by w, sum 6" in said.output


def test_train_says_what_it_replaces(folder: Path) -> None:
    for replaced in (False, True):
        said = hepqc("train", folder / "net.hepq", folder / "fine.root").output
        assert (f"{folder / 'net.safetensors'} is there and will be replaced" in said) == replaced


def test_kernel(folder: Path) -> None:
    report = folder / "kernel.json"
    args = ("--against", folder / "fine.root", "--events", 20, "-o", folder / "k.npz", "--report", report)
    said = hepqc("kernel", folder / "svm.hepqx", folder / "events.root", *args).output
    sets = read(report, "kernel")["sets"]
    rows, columns = sets["rows"], sets["columns"]
    assert (rows["events"], rows["selected"], rows["nan_scores"]) == (60, 20, 0)
    assert rows["parts"] == {"in the matrix": 20, "left out": 0}
    assert (rows["labels"]["none"], rows["labels"]["several"]) == (2, 1)
    assert columns["parts"] == {"in the matrix": 20, "left out": 0}
    assert "rows: 20 of 60 events used" in said
    assert "rows: NaN or infinity in variable logs: 1 event, dropped; first in event 2 of" in said


def test_compare(folder: Path) -> None:
    report = folder / "compare.json"
    args = ("--program", folder / "net.hepq", "--epochs", 1, "--permutations", 20, "--report", report)
    said = hepqc("compare", folder / "fine.root", folder / "fine*.root", *args).output
    assert f"{folder / 'fine.root'} is on both sides: its events are compared with themselves" in said
    sets = read(report, "compare")["sets"]
    assert sets["first"]["parts"] == {"training": 24, "validation": 6, "tested": 30}
    assert sets["second"]["events"] == EVENTS
    assert set(sets["first"]["metrics"][0]["values"]) == {"auc", "accuracy"}


def test_attribute(folder: Path) -> None:
    report = folder / "attribute.json"
    args = ("--repeats", 1, "--events", 50, "--report", report)
    hepqc("attribute", folder / "net.hepqx", folder / "events.root", *args)
    found = read(report, "attribute")
    assert (found["events"], found["selected"]) == (60, 50)
    assert found["labels"]["none"] + found["labels"]["several"] <= 3
    assert found["metrics"][0]["values"]["auc"] is not None


@pytest.mark.parametrize("command", ["predict", "train", "kernel", "compare", "attribute"])
def test_a_report_that_cannot_be_written_is_refused_first(folder: Path, command: str) -> None:
    files = [folder / "net.hepq", "x.root"] if command == "train" else [folder / "net.hepqx", "x.root"]
    more = {"predict": ["-o", folder / "o.root"], "kernel": ["-o", folder / "k.npz"],
            "compare": ["--program", folder / "net.hepq"]}  # fmt: skip
    args = [command, *files, *more.get(command, []), "--report", folder / "report.txt"]
    done = CliRunner().invoke(app, [str(a) for a in args])
    assert done.exit_code == 1
    assert "HQ0817" in done.output
    assert not (folder / "report.txt").exists()


JETS = """
from std.nn import Dense, softmax

collection Jet = "Jet_*" {
  pt: GeV
  flav: int
}

dim feat = 1
dim cls = [light, b]

dataset D {
  source events = parquet("a.parquet")
  branch met: real
  select some = met > 10
  each Jet
  input x = stack(Jet.pt / 20 GeV, dim=feat)
  label truth: cls = { b: Jet.flav == 5, light: Jet.flav == 1 }
}

model M(x: real[feat]) -> real[cls] = x |> Dense[cls] |> softmax
"""


def test_trainings_on_entries_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    counts = rng.poisson(2.1, 120)
    total, met = int(counts.sum()), rng.exponential(40, 120)
    flav = ak.unflatten(rng.choice([0, 1, 5], total, p=[0.2, 0.4, 0.4]), counts)
    pt = ak.unflatten(rng.exponential(30, total), counts)
    ak.to_parquet(ak.Array({"Jet_pt": pt, "Jet_flav": flav, "met": met}), "a.parquet")
    Path("m.hepq").write_text(JETS)
    mine = flav[met > 10]
    kept, none = int(ak.count(mine)), int(ak.sum(mine == 0))
    given = ("train", "m.hepq", "--epochs", "1", "--report", "r.json")
    for options, used in (((), kept - none), (("--events", "60"), 60), (("--events", "60", "--folds", "3"), 60)):
        done = CliRunner().invoke(app, [*given, *options], env={"COLUMNS": "200"})
        assert done.exit_code == 0, done.output
        found = json.loads(Path("r.json").read_text())
        assert (found["events"], found["selected"]) == (120, 120 - found["left_out"]["some"])
        assert (found["each"], found["rows"], sum(found["parts"].values())) == ("Jet", kept, used)
        assert sum(found["labels"]["classes"].values()) + found["labels"]["none"] == kept
        assert found["rows_used"] == (used if options else kept)
        assert (f"  60 of {kept} Jet used" in done.stdout) == bool(options)
        assert f"  {none} of the Jet of no class by " in done.stdout
        assert found["metrics"][-1]["of"].startswith("Jet ")
        told = " events" in done.stdout.replace("events used", "").replace("events left out", "")
        assert not told, done.stdout
