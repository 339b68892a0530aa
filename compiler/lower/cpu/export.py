# SPDX-License-Identifier: Apache-2.0
"""TIR to a shared library, as bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tvm
from tvm import tirx

from hepq.compiler.lower.cpu import stages
from hepq.compiler.lower.cpu.codegen import FUNCTION
from hepq.compiler.targets.cpu import CpuTarget
from hepq.runtime.engine.layout import FUNCTION as LAYOUT
from hepq.runtime.files import Scratch


def tvm_target(target: CpuTarget) -> Any:
    return tvm.target.Target({"kind": "llvm", "mcpu": target.llvm_cpu})


def as_module(functions: Mapping[str, Any]) -> Any:
    return tvm.IRModule(dict(functions))


def shared_library(functions: Mapping[str, Any], target: CpuTarget) -> bytes:
    """Machine code that needs tvm_ffi and the C library, nothing else of TVM.

    Stages are compiled apart from the function that calls them: TVM tells LLVM that different pointers of one function
    never meet, and names them anew in each, which is false of a stage that were inlined. The library's functions call
    each other, whatever another library calls its own: -Bsymbolic.
    """
    called = {name: functions[name] for name in (FUNCTION, LAYOUT)}
    stages_ = {name: function for name, function in functions.items() if name not in called}
    with Scratch("hepq-code") as folder:
        objects = folder / "stages.o"
        _built(stages_, target).write_to_file(str(objects), "o")
        path = folder / "code.so"
        options = [str(objects), "-lm", "-Wl,-Bsymbolic"]
        _built(called, target).export_library(str(path), options=options)
        return path.read_bytes()


def event_library(functions: Mapping[str, Any], target: CpuTarget) -> bytes:
    """Machine code of functions called as C has them, that needs the C library alone."""
    with Scratch("hepq-code") as folder:
        path = folder / "events.so"
        _built(functions, target).export_library(str(path), options=["-lm", "-Wl,-Bsymbolic"])
        return path.read_bytes()


def _built(functions: Mapping[str, Any], target: CpuTarget) -> Any:
    return tirx.build(as_module(functions), target=tvm_target(target), pipeline=stages.NAME)
