# SPDX-License-Identifier: Apache-2.0
"""Scoring in chunks: the same scores, metrics and report for any chunks and workers; killed, it goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

from hepq.core.errors import DataError
from hepq.runtime.artifact.artifact import Artifact
from hepq.runtime.artifact.manifest import Policy
from hepq.runtime.chunks.run import ChunksFailed, Progress
from hepq.runtime.events.report import Default, NotANumber, Report
from hepq.runtime.executors import Dask, Processes, Serial
from hepq.runtime.model import Model
from hepq.runtime.predict import Summary, predict
from hepq.runtime.scoring import Accounts, Piece, Scored, packed, unpacked
from tests.runtime.conftest import make_events
from tests.runtime.test_predict import read, refused
from tests.support import tiny_artifact

Write = Callable[..., Path]
KEEP = ["part_px", "run", "label_A"]


class Counting(Serial):
    """Remembers what it was asked for; ends after ``most`` jobs as if by Ctrl-C."""

    def __init__(self, most: int = 10**9) -> None:
        self.most, self.tasks = most, list[Any]()

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        if len(self.tasks) == self.most:
            raise KeyboardInterrupt
        self.tasks += args
        return super().submit(function, *args)


@pytest.fixture(scope="module")
def dropping(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Particles that are no numbers are dropped."""
    data = tiny_artifact.dataset(policy=Policy(nan="drop"))
    return Model(Artifact.open(tiny_artifact.make(tmp_path_factory.mktemp("dropping") / "tiny.hepqx", data)))


@pytest.fixture
def files(root_file: Write, tmp_path: Path) -> list[Path]:
    """One has a particle that is no number, one no event, one no class."""
    odd = make_events(70, seed=3)
    odd["part_e"] = ak.where(odd.part_px > 1, np.nan, odd.part_e)
    odd["label_A"] = odd["label_B"] = np.zeros(70, "i4")
    made = (make_events(60, seed=1), make_events(0, seed=2), odd, make_events(45, seed=4))
    return [root_file(events, f"in{i}.root") for i, events in enumerate(made)]


def scored(model: Model, files: Any, out: Path, **options: Any) -> tuple[Summary, dict[str, Any]]:
    done = predict(model, files, out, keep=KEEP, **options)
    return done, {name: ak.to_list(column) for name, column in read(out).items()}


def same(found: tuple[Summary, dict[str, Any]], wanted: tuple[Summary, dict[str, Any]]) -> None:
    assert str(found[1]) == str(wanted[1])  # NaN as well
    assert found[0].report == wanted[0].report
    assert (found[0].files, found[0].columns) == (wanted[0].files, wanted[0].columns)


@pytest.mark.parametrize("ending", [".root", ".parquet"])
@pytest.mark.parametrize("step", [1, 7, 10**6, "2 kB"])
def test_any_chunks(dropping: Model, files: list[Path], tmp_path: Path, step: int | str, ending: str) -> None:
    whole = scored(dropping, files, tmp_path / f"whole{ending}")
    assert whole[0].report.entries["part"].dropped > 0
    assert whole[0].report.metrics[0].events > 0
    same(scored(dropping, files, tmp_path / f"again{ending}", step=step), whole)


