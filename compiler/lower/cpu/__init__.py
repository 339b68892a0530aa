# SPDX-License-Identifier: Apache-2.0
"""Lowering to CPU machine code: scheduled TIR of our own, compiled by TVM and LLVM.

Pipeline: ``prepare`` (rewrites) -> ``plan`` (what is computed where, in which loop, at which address)
-> ``codegen`` (instructions, by the small emitters) -> ``export`` (a shared library).

The library has two functions. ``hepq_layout`` says what the other needs (``runtime/engine/layout.py``). Calls of
``hepq_main`` on disjoint event ranges may run at the same time.
Its arguments, in order (``CpuCode.arguments`` names them):

=====================  =============================================================================
begin, end             int64: the range of events
offsets:DIM            int64[B + 1] for each ragged dim: rows of event b are offsets[b] .. offsets[b + 1]
input:NAME             float32 or, of whole numbers, int64, flat, for each input: [rows or B, static dims]
weights                float32: ``CpuCode.packed``
scratch                float32, ``scratch_floats`` long, one for each thread
iscratch, lscratch     int32 and int64, ``iscratch_ints`` and ``lscratch_ints`` long, likewise
output:NAME            as inputs, for each output, laid out as inputs are: [rows or B, static dims]; of a second
                       ragged dim there are as many places as its bound, and no more are written than it has
=====================  =============================================================================

Every buffer starts at a multiple of 64 bytes. bool and index are passed as float32.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hepq.compiler.ir.node import Module
from hepq.compiler.targets.cpu import CpuTarget
from hepq.runtime.imports import UNUSED_BY_TVM, without

with without(*UNUSED_BY_TVM):
    import tvm  # noqa: F401

from hepq.compiler.lower.cpu.prepare import LoweringError

__all__ = ["CpuCode", "LoweringError", "build_tir", "lower"]


@dataclass(frozen=True)
class CpuCode:
    """Compiled code and what it needs to run.

    ``features``: instruction sets (as in /proc/cpuinfo) without which it must not be called.
    """

    library: bytes
    packed: np.ndarray[Any, Any]
    scratch_floats: int
    iscratch_ints: int
    lscratch_ints: int
    arguments: tuple[str, ...]
    mcpu: str
    features: tuple[str, ...]
    tir: str


def lower(module: Module, weights: Mapping[str, np.ndarray[Any, Any]], target: CpuTarget) -> CpuCode:
    """Compiles ``module`` with the given weights. Takes seconds: TVM is imported here.

    Raises LoweringError for what the calling convention cannot express, ValueError for a missing or
    misshapen weight.
    """
    from hepq.compiler.lower.cpu.codegen import generate
    from hepq.compiler.lower.cpu.export import as_module, shared_library

    made = generate(module, weights, target.lanes)
    return CpuCode(
        library=shared_library(made.functions, target),
        packed=made.packed,
        scratch_floats=made.plan.scratch_floats,
        iscratch_ints=made.plan.iscratch_ints,
        lscratch_ints=made.plan.lscratch_ints,
        arguments=made.arguments,
        mcpu=target.mcpu,
        features=target.features,
        tir=as_module(made.functions).script(),
    )


def build_tir(module: Module, weights: Mapping[str, np.ndarray[Any, Any]], target: CpuTarget) -> Any:
    """The TVM module before compilation: what ``--emit tir`` prints."""
    from hepq.compiler.lower.cpu.codegen import generate
    from hepq.compiler.lower.cpu.export import as_module

    return as_module(generate(module, weights, target.lanes).functions)
