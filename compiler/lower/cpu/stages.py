# SPDX-License-Identifier: Apache-2.0
"""The TIR passes our code needs, and no others.

TVM's default list is for schedules it makes itself. Our functions arrive scheduled, flat and vectorised;
simplifying them again takes many times longer than generating their machine code, and makes it no faster.
FlattenBuffer must stay away (our buffers are flat): it rewrites vector indices into a form that LLVM code
generation then takes apart into scalars, 30 times slower on AVX2.
"""

from __future__ import annotations

from typing import Any

import tvm
from tvm import tirx

NAME = "hepq"


def _stages() -> tuple[Any, Any, Any]:
    packed = tvm.ir.transform.Sequential([tirx.transform.AnnotateEntryFunc(), tirx.transform.MakePackedAPI()])

    def finish() -> Any:
        return tvm.ir.transform.Sequential([tirx.transform.LowerTVMBuiltin(), tirx.transform.LowerIntrin()])

    return packed, finish, finish


tirx.register_tir_pipeline(NAME, _stages)
