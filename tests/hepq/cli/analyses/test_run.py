# SPDX-License-Identifier: Apache-2.0
"""`hepqc run` and `hepq.run`: from a program and files to a folder of results."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import uproot
from typer.testing import CliRunner, Result

import hepq
from hepq.cli import app
from hepq.core.errors import DataError
from hepq.runtime.analysis import results
from tests.runtime.analysis.hand_made import Event, events, write

PROGRAM = """from std.nanoaod import Jet, MET

analysis Small {
  source run = data("data/run_*.root", tree="Events")
  source top = mc(["data/top_a.root", "data/top_b.root"], tree="Events", xsec=3 pb)

  weight norm = 100 pb^-1 * source.xsec / source.events
  object good = Jet where Jet.pt > 30 GeV and abs(Jet.eta) < 2.4
  vary scale { up { Jet.pt = 1.1 * Jet.pt } }

  region sr {
    cut two = count(good) >= 2
    hist met = MET.pt in bins(10, 0 GeV, 100 GeV)
    save kept = met=MET.pt
  }
}
"""
FILES = {"run_1": 120, "run_2": 40, "top_a": 150, "top_b": 90}
EVENTS = {name: events(n, i) for i, (name, n) in enumerate(FILES.items())}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program is in one folder, the work in another."""
    data, work = tmp_path / "programs/data", tmp_path / "work"
    data.mkdir(parents=True)
    work.mkdir()
    for name, found in EVENTS.items():
        write(data / f"{name}.root", found)
    (data.parent / "small.hepq").write_text(PROGRAM)
    monkeypatch.chdir(work)
    return data


def hepqc(*arguments: str, status: int = 0) -> Result:
    done = CliRunner().invoke(app, ["run", "../programs/small.hepq", *arguments])
    assert done.exit_code == status, done.output
    return done


def passed(found: list[Event], scale: float = 1.0) -> list[Event]:
    return [
        e for e in found
        if sum(x * scale > 30 and abs(eta) < 2.4 for x, eta in zip(e.pt, e.eta, strict=True)) >= 2
    ]  # fmt: skip


TOP = EVENTS["top_a"] + EVENTS["top_b"]
RUN = EVENTS["run_1"] + EVENTS["run_2"]


def test_results_in_a_folder() -> None:
    done = hepqc("--report", "report.json")
    assert sorted(os.listdir("Small")) == ["Small.hepqr", "Small.root", "chunks", "sr.kept.root"]
    result = results.Result.load("Small/Small.hepqr")
    assert result.cells("sr.met", "run").entries.sum() == len(passed(RUN))
    scale = 300 / len(TOP)
    for variation, factor in (("nominal", 1.0), ("scale_up", 1.1)):
        values = result.cells("sr.met", "top", variation).values
        assert values.sum() == pytest.approx(scale * len(passed(TOP, factor)))
    flow = result.cut_flow("sr", "run")
    assert flow is not None
    assert [row.passed.events for row in flow.rows] == [len(RUN), len(passed(RUN))]
    with uproot.open("Small/Small.root") as file:
        values = file["sr_met/top/nominal"].values(flow=True)
        assert values.sum() == pytest.approx(scale * len(passed(TOP)))
    with uproot.open("Small/sr.kept.root") as file:
        assert file["run/nominal"]["met"].array().to_list() == [e.met for e in passed(RUN)]
    for words in ("cut flow of sr", "two", "400 events of 4 files", "Small/sr.kept.root", "sr.met"):
        assert words in done.stdout
    said = json.loads(Path("report.json").read_text())
    assert (said["complete"], said["events"], said["failed"]) == (True, 400, [])
    assert [f["path"] for f in said["provenance"]["files"]] == [f"data/{name}.root" for name in FILES]


