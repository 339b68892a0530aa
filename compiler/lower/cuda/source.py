# SPDX-License-Identifier: Apache-2.0
"""TIR with thread bindings to CUDA C that needs no header and no GPU: TVM prints it, but compiles nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tvm
from tvm import tirx

from hepq.runtime.engine.cuda.table import TABLE

#: what TVM's text takes for granted; its own preamble includes headers that take longer than all kernels
PREAMBLE = """\
typedef unsigned int uint;
typedef long long int64_t;
typedef unsigned long long uint64_t;
#define CUDART_INF_F __int_as_float(0x7f800000)
#define CUDART_NAN_F __int_as_float(0x7fffffff)
"""
_KERNEL = 'extern "C" __global__'


def cuda_source(functions: Mapping[str, Any]) -> tuple[str, dict[str, list[str]]]:
    """The text, and the names of each function's arguments in order. Kernels are called as the functions are."""
    if not functions:
        return PREAMBLE, {}
    # any architecture: nothing in the text hangs on it
    target = tvm.target.Target({"kind": "cuda", "arch": "sm_80"}, host="llvm")
    passes = [tirx.transform.BindTarget(target), tirx.transform.AnnotateEntryFunc(), tirx.transform.SplitHostDevice()]
    module = tvm.IRModule(dict(functions))
    for one in passes:
        module = one(module)
    kernels = {v.name_hint.removesuffix("_kernel"): f for v, f in module.functions.items()
               if v.name_hint not in functions}  # fmt: skip
    device = tirx.transform.LowerIntrin()(
        tvm.IRModule({n: f.with_attr("global_symbol", n) for n, f in kernels.items()})
    )
    tvm.register_global_func("tvm_callback_cuda_compile", lambda *_: b"none", override=True)
    text = tvm.get_global_func("target.build.cuda")(device, target).inspect_source("cuda")
    names = {name: [p.name.removesuffix("_ptr") for p in f.params] for name, f in kernels.items()}
    return PREAMBLE + text[text.index(_KERNEL) :].replace("alignas(64) ", ""), names


def with_digest(source: str, digest: bytes) -> str:
    """The text with a kernel that says which launch table it is for."""
    lines = "\n".join(f"  out_ptr[{i}] = {number};" for i, number in enumerate(np.frombuffer(digest, np.int32)))
    return f"{source}\n{_KERNEL} void __launch_bounds__(1) {TABLE}(int* __restrict__ out_ptr) {{\n{lines}\n}}\n"
