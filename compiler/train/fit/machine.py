# SPDX-License-Identifier: Apache-2.0
"""What a training computes on: a device, as many threads as a step keeps busy, and the processes of a `torchrun`.

Threads are estimated from the program and its events alone: what is measured differs from run to run, and the number of
threads decides the last digits of sums.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor

from hepq.compiler.ir.node import Module, Node
from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.core.ops.table import OPS, QUANTUM
from hepq.core.types import Dim
from hepq.runtime.engine.threads import available

#: of one core of a server: multiply-adds a second in products; seconds that memory takes for a number elsewhere
PRODUCTS, NUMBER = 25e9, 1e-9
#: seconds of a forward pass on one core that make another thread worth waiting for, in some hundred operations
ENOUGH = 0.015


@dataclass(frozen=True)
class Group:
    """``rank`` of ``size`` processes; gradients are added up, so that the result is that of one process."""

    rank: int = 0
    size: int = 1

    @property
    def main(self) -> bool:
        """Whether this process writes files and reports."""
        return self.rank == 0

    def share(self, pick: NDArray[np.int64]) -> NDArray[np.int64]:
        """This process's events of a batch."""
        return pick[self.rank :: self.size]

    def add(self, tensors: Iterable[Tensor]) -> None:
        """Each tensor becomes its sum over all processes."""
        if self.size > 1:
            for tensor in tensors:
                dist.all_reduce(tensor)

    def average(self, tensors: Iterable[Tensor]) -> None:
        if self.size > 1:
            for tensor in tensors:
                if tensor.is_floating_point():
                    dist.all_reduce(tensor)
                    tensor /= self.size


@contextmanager
def joined() -> Iterator[Group]:
    """The group that `torchrun` made this process part of, or one process alone."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Group()
        return
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield Group(dist.get_rank(), size)
    finally:
        dist.destroy_process_group()


def device(name: str | None) -> torch.device:
    """Torch's device of that name; by default a GPU if there is one. Raises HepqError HQ0772 if there is none."""
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(name)
        torch.ones(1, device=found).cpu()
    except (RuntimeError, AssertionError, NotImplementedError, ImportError) as error:
        there = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise HepqError([diag("HQ0772", name=name, reason=reason, help=f"here are: {', '.join(there)}")]) from error
    return found


def threads_for(module: Module, events: int, entries: Mapping[str, float]) -> int:
    """Of those available, for batches of ``events`` events with ``entries`` entries of each ragged dim on average."""
    return max(1, min(available(), int(seconds(module, events, entries) / ENOUGH)))


def seconds(module: Module, events: int, entries: Mapping[str, float]) -> float:
    """Of a forward pass on one core, about."""
    return events * sum(_cost(node, entries) for node in module.walk())


def _cost(node: Node, entries: Mapping[str, float]) -> float:
    if not node.operands or node.op == "rename":
        return 0.0
    made = _size(node.type.dims, entries)
    if node.op == "contract":
        return made * _size(node["over"], entries) / PRODUCTS
    if node.op in QUANTUM:
        circuits = [node[side] for side in OPS[node.op].circuits]
        runs = _size(node.operands[0].type.dims[:-1], entries)
        gates: float = sum(len(c.ops) * 2**c.qubits for c in circuits)
        return runs * gates * NUMBER
    if node.op == "knn":
        return made * _size((node["over"], node["coord"]), entries) / _size((node["nbr"],), entries) * NUMBER
    return made * NUMBER


def _size(dims: tuple[Dim, ...], entries: Mapping[str, float]) -> float:
    """Of a dim that the event makes, at most."""
    return prod(float(d.size) if d.size is not None else entries.get(d.base.name, d.bound or 1.0) for d in dims)
