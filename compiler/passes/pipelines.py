# SPDX-License-Identifier: Apache-2.0
"""Which passes a program goes through, in order."""

from __future__ import annotations

from hepq.compiler.passes.base import Pass
from hepq.compiler.passes.cse import MergeEqual
from hepq.compiler.passes.dce import DropUnused
from hepq.compiler.passes.fold_batch_norm import FoldBatchNorm
from hepq.compiler.passes.fold_constants import FoldConstants
from hepq.compiler.passes.linear_gather import LinearGather
from hepq.compiler.passes.log_softmax import LogSoftmax
from hepq.compiler.passes.reassociate_bias import SinkBias
from hepq.compiler.passes.remove_training import RemoveTraining

INFERENCE: tuple[Pass, ...] = (
    RemoveTraining(),
    FoldConstants(),
    MergeEqual(),
    FoldBatchNorm(),
    LinearGather(),
    SinkBias(),
    FoldConstants(),
    MergeEqual(),
    DropUnused(),
)

#: what takes away the operations that no back end for inference has a rule for
LEGALISE: tuple[Pass, ...] = (RemoveTraining(), FoldBatchNorm())

#: of what is done to an event before a model
EVENTS: tuple[Pass, ...] = (MergeEqual(),)

#: before training; the logarithm of a softmax has no derivative where a probability rounds to 0
TRAINING: tuple[Pass, ...] = (LogSoftmax(), MergeEqual(), LinearGather())
