# SPDX-License-Identifier: Apache-2.0
"""Runs of an analysis: the same bits by any chunks, workers and interruptions; bad files are told, never dropped."""

from __future__ import annotations

import math
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

from hepq.compiler.backends.analysis import compiled
from hepq.core.errors import DataError
from hepq.runtime.analysis import engine
from hepq.runtime.analysis.engine import Options, Run, run
from hepq.runtime.analysis.program import Compiled
from hepq.runtime.analysis.results import Result
from hepq.runtime.analysis.sums import Counts, Sums, merged
from hepq.runtime.analysis.tasks import Compute
from hepq.runtime.chunks.files import Task
from hepq.runtime.chunks.run import ChunksFailed, Progress
from hepq.runtime.executors import Dask, Processes, Serial
from tests.runtime.analysis.hand_made import (
    LUMI,
    XSEC,
    Event,
    analysis,
    events,
    expected,
    modules,
    same,
    selected,
    write,
)

FILES = {"run": (60, 90), "top": (100, 0, 170), "wjets": (130,)}
Events = Mapping[str, list[list[Event]]]


@pytest.fixture(scope="module")
def found() -> Events:
    return {name: [events(n, 10 * i + j) for j, n in enumerate(of)] for i, (name, of) in enumerate(FILES.items())}


