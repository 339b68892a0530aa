# SPDX-License-Identifier: Apache-2.0
"""Runs of our tests in children forked after the libraries are imported, and before anything of ours is."""

from __future__ import annotations

import importlib
import json
import os
import resource
import select
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIBRARIES = (
    "awkward lark matplotlib.pyplot networkx numpy onnx onnxruntime pyarrow.parquet pydantic pytket qiskit "
    "qiskit.qasm2 qiskit.qasm3 qiskit_aer rich safetensors.torch scipy.optimize sklearn.metrics torch tvm typer uproot"
).split()
#: bytes that a child may hold: a fault may make a loop collect without end
MEMORY = 6 << 30

Job = Callable[[], Any]


def import_libraries() -> None:
    """Those that are here; with one thread each, since threads do not survive a fork.

    What is compiled from now on is kept, whatever the environment says: each child imports the same files again.
    """
    sys.dont_write_bytecode, sys.pycache_prefix = False, str(ROOT / "build/mutants/bytecode")
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TVM_NUM_THREADS"):
        os.environ[variable] = "1"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in LIBRARIES:
            try:
                importlib.import_module(name)
            except ImportError:
                continue
    ours = [name for name in sys.modules if name.split(".")[0] in ("hepq", "tests")]
    assert not ours, f"imported before the fork: {ours}"


def plant(path: Path, code: CodeType) -> None:
    """From now on, what is imported from ``path`` is ``code``."""
    original = SourceFileLoader.get_code

    def get_code(self: SourceFileLoader, fullname: str) -> CodeType | None:
        return code if Path(self.path).resolve() == path else original(self, fullname)

    SourceFileLoader.get_code = get_code  # type: ignore[method-assign, assignment]


def run_pytest(files: Sequence[str], plugins: Sequence[object], *options: str) -> int:
    """In a child: our tests in these files, as they are configured."""
    os.chdir(ROOT)
    args = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--color=no", f"--rootdir={ROOT}", *options, *files]
    return int(pytest.main(args, plugins=list(plugins)))


@dataclass(frozen=True)
class Ended:
    """``value``: what the job returned; None if it did not. ``why`` it did not: "hang" or how it died."""

    value: Any
    why: str
    seconds: float
    said: str


class _Child:
    def __init__(self, job: Job, timeout: float, log: Path) -> None:
        self.log, self.start, self.deadline = log, time.monotonic(), time.monotonic() + timeout
        self.pipe, theirs = os.pipe()
        self.text = b""
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.pipe)
            self._be_the_child(job, theirs)
        os.close(theirs)

    def _be_the_child(self, job: Job, pipe: int) -> None:
        try:
            os.setsid()
            log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            for descriptor in (1, 2):
                os.dup2(log, descriptor)
            resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            value = json.dumps(job()).encode()
            while value:
                value = value[os.write(pipe, value) :]
            os._exit(0)
        except BaseException as problem:
            os.write(2, repr(problem).encode())
            os._exit(70)

    def read(self) -> bool:
        """Is it over?"""
        piece = os.read(self.pipe, 1 << 20)
        self.text += piece
        return not piece

    def end(self) -> Ended:
        late = time.monotonic() >= self.deadline
        with suppress(ProcessLookupError):  # and whatever it started
            os.killpg(self.pid, signal.SIGKILL)
        status = os.waitpid(self.pid, 0)[1]
        os.close(self.pipe)
        said = self.log.read_text(errors="replace")
        seconds = time.monotonic() - self.start
        try:
            return Ended(json.loads(self.text), "", seconds, said)
        except ValueError:
            return Ended(None, "hang" if late else f"died with status {status}", seconds, said)


def run_all(jobs: Sequence[tuple[Job, float]], workers: int, folder: Path) -> Iterator[tuple[int, Ended]]:
    """Jobs, each with the seconds it may take, in children, ``workers`` at once; yields (place, how it ended)."""
    waiting, running = list(range(len(jobs)))[::-1], dict[int, tuple[int, _Child]]()
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                place = waiting.pop()
                child = _Child(*jobs[place], folder / f"child-{os.getpid()}-{place % workers}-{place}.log")
                running[child.pipe] = (place, child)
            patience = max(0.0, min(c.deadline for _, c in running.values()) - time.monotonic())
            ready, _, _ = select.select(list(running), [], [], patience)
            late = [pipe for pipe, (_, c) in running.items() if time.monotonic() >= c.deadline]
            for pipe in {*ready, *late}:
                place, child = running[pipe]
                if pipe in late or child.read():
                    del running[pipe]
                    yield place, child.end()
                    child.log.unlink(missing_ok=True)
    finally:
        for _, child in running.values():
            child.end()