def test_processes_and_a_cluster(dropping: Model, files: list[Path], tmp_path: Path) -> None:
    from distributed import LocalCluster

    whole = scored(dropping, files, tmp_path / "whole.root")
    workers = Processes(2)
    try:
        same(scored(dropping, files, tmp_path / "two.root", step=10, executor=workers), whole)
    finally:
        workers.close()
    kind: Any = LocalCluster
    with kind(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as cluster:
        executor = Dask(cluster.scheduler_address)
        same(scored(dropping, files, tmp_path / "dask.root", step=30, executor=executor), whole)
        executor.close()


def test_killed_it_goes_on(dropping: Model, files: list[Path], tmp_path: Path) -> None:
    whole = scored(dropping, files, tmp_path / "whole.root")
    store, computed = tmp_path / "store", []
    for most in (1, 0, 4):
        stopped = Counting(most)
        with pytest.raises(KeyboardInterrupt):
            scored(dropping, files, tmp_path / "out.root", step=20, executor=stopped, store=store)
        computed += stopped.tasks
        assert not (tmp_path / "out.root").exists()
    last, told = Counting(), list[Progress]()
    found = scored(dropping, files, tmp_path / "out.root", step=33, executor=last, store=store, progress=told.append)
    same(found, whole)
    computed += last.tasks
    entries = [(t.file.opened.path, i) for t in computed for i in range(t.first, t.end)]
    assert len(entries) == len(set(entries)) == 175
    assert found[0].found == told[0].done == 100
    assert told[-1].done == told[-1].events == 175
    assert told[-1].bytes > told[0].bytes > 0
    none = Counting()
    same(scored(dropping, files, tmp_path / "again.root", executor=none, store=store), whole)
    assert not none.tasks


def test_a_store_is_of_what_is_asked(dropping: Model, files: list[Path], root_file: Write, tmp_path: Path) -> None:
    """Other branches to keep, another file under the same name: nothing stale is taken."""
    store = tmp_path / "store"
    scored(dropping, files, tmp_path / "a.root", store=store)
    fewer = predict(dropping, files, tmp_path / "b.root", keep=["run"], store=store)
    assert fewer.found == 0
    assert set(read(tmp_path / "b.root")) == {"tot_A", "tot_B", "z", "scale", "run"}
    root_file(make_events(50, seed=9), "in0.root")
    found = scored(dropping, files, tmp_path / "c.root", store=store)
    assert found[0].found == 70 + 45
    assert found[0].notes == (f"{files[0]} is not the file that it was: it is scored again",)
    same(found, scored(dropping, files, tmp_path / "d.root"))


def test_all_that_fails_is_listed(model: Model, root_file: Write, tmp_path: Path) -> None:
    files = []
    for i in range(3):
        events = make_events(60, seed=i)
        events["jet_x"] = np.where(np.arange(60) == (41 if i != 1 else -1), np.nan, events.jet_x)
        files.append(root_file(events, f"in{i}.root"))
    error = refused(model, files, tmp_path / "out.root", step=20)
    assert isinstance(error, ChunksFailed)
    assert [(f.path, f.error.code) for f in error.failed] == [(str(files[0]), "HQ0808"), (str(files[2]), "HQ0808")]
    assert "2 of 9 chunks failed" in error.title
    assert "event 41" in error.why
    first, again = Counting(), Counting()
    for counting in (first, again):
        with pytest.raises(ChunksFailed):
            predict(model, files, tmp_path / "out.root", step=20, executor=counting, store=tmp_path / "store")
    assert (len(first.tasks), len(again.tasks)) == (9, 2)


def test_labels_are_of_no_use_from_an_odd_one_on(model: Model, root_file: Write, tmp_path: Path) -> None:
    odd = make_events(60)
    odd["label_A"] = ak.where(np.arange(60) == 31, ak.from_iter([[0, 1]] * 60), ak.from_iter([[0]] * 60))
    files = [root_file(make_events(50), "a.root"), root_file(odd, "b.root"), root_file(make_events(40), "c.root")]
    reports = [predict(model, files, tmp_path / "o.root", step=step).report for step in (7, 10**6)]
    assert reports[0] == reports[1]
    assert reports[0].labels is None
    assert reports[0].metrics[0].lacking


def test_what_was_compiled_anew_stays_here(tiny: Path, files: list[Path], tmp_path: Path) -> None:
    model, workers = Model(replace(Artifact.open(tiny), rebuilt=True)), Processes(2)
    try:
        with pytest.raises(DataError, match="compiled anew") as refused:
            predict(model, files, tmp_path / "out.root", executor=workers)
    finally:
        workers.close()
    assert refused.value.code == "HQ0862"


def test_accounts_and_rows_survive_being_written() -> None:
    bad = NotANumber("branch", "x", "dropped", 3, 2, "a.root", 7)
    odd = {"x": Default(float("nan"), 3, 1, "a.root"), "y": Default(float("inf"), 3, 1, "a.root")}
    account = Scored(Report(5, not_numbers=(bad,), defaults=odd), Report(5), "why")
    assert str(Accounts().read(account.to_bytes())) == str(account)
    lists = ak.Array([[[1.5, 2.5]], [], [[3.5, 4.5], [5.5, 6.5]]])
    columns = {"a.b": np.arange(6, dtype="u8").reshape(3, 2), "a": ak.to_regular(lists, axis=2), "c": lists[:, :0]}
    piece = Piece(columns, {"label 0": np.array([True, False])})
    data = packed([piece, Piece({}, {})])
    found, nothing = unpacked(data)
    assert nothing == Piece({}, {})
    assert {n: c.to_list() for n, c in found.columns.items()} == {n: ak.to_list(c) for n, c in columns.items()}
    assert str(found.columns["a.b"].type) == "3 * 2 * uint64"
    assert found.compared["label 0"].tolist() == [True, False]
    with pytest.raises(ValueError, match="checksum"):
        list(unpacked(data[:-1]))
