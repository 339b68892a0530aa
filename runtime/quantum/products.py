# SPDX-License-Identifier: Apache-2.0
"""Overlaps of many states at once: products of matrices of amplitudes."""

from __future__ import annotations

import torch
from torch import Tensor


def gram(left: Tensor, right: Tensor | None = None) -> Tensor:
    """|<right|left>|² of every pair: [..., N, 2^n], [..., M, 2^n] -> [..., N, M]; with itself if ``right`` is None."""
    product = left @ (left if right is None else right).mH
    return product.real.square() + product.imag.square()


def overlaps(left: Tensor, right: Tensor) -> Tensor:
    """|<right|left>|² row by row: [..., 2^n] each -> [...]."""
    product: Tensor = torch.linalg.vecdot(right, left)
    return product.real.square() + product.imag.square()
