# SPDX-License-Identifier: Apache-2.0
"""Batch normalisation whose statistics see valid entries only."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class MaskedBatchNorm(torch.autograd.Function):
    """(x - mean) / sqrt(var + eps) * w + b over rows, statistics over as many of each row as ``mask`` says.

    ``x`` is [rows, channel], ``mask`` [rows], or None for one of each. Returns (y, mean, var); the last two
    take no gradient, as running statistics need none. Written out because autograd of the formula would keep
    five copies of the largest tensors of a graph network. Ioffe and Szegedy, arXiv:1502.03167.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, b: Tensor, mask: Tensor | None, eps: float) -> tuple[Tensor, ...]:
        n = torch.tensor(float(len(x)), dtype=x.dtype, device=x.device) if mask is None else mask.sum()
        n = n.clamp(min=1)
        mean = (x.sum(0) if mask is None else mask @ x) / n
        squares = (x - mean).square_()
        var = (squares.sum(0) if mask is None else mask @ squares) / n
        rstd = torch.rsqrt(var + eps)
        ctx.save_for_backward(x, w, mask, mean, rstd, n)
        ctx.mark_non_differentiable(mean, var)
        scale = w * rstd
        return torch.addcmul(b - mean * scale, x, scale), mean, var

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, w, mask, mean, rstd, n = ctx.saved_tensors
        g = grads[0]
        unit = (x - mean).mul_(rstd)
        grad_b, grad_w = g.sum(0), (g * unit).sum(0)
        through = unit.mul_(grad_w).add_(grad_b).div_(n)
        if mask is not None:
            through.mul_(mask[:, None])
        return (g - through).mul_(w * rstd), grad_w, grad_b, None, None
