# SPDX-License-Identifier: Apache-2.0
"""Executors: the same matrix from all; dead workers, kernels that cannot be sent, clusters that are not there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Future
from pathlib import Path
from threading import Timer
from typing import Any

import numpy as np
import pytest

from hepq.core.errors import DataError
from hepq.runtime.executors import Dask, Executor, Processes, Serial, map_unordered
from hepq.runtime.quantum.kernel.gram import gram
from hepq.runtime.quantum.kernel.store import Store
from tests.runtime.quantum.kernel.kernels import Fatal, Noisy, Rbf

X = np.random.default_rng(0).normal(size=(12, 3))


@pytest.fixture(scope="module")
def processes() -> Iterator[Processes]:
    executor = Processes(1)
    yield executor
    executor.close()


@pytest.fixture(scope="module")
def dask() -> Iterator[Dask]:
    from distributed import Client, LocalCluster

    with (
        LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None, host="tcp://127.0.0.1"
        ) as cluster,
        Client(cluster) as client,  # type: ignore[no-untyped-call]
    ):
        yield Dask(client)


def agrees(executor: Executor, folder: Path) -> None:
    for kernel in (Rbf(folder / "log"), Noisy()):
        made = gram(kernel, X, tile=3, store=folder / "tiles", executor=executor)
        np.testing.assert_array_equal(made, gram(kernel, X, tile=3))
        np.testing.assert_array_equal(gram(kernel, X, tile=3, executor=executor), made)
    with Store(folder / "tiles") as store:
        assert len(list(store.headers())) == 20
        assert store.working() == 0


def test_processes(processes: Processes, tmp_path: Path) -> None:
    agrees(processes, tmp_path)


def test_dask(dask: Dask, tmp_path: Path) -> None:
    agrees(dask, tmp_path)
    by_address = Dask(dask._client.scheduler.address)
    agrees(by_address, tmp_path)
    by_address.close()


def test_a_worker_that_dies_once_is_replaced(tmp_path: Path) -> None:
    executor = Processes(1)
    made = gram(Fatal(mark=tmp_path / "mark"), X, tile=6, executor=executor, store=tmp_path / "tiles")
    executor.close()
    np.testing.assert_array_equal(made, gram(Rbf(), X, tile=6))


def test_a_worker_that_always_dies_is_an_error(tmp_path: Path) -> None:
    executor = Processes(1)
    with pytest.raises(DataError) as refused:
        gram(Fatal(), X[:2], executor=executor, store=tmp_path / "tiles")
    executor.close()
    assert refused.value.code == "HQ0860"
    with Store(tmp_path / "tiles") as store:
        assert store.working() == 0


def test_what_cannot_be_pickled_is_an_error(processes: Processes, dask: Dask) -> None:
    class Local(Rbf):
        pass

    for executor in (processes, dask):
        with pytest.raises(DataError) as refused:
            gram(Local(), X, executor=executor)
        assert refused.value.code == "HQ0862"


def test_no_cluster() -> None:
    for address in ("tcp://127.0.0.1:1", "nonsense:::"):
        with pytest.raises(DataError) as refused:
            Dask(address, timeout=0.5)
        assert refused.value.code == "HQ0863"


def test_an_error_waits_for_what_runs() -> None:
    """What was measured meanwhile is given, and can be stored, before the error is raised."""

    class Two(Serial):
        slots = 2

    def work(item: int) -> int:
        if item == 0:
            raise DataError("HQ0857", "no")
        return item

    given = map_unordered(Two(), work, iter([0, 1, 2, 3]))
    assert next(given) == (1, 1)
    with pytest.raises(DataError, match="HQ0857"):
        next(given)

    def source() -> Iterator[int]:
        yield 1
        raise DataError("HQ0859", "full")

    given = map_unordered(Two(), work, source())
    assert next(given) == (1, 1)
    with pytest.raises(DataError, match="HQ0859"):
        next(given)


def test_none_means_ask_again() -> None:
    assert sorted(map_unordered(Serial(), abs, iter([None, -1, None, None, 2]))) == [(-1, 1), (2, 2)]


JOB = """
import os, sys
from pathlib import Path
import numpy as np
from hepq.runtime.executors import Processes
from hepq.runtime.quantum.kernel.gram import gram
from tests.runtime.quantum.kernel.kernels import Rbf
if __name__ == "__main__":
    executor = Processes(2)
    executor.submit(os.getpid).result()
    print(*executor._pool._processes, flush=True)
    gram(Rbf(pause=60), np.zeros((4, 1)), tile=1, store=sys.argv[1], executor=executor)
"""


def test_workers_end_with_the_process_that_started_them(tmp_path: Path, root: Path) -> None:
    (tmp_path / "job.py").write_text(JOB)
    env = os.environ | {"PYTHONPATH": str(root)}
    command = [sys.executable, str(tmp_path / "job.py"), str(tmp_path / "tiles")]
    with subprocess.Popen(command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        workers = [int(pid) for pid in child.stdout.readline().split()]
        assert workers
        child.send_signal(signal.SIGKILL)
    end = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in workers) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)


def test_processes_divide_the_cores() -> None:
    executor = Processes(len(os.sched_getaffinity(0)))
    assert executor.submit(os.getenv, "OMP_NUM_THREADS").result() == "1"
    executor.close()


def test_after_an_error_no_work_is_begun_again() -> None:
    """Whose worker died is tried again, unless all is lost anyway."""
    begun: list[int] = []

    class Late(Serial):
        slots = 2

        def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
            begun.append(args[0])
            future: Future[Any] = Future()
            error = DataError("HQ0857", "no") if args[0] == 0 else BrokenExecutor("died")
            Timer(0.05 * args[0], future.set_exception, [error]).start()
            return future

    with pytest.raises(DataError, match="HQ0857"):
        list(map_unordered(Late(), abs, iter([0, 1])))
    assert begun == [0, 1]
    begun.clear()
    with pytest.raises(DataError, match="HQ0860"):
        list(map_unordered(Late(), abs, iter([1])))
    assert begun == [1, 1]
