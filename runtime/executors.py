# SPDX-License-Identifier: Apache-2.0
"""Where independent jobs run: here, in other processes, on a dask cluster. One small protocol for all three."""

from __future__ import annotations

import os
import pickle
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from contextlib import suppress
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from hepq.core.errors import DataError
from hepq.runtime.engine.threads import available

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor

#: seconds between looks for what other processes have finished
POLL = 0.1
#: bytes that are kept for the next job; of an array that is not had from the system
_KEPT, _LARGEST = 256 << 20, 64 << 20
#: of mallopt(3)
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
Item = TypeVar("Item")


class Executor(Protocol):
    """A place to run jobs. A job whose worker dies ends in ``BrokenExecutor``; another may be submitted after it."""

    @property
    def slots(self) -> int:
        """How many jobs keep it busy."""

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        """Begin ``function(*args)``. The same function again costs little, however large: it is pickled once."""

    def close(self) -> None:
        """Give up what has not begun; end the workers."""


def map_unordered(
    executor: Executor,
    function: Callable[[Item], Any],
    items: Iterator[Item | None],
    died: Callable[[Item], Any] | None = None,
) -> Iterator[tuple[Item, Any]]:
    """(item, result) as they are done. Items are taken as slots get free; None means: nothing now, ask again.

    A job whose worker died is done once more, alone: of jobs that were under way together, one may have ended all. If
    one fails (DataError HQ0860 if it died again), no more are begun, those that run are waited for and given, then its
    error is raised. ``died``: what to give of an item that died again instead.
    """
    pending: dict[Future[Any], tuple[Item, bool]] = {}
    suspects: deque[Item] = deque()
    failure: Exception | None = None
    more = True
    while more or pending or suspects:
        idle = False
        slots = executor.slots
        if suspects and not pending:
            suspect = suspects.popleft()
            pending[executor.submit(function, suspect)] = suspect, True
        while more and not idle and not suspects and len(pending) < slots and not any(a for _, a in pending.values()):
            try:
                item = next(items)
            except StopIteration:
                more = False
                break
            except Exception as problem:
                failure, more = problem, False
                break
            if item is None:
                idle = True
            else:
                pending[executor.submit(function, item)] = item, False
        pause = POLL * (0.5 + random.random())  # so that two processes do not stay in step
        if not pending:
            time.sleep(pause if idle else 0)
            continue
        for future in wait(pending, pause if idle else None, FIRST_COMPLETED).done:
            job, again = pending.pop(future)
            error = future.exception()
            if error is None:
                yield job, future.result()
            elif isinstance(error, BrokenExecutor) and not again and failure is None:
                suspects.append(job)
            elif isinstance(error, BrokenExecutor) and again and died is not None:
                yield job, died(job)
            elif failure is None:
                failure, more = _told(error), False
                suspects.clear()
    if failure is not None:
        raise failure


def _told(error: BaseException) -> Exception:
    if isinstance(error, BrokenExecutor):
        help = "was its memory used up? In a script, start the work under `if __name__ == '__main__':`"
        told = DataError("HQ0860", "a worker process died, twice", str(error), help)
        told.__cause__ = error
        return told
    return error if isinstance(error, Exception) else RuntimeError(repr(error))


