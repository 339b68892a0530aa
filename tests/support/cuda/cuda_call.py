# SPDX-License-Identifier: Apache-2.0
"""Calls what the CUDA lowering makes, by the launcher on the fake driver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

import numpy as np

from hepq.compiler.ir.node import Module
from hepq.compiler.lower.cpu.layout import passed_as
from hepq.compiler.lower.cuda import CudaCode, lower
from hepq.core.types import Dim
from hepq.runtime.engine.cuda import driver
from hepq.runtime.engine.cuda.launcher import Launcher
from tests.support.cuda.shim import Fake, cubin, library

Array = np.ndarray[Any, Any]


def fake_gpu() -> Any:
    """Inside, the driver is the fake one."""
    stack = ExitStack()
    stack.enter_context(patch.object(driver, "LIBRARY", str(library())))
    return stack


class Loaded:
    """``module`` as GPU code, loaded. ``memory``: bytes that a chunk may take."""

    def __init__(
        self, module: Module, weights: Mapping[str, Array], memory: int | None = None, code: CudaCode | None = None,
        image: bytes | None = None,
    ) -> None:  # fmt: skip
        self.module = module
        self.code = lower(module, weights) if code is None else code
        self.image = cubin(self.code.source) if image is None else image
        with fake_gpu():
            self.driver = driver.Driver()
            loaded = self.driver.module(self.image)
            self.launcher = Launcher(self.driver, loaded, self.code.table, self.code.packed, memory)

    def __call__(self, events: Sequence[Mapping[str, Any]], schedule: int = 0) -> dict[str, list[Array]]:
        """Outputs per event, as ``interpret.run`` gives them."""
        Fake().set("schedule", schedule)
        sizes: dict[str, list[int]] = {}
        for node in self.module.inputs:
            for axis, dim in enumerate(node.type.dims):
                if dim.ragged:
                    sizes[dim.name] = [np.shape(e[node["name"]])[axis] for e in events]
        starts = {name: np.r_[0, np.cumsum(n, dtype=np.int64)] for name, n in sizes.items()}
        contents = {
            n["name"]: np.concatenate([np.asarray(e[n["name"]], passed_as(n)).ravel() for e in events])
            for n in self.module.inputs
        }
        made = self.launcher.run(len(events), starts, contents)
        return {name: self._events(made[name], node.type.dims, sizes, len(events))
                for name, node in self.module.outputs.items()}  # fmt: skip

    @staticmethod
    def _events(flat: Array, dims: Sequence[Dim], sizes: Mapping[str, list[int]], events: int) -> list[Array]:
        """A second ragged dim has places up to its bound in each row."""
        found, start = [], 0
        places = [d.size if d.size is not None else d.bound or 0 for d in dims]
        for b in range(events):
            true = [d.size if d.size is not None else sizes[d.name][b] for d in dims]
            room = [*true[:1], *places[1:]]
            value = flat[start : start + int(np.prod(room))].reshape(room)
            start += value.size
            found.append(value[tuple(slice(n) for n in true)])
        assert start == flat.size
        return found
