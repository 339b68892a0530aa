# SPDX-License-Identifier: Apache-2.0
"""What this lowering cannot do."""

from __future__ import annotations


class OnnxError(Exception):
    """The module is well formed, but has something that an ONNX graph of ours does not hold."""
