# SPDX-License-Identifier: Apache-2.0
"""Passes over the IR, one per file."""

from __future__ import annotations

from hepq.compiler.passes.base import OnPass, Pass, Uses, Weights, rewrite, run_pipeline
from hepq.compiler.passes.cse import MergeEqual
from hepq.compiler.passes.dce import DropUnused
from hepq.compiler.passes.fold_batch_norm import FoldBatchNorm
from hepq.compiler.passes.fold_constants import FoldConstants
from hepq.compiler.passes.linear_gather import LinearGather
from hepq.compiler.passes.remove_dropout import RemoveDropout
from hepq.compiler.passes.sink_bias import SinkBias

#: what a model goes through on its way to inference code
INFERENCE: tuple[Pass, ...] = (
    RemoveDropout(),
    MergeEqual(),
    FoldBatchNorm(),
    LinearGather(),
    SinkBias(),
    FoldConstants(),
    MergeEqual(),
    DropUnused(),
)

__all__ = [
    "INFERENCE",
    "DropUnused",
    "FoldBatchNorm",
    "FoldConstants",
    "LinearGather",
    "MergeEqual",
    "OnPass",
    "Pass",
    "RemoveDropout",
    "SinkBias",
    "Uses",
    "Weights",
    "rewrite",
    "run_pipeline",
]
