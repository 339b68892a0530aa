# SPDX-License-Identifier: Apache-2.0
"""TIR to a shared library, as bytes."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import tvm
from tvm import tirx

from hepq.compiler.targets.cpu import CpuTarget

from . import stages
from .codegen import FUNCTION


def tvm_target(target: CpuTarget) -> Any:
    return tvm.target.Target({"kind": "llvm", "mcpu": target.llvm_cpu})


def as_module(function: Any) -> Any:
    return tvm.IRModule({FUNCTION: function})


def shared_library(function: Any, target: CpuTarget) -> bytes:
    """Machine code that needs tvm_ffi and the C library, nothing else of TVM."""
    library = tirx.build(as_module(function), target=tvm_target(target), pipeline=stages.NAME)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "code.so"
        library.export_library(str(path), options=["-lm"])
        return path.read_bytes()
