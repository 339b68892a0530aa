# SPDX-License-Identifier: Apache-2.0
"""The TIR passes our code needs, and no others.

TVM's default list is for schedules it makes itself. Our functions arrive scheduled, flat and vectorised;
simplifying them again takes ten times longer than generating their machine code, and makes it no faster.
"""

from __future__ import annotations

from typing import Any

import tvm
from tvm import s_tir, tirx

NAME = "hepq"


def _stages() -> Any:
    @tvm.transform.module_pass(opt_level=0)
    def lower(module: Any, _: Any) -> Any:
        passes = [
            s_tir.transform.LowerOpaqueBlock(),
            tirx.transform.FlattenBuffer(),
            tirx.transform.VectorizeLoop(True),
            tirx.transform.UnrollLoop(),
            tirx.transform.CommonSubexprElim(),
            tirx.transform.VerifyMemory(),
            tirx.transform.AnnotateEntryFunc(),
            tirx.transform.SplitHostDevice(),
            tirx.transform.MakePackedAPI(),
        ]
        return tvm.ir.transform.Sequential(passes)(module)

    return lower, s_tir.pipeline.finalize_host_passes, s_tir.pipeline.finalize_device_passes


tirx.register_tir_pipeline(NAME, _stages)
