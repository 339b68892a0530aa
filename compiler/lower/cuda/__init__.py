# SPDX-License-Identifier: Apache-2.0
"""Lowering to CUDA C: kernels over packed rows of a batch, written as TIR by the CPU's rules, printed by TVM.

Pipeline: the CPU's ``prepare`` and plan (what is computed where it is used, and what has memory) -> ``kernels`` (one
for each value in memory, and for each output) -> ``memory`` (which values share it) -> ``source`` (CUDA C).

A ragged value lies as rows of all events one after another, whose starts ``offsets`` give; one over two ragged dims
likewise, whose rows are products of the events' sizes. Dims whose entries the program chooses have places up to their
bound. A thread computes one entry, or an event where entries hang on each other, and adds in the order of entries: no
atomics, so a result does not depend on what else is in the batch. The compiler must not contract multiplications and
additions (``--fmad=false``): where that is wanted, ``fmaf`` says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hepq.compiler.ir.node import Module
from hepq.compiler.lower.cpu import LoweringError
from hepq.runtime.engine.cuda.table import Table

__all__ = ["CudaCode", "LoweringError", "lower"]


@dataclass(frozen=True)
class CudaCode:
    """``source``: CUDA C of all kernels, which needs no header. ``packed``: float32, the weights."""

    source: str
    table: Table
    packed: np.ndarray[Any, Any]


def lower(module: Module, weights: Mapping[str, np.ndarray[Any, Any]]) -> CudaCode:
    """Kernels for ``module`` with the given weights, and how to launch them. TVM is imported here.

    Raises LoweringError for what the calling convention cannot express, ValueError for a missing or misshapen weight.
    """
    from hepq.compiler.lower.cuda.codegen import generate
    from hepq.compiler.lower.cuda.source import cuda_source, with_digest

    made = generate(module, weights)
    source, arguments = cuda_source(made.functions)
    table = made.table(arguments)
    return CudaCode(with_digest(source, table.digest), table, made.packed)
