# SPDX-License-Identifier: Apache-2.0
"""Calls what the TVM lowering makes, the way an engine does: aligned buffers, a range of events."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tvm_ffi

from hepq.compiler.ir.node import Module
from hepq.compiler.lower.cpu import CpuCode, lower
from hepq.compiler.lower.cpu.layout import passed_as
from hepq.compiler.targets import cpu
from hepq.core.types import Dim

Array = np.ndarray[Any, Any]


def aligned(values: Any, dtype: str = "float32") -> Array:
    """A flat copy that starts at a multiple of 64 bytes and is never empty."""
    flat = np.asarray(values, dtype).ravel()
    raw = np.full(flat.nbytes + 128, 0x7F, np.uint8)
    start = -raw.ctypes.data % 64
    out = raw[start : start + max(flat.nbytes, 64)].view(dtype)
    out[: flat.size] = flat
    return out


def runnable(target: str) -> bool:
    """Does code for this target run on this machine?"""
    name = target.partition(":")[2]
    return cpu.KNOWN[name][0] == cpu.machine() and cpu.host_features().issuperset(cpu.KNOWN[name][2])


class Compiled:
    """``module`` as machine code, loaded."""

    def __init__(self, module: Module, weights: Mapping[str, Array], target: str = "cpu") -> None:
        self.module = module
        self.code: CpuCode = lower(module, weights, cpu.parse(target))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "code.so"
            path.write_bytes(self.code.library)
            self.function = tvm_ffi.load_module(str(path))["hepq_main"]
        self.packed = aligned(self.code.packed)

    def __call__(
        self, events: Sequence[Mapping[str, Any]], ranges: Sequence[tuple[int, int]] | None = None
    ) -> dict[str, list[Array]]:
        """Outputs per event, as ``interpret.run`` gives them. ``ranges``: the calls to split the events into."""
        sizes = self._sizes(events)
        offsets = {name: np.concatenate([[0], np.cumsum(n)]) for name, n in sizes.items()}
        inputs = [self._pack(events, n["name"], passed_as(n)) for n in self.module.inputs]
        shapes = {name: [self._shape(n.type.dims, sizes, b) for b in range(len(events))] for name, n in self._outputs()}
        lengths = {name: sum(int(np.prod(s)) for s in each) for name, each in shapes.items()}
        # unwritten entries must show
        kinds = {name: passed_as(n) for name, n in self._outputs()}
        unwritten = {"float32": np.nan, "int64": np.iinfo(np.int64).min + 7}
        outputs = {name: aligned(np.full(n + 16, unwritten[kinds[name]]), kinds[name]) for name, n in lengths.items()}
        offset_buffers = [aligned(offsets[d.name], "int64") for d in self.module.ragged_dims]
        for begin, end in ranges or [(0, len(events))]:
            # junk, so that reading what was never written shows
            scratch = aligned(np.full(self.code.scratch_floats, np.nan))
            iscratch = aligned(np.full(self.code.iscratch_ints, -(2**30)), "int32")
            lscratch = aligned(np.full(self.code.lscratch_ints, -(2**60)), "int64")
            self.function(
                begin, end, *offset_buffers, *inputs, self.packed, scratch, iscratch, lscratch, *outputs.values()
            )  # fmt: skip
        result: dict[str, list[Array]] = {}
        for name, each in shapes.items():
            ends = np.cumsum([int(np.prod(s)) for s in each])
            beyond = outputs[name][lengths[name] :]
            assert np.array_equal(beyond, np.full_like(beyond, unwritten[kinds[name]]), equal_nan=True), "wrote beyond"
            flat = outputs[name][: lengths[name]]
            result[name] = [v.reshape(s) for v, s in zip(np.split(flat, ends[:-1]), each, strict=True)]
        return result

    def _outputs(self) -> list[tuple[str, Any]]:
        return list(self.module.outputs.items())

    def _sizes(self, events: Sequence[Mapping[str, Any]]) -> dict[str, list[int]]:
        sizes: dict[str, list[int]] = {}
        for node in self.module.inputs:
            for axis, dim in enumerate(node.type.dims):
                if dim.ragged:
                    sizes[dim.name] = [np.shape(e[node["name"]])[axis] for e in events]
        return sizes

    @staticmethod
    def _pack(events: Sequence[Mapping[str, Any]], name: str, dtype: str) -> Array:
        return aligned(np.concatenate([np.asarray(e[name], dtype).ravel() for e in events]), dtype)

    @staticmethod
    def _shape(dims: Sequence[Dim], sizes: Mapping[str, list[int]], event: int) -> tuple[int, ...]:
        return tuple(d.size if d.size is not None else sizes[d.name][event] for d in dims)
