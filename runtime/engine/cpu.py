# SPDX-License-Identifier: Apache-2.0
"""Runs an artifact's compiled function over batches: re-entrant, thread-safe, one scratch buffer per running call.

The function's arguments, in order: begin, end (int64: the events to do); for each ragged dim its offsets
int64 [events + 1]; for each input its content, float32 or, of whole numbers, int64; the packed weights; scratch
float32, int32 and int64; for each output its content, likewise. Everything is flat and 64-byte aligned, and calls on
disjoint ranges of events with different scratch may run at once.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.core.errors import ArtifactError
from hepq.runtime.artifact.artifact import Artifact
from hepq.runtime.artifact.manifest import Output
from hepq.runtime.engine import instructions, layout
from hepq.runtime.engine.outputs import without_places
from hepq.runtime.engine.threads import available
from hepq.runtime.events.batch import Batch, aligned, aligned_copy, part
from hepq.runtime.files import Scratch
from hepq.runtime.imports import tvm_ffi

ENTRY = "hepq_main"

#: bytes of the buffers of results over pairs
MOST_OF_PAIRS = 1 << 28


class Engine:
    """One loaded artifact; ``outputs``: what its code gives, if not the model's outputs.

    Raises ArtifactError HQ0826 or HQ0827 if its code cannot run here, HQ0890 if it is not what the manifest says.
    """

    def __init__(
        self, artifact: Artifact, threads: int | None = None, outputs: tuple[Output, ...] | None = None
    ) -> None:
        self.manifest = artifact.manifest
        self.outputs = artifact.manifest.outputs if outputs is None else outputs
        self.threads = max(1, threads or available())
        self.code = code = artifact.code
        instructions.check(artifact.library, code.mcpu, code.features, artifact.path.name)
        wanted = layout.of_manifest(
            self.manifest,
            self.outputs,
            artifact.packed.size,
            code.scratch_floats,
            code.iscratch_ints,
            code.lscratch_ints,
        )  # fmt: skip
        self._function = _load(artifact, wanted)
        self._weights = _tensor(aligned_copy(artifact.packed, np.float32))
        self._scratch: deque[list[Any]] = deque()
        self._pool: ThreadPoolExecutor | None = None
        self._pid = 0

    def run(self, batch: Batch) -> dict[str, NDArray[Any]]:
        """Output name -> numbers [events, kept rows or their pairs, static dims]. Holds no lock while computing."""
        ends = self._ends(batch)
        if len(ends) < 2:
            return self._run(batch)
        found = [self._run(part(self.manifest, batch, lo, hi)) for lo, hi in zip((0, *ends), ends, strict=False)]
        return {o.name: np.concatenate([f[o.name] for f in found]) for o in self.outputs}

    def _ends(self, batch: Batch) -> list[int]:
        """The events before which to stop, so that places of pairs take no more than ``MOST_OF_PAIRS`` at once; or
        one event does.
        """
        size = np.zeros(batch.events, np.int64)
        for o in self.outputs:
            dim = self.manifest.ragged_dim(o.dims)
            if dim is not None and self.manifest.inner_dim(o.dims) is not None:
                size += np.diff(batch.offsets[dim.name]) * (self.manifest.width(o.dims) * np.dtype(o.kind).itemsize)
        ends: list[int] = []
        total = np.r_[0, np.cumsum(size)]
        while total[-1] and (not ends or ends[-1] < batch.events):
            first = ends[-1] if ends else 0
            fits = int(np.searchsorted(total, total[first] + MOST_OF_PAIRS, side="right")) - 1
            ends.append(max(first + 1, fits))
        return ends

    def _run(self, batch: Batch) -> dict[str, NDArray[Any]]:
        outputs = {o.name: self._allocate(o, batch) for o in self.outputs}
        if batch.events == 0:
            return without_places(self.manifest, self.outputs, batch, outputs)
        inputs: list[NDArray[Any]] = [batch.offsets[d.name] for d in self.manifest.offset_dims]
        inputs += [batch.contents[v.name] for v in self.manifest.inputs]
        before = [*map(_tensor, inputs), self._weights]
        after = [_tensor(o.reshape(-1)) for o in outputs.values()]

        def work(begin: int, end: int) -> None:
            scratch = self._take()
            try:
                self._function(begin, end, *before, *scratch, *after)
            finally:
                self._scratch.append(scratch)

        try:
            self._spread(work, batch.events)
        except (TypeError, ValueError) as error:
            title = f"the compiled code of {self.manifest.name} refused its arguments"
            raise ArtifactError("HQ0828", title, str(error), "this is a fault in hepq: please report it") from error
        return without_places(self.manifest, self.outputs, batch, outputs)

    def _spread(self, work: Any, events: int) -> None:
        if self.threads == 1 or events == 1:
            work(0, events)
            return
        if self._pool is None or self._pid != os.getpid():  # threads do not survive a fork
            self._pool, self._pid = ThreadPoolExecutor(self.threads, "hepq"), os.getpid()
        step = max(1, -(-events // (8 * self.threads)))
        starts = range(0, events, step)
        for _ in self._pool.map(work, starts, (min(s + step, events) for s in starts)):
            pass

    def _take(self) -> list[Any]:
        try:
            return self._scratch.pop()
        except IndexError:
            code = self.code
            sizes = (
                (code.scratch_floats, np.float32), (code.iscratch_ints, np.int32), (code.lscratch_ints, np.int64),
            )  # fmt: skip
            return [_tensor(aligned(max(size, 1), kind)) for size, kind in sizes]

    def _allocate(self, output: Output, batch: Batch) -> NDArray[Any]:
        dim = self.manifest.ragged_dim(output.dims)
        rows = int(batch.offsets[dim.name][-1]) if dim else batch.events
        shape = (rows, *self.manifest.room(output.dims))
        return aligned(int(np.prod(shape)), output.kind).reshape(shape)


def _tensor(array: NDArray[Any]) -> Any:
    return tvm_ffi().from_dlpack(array)


def _load(artifact: Artifact, wanted: layout.Layout) -> Any:
    """The function, loaded through a private file that is gone when this returns, if it takes what is ``wanted``."""
    if b"TVMBackend" in artifact.library:
        _provide_runtime(artifact)
    with Scratch("hepq-code") as folder:
        path = folder / "code.so"
        path.write_bytes(artifact.library)
        try:
            module = tvm_ffi().load_module(str(path))
            function = module.get_function(ENTRY)
        except Exception as error:
            title = f"the code in {artifact.path} cannot be loaded"
            raise ArtifactError("HQ0827", title, str(error).strip().splitlines()[-1]) from error
    _check(artifact.path.name, module, wanted)
    function.release_gil = True
    return function


def _check(artifact: str, module: Any, wanted: layout.Layout) -> None:
    declared = aligned(len(wanted.numbers), np.int64)
    try:
        declare = module.get_function(layout.FUNCTION)
    except Exception as error:
        raise layout.unfit(artifact, "it does not say what it needs: an earlier hepq made it") from error
    try:
        declare(_tensor(declared))
    except (TypeError, ValueError, RuntimeError) as error:  # an array of another length
        raise layout.unfit(artifact, "it has other inputs or outputs than the manifest") from error
    layout.refuse(artifact, declared.tolist(), wanted)


def _provide_runtime(artifact: Artifact) -> None:
    """Load TVM's runtime library (not TVM) for code that calls it."""
    spec = importlib.util.find_spec("tvm")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        library = Path(folder, "lib", "libtvm_runtime.so")
        if library.is_file():
            ctypes.CDLL(str(library), ctypes.RTLD_GLOBAL)
            return
    help = "pip install apache-tvm"
    raise ArtifactError("HQ0827", f"the code in {artifact.path} needs TVM's runtime library", "it is not here", help)