@pytest.fixture(scope="module")
def folder(found: Events, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("events")
    for name, of in found.items():
        for i, some in enumerate(of):
            write(folder / f"{name}_{i}.root", some)
    return folder


@pytest.fixture(scope="module")
def made() -> Compiled:
    files = {
        "run": [Path("run_*.root")],
        "top": [Path("top_0.root"), Path("top_[12].root")],
        "wjets": [Path("wjets_0.root")],
    }
    return compiled(analysis(files), modules(), program="here/hand_made.hepq")


def check(done: Run, found: Events) -> None:
    for name, of in found.items():
        everything = [e for some in of for e in some]
        read = done.result.read[name]
        same(read.sums, expected(everything, "data" if name == "run" else "mc", name) if everything else Sums())
        assert read.events == len(everything)
        if name != "run":
            assert read.sumw == math.fsum(x for some in of for x in (sum(e.gen for e in some), 0.125))


def test_by_default(made: Compiled, found: Events, folder: Path, tmp_path: Path) -> None:
    told: list[Progress] = []
    done = run(made, Options(folder=folder), progress=told.append)
    check(done, found)
    assert (told[0].done, told[-1].done, told[-1].events) == (0, 550, 550)
    assert told[0].bytes == 0
    assert told[-1].bytes > 550 * 20
    assert not done.failed
    assert not done.notes
    about = done.result.provenance
    assert [f.path for f in about.files][:3] == ["run_0.root", "run_1.root", "top_0.root"]
    assert [f.events for f in about.files] == [60, 90, 100, 0, 170, 130]
    assert all(f.uuid and f.size == (folder / f.path).stat().st_size for f in about.files)
    assert (about.program, about.missing) == ("hand_made.hepq", ())
    top = done.result.cells("met", "top")
    scale = LUMI * XSEC / (done.result.read["top"].sumw or 0)
    sums, _, entries = done.result.read["top"].sums.dense("met", 22)
    np.testing.assert_allclose(top.values, sums * scale, rtol=1e-15)
    assert entries.sum() == 270
    done.result.save(tmp_path / "a.hepqr")
    assert bits(Result.load(tmp_path / "a.hepqr")) == bits(done.result)


def bits(result: Result) -> dict[str, bytes]:
    return {name: one.sums.to_bytes() for name, one in result.read.items()}


@pytest.mark.parametrize("chunk", [7, 64, 10_000])
def test_by_chunks(made: Compiled, found: Events, folder: Path, chunk: int) -> None:
    check(run(made, Options(folder=folder, chunk=chunk)), found)


def test_skims(made: Compiled, found: Events, folder: Path, tmp_path: Path) -> None:
    for chunk, ending in ((None, ".root"), (23, ".parquet")):
        done = run(made, Options(folder=folder, chunk=chunk, skims=tmp_path, skim_format=ending))
        assert done.skims == (tmp_path / f"good{ending}",)
    everything = [e for some in found["top"] for e in some]
    import pyarrow.parquet as pq

    table = pq.read_table(tmp_path / "good.parquet").to_pylist()
    for variation in ("nominal", "scale_up"):
        made_of = zip(everything, selected(everything, variation), strict=True)
        wanted = [(e.met, good) for e, (state, good) in made_of if state == 0]
        with uproot.open(tmp_path / "good.root") as file:
            tree = file[f"top/{variation}"].arrays()
        assert list(zip(tree.met.to_list(), tree.pt.to_list(), strict=True)) == wanted
        rows = [r for r in table if (r["source"], r["variation"]) == ("top", variation)]
        assert [(r["met"], r["pt"]) for r in rows] == wanted


class Counting:
    """Serial; notes what is computed; stops after ``most`` chunks."""

    slots = 1

    def __init__(self, most: int = 10**9) -> None:
        self.most, self.tasks = most, list[Task[Any]]()

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        if isinstance(function, Compute):
            if len(self.tasks) == self.most:
                raise KeyboardInterrupt
            self.tasks.append(args[0])
        return Serial().submit(function, *args)

    def close(self) -> None:
        pass


def entries(tasks: list[Task[Any]]) -> list[tuple[str, str, int]]:
    return [(t.file.source, t.file.opened.path, i) for t in tasks for i in range(t.first, t.end)]


def test_goes_on_where_it_was(made: Compiled, found: Events, folder: Path, tmp_path: Path) -> None:
    """Also with chunks of another size; a run that was complete computes nothing."""
    computed: list[tuple[str, str, int]] = []
    for chunk, most in ((30, 3), (17, 5), (None, 1)):
        stopped = Counting(most)
        with pytest.raises(KeyboardInterrupt):
            run(made, Options(folder=folder, store=tmp_path / "chunks", chunk=chunk), stopped)
        computed += entries(stopped.tasks)
    last = Counting()
    check(run(made, Options(folder=folder, store=tmp_path / "chunks", chunk=40), last), found)
    computed += entries(last.tasks)
    assert len(computed) == len(set(computed)) == 550
    nothing, told = Counting(), list[Progress]()
    check(run(made, Options(folder=folder, store=tmp_path / "chunks"), nothing, told.append), found)
    assert not nothing.tasks
    assert (told[0].done, told[0].found) == (550, 550)
    assert len(list((tmp_path / "chunks" / "accounts").iterdir())) == 5
    again = Counting()
    run(made, Options(folder=folder, store=tmp_path / "chunks", fresh=True), again)
    assert len(entries(again.tasks)) == 550


def test_only_what_changed_is_computed(made: Compiled, found: Events, folder: Path, tmp_path: Path) -> None:
    for path in folder.iterdir():
        shutil.copy2(path, tmp_path)
    options = Options(folder=tmp_path, store=tmp_path / "chunks")
    run(made, options)
    other = events(80, 99)
    write(tmp_path / "wjets_0.root", other)
    write(tmp_path / "run_2.root", events(33, 98))
    count = Counting()
    done = run(made, options, count)
    assert {t.file.opened.path for t in count.tasks} == {str(tmp_path / "wjets_0.root"), str(tmp_path / "run_2.root")}
    assert done.notes == (f"{tmp_path / 'wjets_0.root'} is not the file that it was: its chunks are computed again",)
    check(done, {**found, "wjets": [other], "run": [*found["run"], events(33, 98)]})
    assert run(made, options, Counting()).notes == ()


def test_a_damaged_chunk_is_computed_again(made: Compiled, found: Events, folder: Path, tmp_path: Path) -> None:
    options = Options(folder=folder, store=tmp_path)
    run(made, options)
    place = max((tmp_path / "accounts").iterdir(), key=lambda p: p.stat().st_size)
    place.write_bytes(place.read_bytes()[:-1])
    done = run(made, options)
    check(done, found)
    assert done.notes == (f"1 chunks of {tmp_path} were damaged, and computed again",)


def spoiled(folder: Path, tmp_path: Path, found: Events) -> None:
    for path in folder.iterdir():
        shutil.copy2(path, tmp_path)
    (tmp_path / "run_1.root").write_bytes((folder / "run_1.root").read_bytes()[:3000])
    some = list(found["top"][2])
    some[160] = Event(**{**vars(some[160]), "met": -5.0})
    write(tmp_path / "top_2.root", some)


def test_what_fails_is_told(made: Compiled, found: Events, folder: Path, tmp_path: Path) -> None:
    """All else is computed, and not again."""
    spoiled(folder, tmp_path, found)
    options, first, again = Options(folder=tmp_path, store=tmp_path / "chunks", chunk=50), Counting(), Counting()
    with pytest.raises(ChunksFailed) as failed:
        run(made, options, first)
    assert failed.value.code == "HQ0950"
    assert [(f.source, Path(f.path).name, f.error.code) for f in failed.value.failed] == [
        ("run", "run_1.root", "HQ0803"), ("top", "top_2.root", "HQ0951"),
    ]  # fmt: skip
    assert "event 160 of" in str(failed.value)
    assert "truncated" in str(failed.value)
    with pytest.raises(ChunksFailed):
        run(made, options, again)
    assert [(Path(t.file.opened.path).name, t.first) for t in again.tasks] == [("top_2.root", 150)]
    assert len(first.tasks) == 2 + 2 + 4 + 3


def test_bad_files_are_left_out_if_asked(made: Compiled, found: Events, folder: Path, tmp_path: Path) -> None:
    """Whole ones, so that sums of weights are those of the events."""
    spoiled(folder, tmp_path, found)
    done = run(made, Options(folder=tmp_path, chunk=50, skip_bad=True))
    check(done, {**found, "run": found["run"][:1], "top": found["top"][:2]})
    assert len(done.failed) == len(done.result.provenance.missing) == 2
    assert "not complete: run: " in repr(done.result)


def test_names_of_files(made: Compiled, folder: Path) -> None:
    for files, code in ((("absent_*.root",), "HQ0801"), (("top_0.root", "top_*.root"), "HQ0955")):
        with pytest.raises(DataError) as refused:
            run(made.with_files({"top": files}), Options(folder=folder))
        assert refused.value.code == code


def test_other_formats(made: Compiled, found: Events, folder: Path, tmp_path: Path) -> None:
    """Parquet files, which have no UUID; of a file and its friend, a change of either is noticed."""
    (some,) = found["wjets"]
    branches = ["run", "luminosityBlock", "event", "MET_pt", "genWeight", "Jet_pt", "Jet_eta"]
    with uproot.open(folder / "wjets_0.root") as file:
        arrays = file["Events"].arrays(branches)
    ak.to_parquet(arrays, tmp_path / "w.parquet", extensionarray=False)
    ak.to_parquet(arrays[branches[:4]], tmp_path / "a.parquet", extensionarray=False)
    ak.to_parquet(arrays[branches[4:]], tmp_path / "b.parquet", extensionarray=False)
    described = made.analysis
    for name in ("w.parquet", "a.parquet + b.parquet"):
        source = described.sources[2].model_copy(update={"files": (name,), "tree": None, "sumw": None})
        one = replace(made, analysis=described.model_copy(update={"sources": (source,)}))
        options, count = Options(folder=tmp_path, store=tmp_path / "chunks", chunk=20), Counting()
        with pytest.raises(DataError, match="sum of weights"):
            run(one, options, count)
        assert entries(count.tasks) == [("wjets", str(tmp_path / name.split(" + ")[0]), i) for i in range(130)]
        programs = {k: p.model_copy(update={"histograms": {}, "flows": {}}) for k, p in described.programs.items()}
        unweighted = replace(one, analysis=one.analysis.model_copy(update={"programs": programs}))
        nothing = Counting()
        same(run(unweighted, options, nothing).result.read["wjets"].sums, expected(some, "mc", "wjets"))
        assert not nothing.tasks
    os.utime(tmp_path / "b.parquet", ns=(0, 0))
    run(unweighted, options, nothing)
    assert len(nothing.tasks) == 1


def test_copies_are_told(made: Compiled, found: Events, folder: Path, tmp_path: Path) -> None:
    for name in ("wjets_0.root", "wjets_1.root"):
        shutil.copy2(folder / "wjets_0.root", tmp_path / name)
    (source,) = made.with_files({"wjets": ("wjets_*.root",)}).analysis.sources[2:]
    one = replace(made, analysis=made.analysis.model_copy(update={"sources": (source,)}))
    done = run(one, Options(folder=tmp_path, chunk=50))
    first, second = (tmp_path / f"wjets_{i}.root" for i in range(2))
    assert done.notes == (f"{second} has the UUID of {first}: do its events count twice?",)
    same(done.result.read["wjets"].sums, expected(2 * found["wjets"][0], "mc", "wjets"))


def test_calls_outside_of_corrections_are_counted(made: Compiled, folder: Path) -> None:
    """Here every event is one."""
    programs = {**made.analysis.programs}
    programs["mc"] = programs["mc"].model_copy(update={"outside": {"sf": ("states",)}})
    done = run(replace(made, analysis=made.analysis.model_copy(update={"programs": programs})), Options(folder=folder))
    assert done.notes == (
        "270 calls of correction sf are outside of its bins, in top",
        "130 calls of correction sf are outside of its bins, in wjets",
    )


@pytest.fixture(scope="module")
def processes() -> Iterator[Processes]:
    executor = Processes(2)
    yield executor
    executor.close()


def test_processes(made: Compiled, found: Events, folder: Path, processes: Processes) -> None:
    check(run(made, Options(folder=folder, chunk=37), processes), found)


def die(work: Any, item: Any) -> Any:
    """In a worker: kills it once, or each time."""
    mark, path, always = work
    task = item
    if isinstance(task, Task) and task.file.opened.path.endswith(path) and (always or not os.path.exists(mark)):
        Path(mark).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return None


class Deadly:
    """Computes, in a worker that dies of one file: ``always``, or once."""

    def __init__(self, compute: Any, mark: Path, path: str, always: bool) -> None:
        self.compute, self.work = compute, (str(mark), path, always)

    def __call__(self, item: Any) -> Any:
        die(self.work, item)
        return self.compute(item)


class DeadlyProcesses(Processes):
    def __init__(self, mark: Path, path: str, always: bool) -> None:
        super().__init__(2)
        self.about, self.kept = (mark, path, always), dict[int, Deadly]()

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        deadly = self.kept.setdefault(id(function), Deadly(function, *self.about))
        return super().submit(deadly, *args)


@pytest.mark.parametrize("always", [False, True])
def test_workers_that_die(made: Compiled, found: Events, folder: Path, tmp_path: Path, always: bool) -> None:
    """Of what was under way with it, nothing else fails."""
    executor = DeadlyProcesses(tmp_path / "mark", "top_2.root", always)
    try:
        done = run(made, Options(folder=folder, chunk=100, skip_bad=True), executor)
    finally:
        executor.close()
    if always:
        check(done, {**found, "top": found["top"][:2]})
        assert {(f.source, f.error.code) for f in done.failed} == {("top", "HQ0860")}
    else:
        check(done, found)


def test_dask(made: Compiled, found: Events, folder: Path) -> None:
    """A worker is killed in the middle."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="tcp://127.0.0.1"
        ) as cluster,
        Client(cluster) as client,  # type: ignore[no-untyped-call]
    ):
        killed: list[int] = []

        def kill(progress: Progress) -> None:
            if progress.chunks == 3 and not killed:
                pid = next(iter(client.run(os.getpid).values()))
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)

        executor = Dask(cluster.scheduler_address)
        check(run(made, Options(folder=folder, chunk=20), executor, kill), found)
        executor.close()
    assert killed


def test_sums_are_added_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[int] = []
    parts = [Sums({"n": Counts.of([i % 5])}) for i in range(37)]

    def one_by_one() -> Iterator[Sums]:
        for part in parts:
            held.append(1)
            yield part

    same(engine.added(one_by_one()), merged(parts))
    assert len(held) == 37
    assert engine.added([]) == Sums()