class Serial:
    """In this process, one after the other."""

    slots = 1

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        _keep_memory()
        future: Future[Any] = Future()
        try:
            future.set_result(function(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    def close(self) -> None:
        pass


class Processes:
    """In ``workers`` processes of this machine (default: one per core this process may use), started afresh.

    They share its cores, or ``threads`` threads, and end when it ends, however it ends.
    """

    def __init__(self, workers: int | None = None, threads: int | None = None) -> None:
        cores = threads or available()
        self.workers = workers or cores
        self._threads = max(1, cores // self.workers)
        self._pool: ProcessPoolExecutor | None = None
        self._packed = _Packed()

    @property
    def slots(self) -> int:
        return 2 * self.workers

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        packed = self._packed.of(function)
        try:
            return self._running().submit(_call, packed, *args)
        except BrokenExecutor:
            self.close()
            return self._running().submit(_call, packed, *args)

    def close(self) -> None:
        if self._pool is not None:
            workers = list((self._pool._processes or {}).values())
            self._pool.shutdown(wait=False, cancel_futures=True)
            for worker in workers:
                worker.terminate()
            self._pool.shutdown()
        self._pool = None

    def _running(self) -> ProcessPoolExecutor:
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        if self._pool is None:
            self._pool = ProcessPoolExecutor(self.workers, get_context("spawn"), _begin, (self._threads,))
        return self._pool


class Dask:
    """On a ``dask.distributed`` cluster: the address of its scheduler, or a ``distributed.Client``.

    Raises DataError HQ0863 if ``distributed`` is not installed or nobody answers.
    """

    def __init__(self, cluster: Any, timeout: float = 10.0) -> None:
        try:
            from distributed import Client
        except ImportError as error:
            raise DataError("HQ0863", "dask is not installed", str(error), "pip install 'hepq[dask]'") from error
        self._ours = not isinstance(cluster, Client)
        try:
            self._client: Any = Client(cluster, timeout=timeout) if self._ours else cluster  # type: ignore[no-untyped-call]
        except (OSError, ValueError) as error:
            help = "`dask scheduler` prints its address, such as tcp://host:8786"
            raise DataError("HQ0863", f"no dask scheduler at {cluster}", str(error), help) from error
        self._packed = _Packed()

    @property
    def slots(self) -> int:
        threads: int = sum(self._client.nthreads().values())
        return 2 * max(1, threads)

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        theirs = self._client.submit(_call, self._packed.of(function), *args, pure=False)
        mine: Future[Any] = Future()
        theirs.add_done_callback(lambda done: _transfer(done, mine))
        return mine

    def close(self) -> None:
        if self._ours:
            self._client.close()


def executor(workers: int | None = None, dask: Any = None, threads: int | None = None) -> Executor:
    """On a dask cluster if one is given, in so many processes if more than one is asked for, else in this one.

    ``threads``: of all processes of this machine together; by default as many as are available.
    """
    if dask is not None:
        return Dask(dask)
    return Processes(workers, threads) if workers is not None and workers > 1 else Serial()


def _transfer(theirs: Any, mine: Future[Any]) -> None:
    from distributed.scheduler import KilledWorker

    try:
        mine.set_result(theirs.result())
    except KilledWorker as error:
        mine.set_exception(BrokenExecutor(str(error)))
    except BaseException as error:
        mine.set_exception(error)


class _Packed:
    """The last function submitted, pickled once."""

    def __init__(self) -> None:
        self._last: tuple[Callable[..., Any], bytes] | None = None

    def of(self, function: Callable[..., Any]) -> bytes:
        if self._last is None or self._last[0] is not function:
            try:
                self._last = function, pickle.dumps(function)
            except DataError:
                raise
            except Exception as error:
                help = "define it in a module, not inside a function or a notebook cell"
                raise DataError("HQ0862", "this cannot be sent to workers", str(error), help) from error
        return self._last[1]


@lru_cache(maxsize=8)
def _unpacked(function: bytes) -> Callable[..., Any]:
    found: Callable[..., Any] = pickle.loads(function)
    return found


def _call(function: bytes, *args: Any) -> Any:
    return _unpacked(function)(*args)


def _begin(threads: int) -> None:
    """In a new worker: its share of the cores, and an eye on the process that started it."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    os.environ.update(dict.fromkeys(_THREADS, str(threads)))
    threadpool_limits(threads)
    _keep_memory()
    threading.Thread(target=_end_with_parent, daemon=True).start()


@cache
def _keep_memory() -> None:
    """What a job has freed serves the next one, up to ``_KEPT``: arrays of a chunk lie where those of the last one did,
    and pages need not be had, and cleared, again. Of the C library of GNU alone."""
    import ctypes

    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        for option, size in ((_TRIM_THRESHOLD, _KEPT), (_MMAP_THRESHOLD, _LARGEST)):
            mallopt(option, size)


def _end_with_parent() -> None:
    from multiprocessing import parent_process

    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
