# SPDX-License-Identifier: Apache-2.0
"""TIR to a shared library, as bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


def shared_library(
    functions: Mapping[str, Any], target: CpuTarget, called: Sequence[str] = (FUNCTION, LAYOUT)
) -> bytes:
    """Machine code that needs tvm_ffi and the C library, nothing else of TVM; ``called``: its functions for others.

    Stages are compiled apart from the function that calls them: TVM tells LLVM that different pointers of one function
    never meet, and names them anew in each, which is false of a stage that were inlined. The library's functions call
    each other, whatever another library calls its own: -Bsymbolic.
    """
    outer = {name: functions[name] for name in called}
    stages_ = {name: function for name, function in functions.items() if name not in outer}
    with Scratch("hepq-code") as folder:
        objects = folder / "stages.o"
        _built(stages_, target).write_to_file(str(objects), "o")
        path = folder / "code.so"
        options = [str(objects), "-lm", "-Wl,-Bsymbolic"]
        _built(outer, target).export_library(str(path), options=options)
        return path.read_bytes()


def _built(functions: Mapping[str, Any], target: CpuTarget) -> Any:
    return tirx.build(as_module(functions), target=tvm_target(target), pipeline=stages.NAME)
