# SPDX-License-Identifier: Apache-2.0
"""What this lowering cannot do."""

from __future__ import annotations


class LoweringError(Exception):
    """The module is well formed, but has something that generated CPU code does not support."""
