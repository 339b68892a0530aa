# SPDX-License-Identifier: Apache-2.0
"""Lowering of event programs to machine code: what is said of objects before any model.

Everything is float64, int64 or bool. One function loops over the events of a chunk and does all of an event in scratch
memory that stays in cache. Pipeline: ``prepare`` (refusals, picks inwards) -> ``dims`` (which made dims have rows) ->
``plan`` (what is kept, in which loops; ``guards``: in which events) -> ``codegen``, whose parts are ``tasks`` (loops),
``rules`` and ``values`` (expressions), ``scratch`` (memory), ``inputs`` (columns). ``runtime/engine/event_code.py`` has
the calling convention.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hepq.compiler.ir.node import Module
from hepq.compiler.lower.cpu import LoweringError
from hepq.compiler.targets.cpu import CpuTarget
from hepq.runtime.engine.event_code import FUNCTION, LAYOUT, SCRATCH, EventDescription

__all__ = ["EventCode", "LoweringError", "build_tir", "lower"]


@dataclass(frozen=True)
class EventCode:
    """``features``: instruction sets (as in /proc/cpuinfo) without which the library must not be called."""

    library: bytes
    description: EventDescription
    mcpu: str
    features: tuple[str, ...]


def lower(module: Module, target: CpuTarget) -> EventCode:
    """Compiles ``module``. Takes seconds: TVM is imported here.

    Raises LoweringError for operations of models, and for inputs, outputs and dims that it does not know.
    """
    from hepq.compiler.lower.cpu.export import shared_library
    from hepq.compiler.lower.events.codegen import generate

    made = generate(module, target.lanes // 2)
    library = shared_library(made.functions, target, (FUNCTION, SCRATCH, LAYOUT))
    return EventCode(library, made.description, target.mcpu, target.features)


def build_tir(module: Module, target: CpuTarget) -> Any:
    """The TVM module before compilation."""
    from hepq.compiler.lower.cpu.export import as_module
    from hepq.compiler.lower.events.codegen import generate

    return as_module(generate(module, target.lanes // 2).functions)
