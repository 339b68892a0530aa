# SPDX-License-Identifier: Apache-2.0
"""Batch normalisation whose statistics see valid entries only, and those of all places that share its weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from hepq.compiler.ir.node import Node
from hepq.compiler.lower.torch.values import Batch, Value


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


def batch_norm(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    """One application."""
    return batch_norms([node], [args], batch)[0]


def batch_norms(nodes: Sequence[Node], args: Sequence[Sequence[Value]], batch: Batch) -> list[Value]:
    """Applications of the same weights; in training, normalised with the statistics of their entries together."""
    node, channel = nodes[0], nodes[0]["channel"]
    w, b, mean, var = (a.tensor for a in args[0][1:])
    others = [[d for d in x.dims if d.key != channel.key] for x, *_ in args]
    rows = [x.permute((*dims, channel)).reshape(-1, channel.size) for (x, *_), dims in zip(args, others, strict=True)]
    if batch.training:
        masks = [_mask(x, dims, batch) for (x, *_), dims in zip(args, others, strict=True)]
        made = _normalised(node, _joined(rows), (w, b, mean, var), _joined_masks(rows, masks))
        pieces: Sequence[Tensor] = torch.split(made, [len(r) for r in rows])
    else:
        scale = w * torch.rsqrt(var + node["eps"])
        pieces = [torch.addcmul(b - mean * scale, r, scale) for r in rows]
    return [batch.value(y, (*dims, channel), x.dims) for (x, *_), dims, y in zip(args, others, pieces, strict=True)]


def _mask(x: Value, others: list[Any], batch: Batch) -> Tensor | None:
    """How often each row counts; None for once."""
    valid = batch.multiplicity(x.rows) if x.rows else batch.valid(others)
    if valid is None:
        return None
    return batch.full(valid, others).reshape(-1).to(x.tensor.dtype)


def _joined(parts: Sequence[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))


def _joined_masks(rows: Sequence[Tensor], masks: Sequence[Tensor | None]) -> Tensor | None:
    if all(m is None for m in masks):
        return None
    return _joined([r.new_ones(len(r)) if m is None else m for r, m in zip(rows, masks, strict=True)])


def _normalised(node: Node, rows: Tensor, weights: Sequence[Tensor], mask: Tensor | None) -> Tensor:
    w, b, mean, var = weights
    tracked = [o.op == "param" and not o["trainable"] for o in node.operands[3:]]
    if mask is None and all(tracked) and len(rows) > 1 and len({t.dtype for t in (rows, *weights)}) == 1:
        cudnn = torch.backends.cudnn.enabled
        return torch.batch_norm(rows, w, b, mean, var, True, node["momentum"], node["eps"], cudnn)
    y, new_mean, new_var = MaskedBatchNorm.apply(rows, w, b, mask, node["eps"])  # type: ignore[no-untyped-call]
    n = torch.tensor(float(len(rows)), device=rows.device) if mask is None else mask.sum()
    if tracked[0]:
        _track(node["momentum"], mean, new_mean, n)
    if tracked[1]:
        _track(node["momentum"], var, new_var * (n / (n - 1).clamp(min=1)), n)
    made: Tensor = y
    return made


@torch.no_grad()
def _track(momentum: float, running: Tensor, new: Tensor, n: Tensor) -> None:
    """Running statistics move by ``momentum``, the variance's without bias, as in torch."""
    running.lerp_(torch.where(n > 0, new.to(running.dtype), running), momentum)