def test_python_gives_the_same(folder: Path) -> None:
    hepqc("-q")
    program = folder.parent / "small.hepq"
    made = hepq.run(program)
    assert made["sr.met"] == results.Result.load("Small/Small.hepqr")["sr.met"]
    assert made.read["top"].events == len(TOP)
    again = hepq.run(program, out="again", chunk_size=33, sources={"top": folder / "top_a.root"})
    assert again.read["top"].events == len(EVENTS["top_a"])
    assert results.Result.load("again/Small.hepqr").provenance == again.provenance
    with pytest.raises(DataError, match="no source tpo"):
        hepq.run(program, sources={"tpo": "x.root"})
    with pytest.raises(DataError, match="HQ0889"):
        hepq.run(program, chunk_size=0)


def test_nothing_is_computed_twice() -> None:
    assert "computed before" not in hepqc().stdout
    assert "400 events of 4 files" in (again := hepqc()).stdout
    assert "400 of them were computed before" in again.stdout
    assert "computed before" not in hepqc("--fresh").stdout


def test_workers_give_the_same_bits() -> None:
    hepqc("-q")
    hepqc("-q", "-o", "other", "--workers", "2", "--chunk-size", "60")
    assert Path("other/Small.hepqr").read_bytes() == Path("Small/Small.hepqr").read_bytes()


def test_without_n_minus_one() -> None:
    assert "without it" in hepqc().stdout
    done = hepqc("--no-n-minus-one")
    assert "without it" not in done.stdout
    assert "computed before" not in done.stdout
    flow = results.Result.load("Small/Small.hepqr").cut_flow("sr", "run")
    assert flow is not None
    assert [(row.passed.events, row.without) for row in flow.rows] == [(len(RUN), None), (len(passed(RUN)), None)]


def test_other_files_of_a_source(folder: Path) -> None:
    """They are named from here."""
    done = hepqc("--source", "top=../programs/data/top_a.root", "--source", "run=../programs/data/run_*.root", "-q")
    assert not done.stdout
    assert results.Result.load("Small/Small.hepqr").read["top"].events == len(EVENTS["top_a"])
    hepqc("--source", "top", status=2)
    assert "no source tpo" in hepqc("--source", "tpo=x.root", status=1).stderr


def test_what_fails_is_listed(folder: Path) -> None:
    (folder / "run_2.root").write_bytes((folder / "run_2.root").read_bytes()[:2500])
    done = hepqc("--report", "report.json", status=1)
    assert "error[HQ0950]: 1 of 4 chunks failed" in done.stderr
    assert "HQ0803" in done.stderr
    assert sorted(os.listdir("Small")) == ["chunks"]
    (failed,) = json.loads(Path("report.json").read_text())["failed"]
    assert failed["code"] == "HQ0803"
    done = hepqc("--skip-bad-files")
    assert "left out: " in done.stderr
    assert "not complete" in done.stdout
    (missing,) = results.Result.load("Small/Small.hepqr").provenance.missing
    assert "run_2.root" in missing


def test_a_program_of_several_analyses(folder: Path) -> None:
    program = folder.parent / "small.hepq"
    program.write_text(PROGRAM + PROGRAM.partition("\n\n")[2].replace("Small", "Other"))
    words = "".join(hepqc(status=1).output.split())
    assert all(said in words for said in ("HQ0935", "several", "Small,Other"))
    hepqc("Other", "-o", "out")
    assert results.Result.load("out/Other.hepqr").analysis.name == "Other"
    words = "".join(hepqc("Othr", status=1).output.split())
    assert all(said in words for said in ("HQ0935", "noanalysis`Othr`", "Other"))


def test_wrong_usage() -> None:
    hepqc("--workers", "2", "--scheduler", "tcp://127.0.0.1:1", status=2)
    hepqc("--chunk-size", "0", status=2)
    assert "HQ0708" in hepqc("--target", "cpu:abacus", status=1).stderr
    assert "HQ0817" in hepqc("-o", "../programs/small.hepq", status=1).stderr
    assert "HQ0863" in hepqc("--scheduler", "nonsense", status=1).stderr
