# SPDX-License-Identifier: Apache-2.0
"""Attention, arXiv:1706.03762, in one step: two products of matrices and what is between them.

Its weights are the largest values of a transformer, one for each head and pair. Node by node there would be half a
dozen of such values to make, and three to keep until they are differentiated; here there are two, and one to keep.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor

from hepq.compiler.ir.formulas import ATTENTION
from hepq.compiler.ir.match import Found
from hepq.compiler.ir.node import Module, Node
from hepq.compiler.lower.torch.fused import Fused, found_in
from hepq.compiler.lower.torch.ops import dropped, kept
from hepq.compiler.lower.torch.values import BATCH, Batch, Value


def attentions(module: Module) -> dict[Node, Fused]:
    """Contractions of ``module`` that are the last step of attention."""
    return found_in(module, [(ATTENTION, _attention)])


def _attention(node: Node, captured: Found) -> Fused | None:
    """None if the products are not of these shapes, or one for each particle, which are better packed.

    ``q`` is over ``groups``, ``queries`` and ``over``; ``k`` over groups, ``key`` and ``over``; ``v`` over groups,
    ``key`` and ``found``; the bias, if there is one, over any of groups, queries and ``key``.
    """
    operands = tuple(captured[name] for name in ("q", "k", "v", "bias") if name in captured)
    (key,), over = captured["over"], captured["summed"]
    scale, p = captured.get("factor", 1 / captured.get("divisor", 1)), captured.get("p", 0.0)
    mine, theirs, values, *biased = ({d.key for d in x.type.dims} for x in operands)
    of_q, of_v = operands[0].type.dims, operands[2].type.dims
    groups = tuple(d for d in of_q if d.key in theirs - {d.key for d in over})
    queries = tuple(d for d in of_q if d.key not in theirs)
    shared = {d.key for d in (*groups, key)}
    found = tuple(d for d in of_v if d.key not in shared)
    fits = (
        theirs - mine == {key.key}
        and not any(d.ragged for d in groups)
        and values >= shared
        and not {d.key for d in found} & {d.key for d in queries}
        and all(keys <= shared | {d.key for d in queries} for keys in biased)
        and all(x.type.elem == "real" for x in operands)
    )

    def apply(args: Sequence[Value], batch: Batch) -> Value:
        each = (BATCH, *groups)
        q = batch.full(batch.fill(args[0], 0, over), (*each, *queries, *over))
        k = batch.full(args[1], (*each, *over, key))
        v = batch.full(batch.fill(args[2], 0, [key]), (*each, key, *found))
        g, n, o, m, c = (prod(batch.extents(dims)) for dims in (each, queries, over, (key,), found))
        logits = (*each, *queries, key)
        bias = args[3].align(logits) if biased else None
        valid = batch.valid([key])
        padding = None if valid is None else ~valid.align(logits)
        flat = (scale * q).reshape(g, n, o), k.reshape(g, o, m), v.reshape(g, m, c)
        made = attend(*flat, bias, padding, batch.extents(logits), p if batch.training else 0.0)
        return batch.value(made, (*each, *queries, *found), (BATCH, *node.type.dims))

    return Fused(operands, apply, (key,), padded=True) if fits else None


def attend(
    q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None, padding: Tensor | None, shape: list[int], p: float
) -> Tensor:
    """dropout(softmax(q k + bias)) v, with q [groups, n, o], k [groups, o, m], v [groups, m, c].

    ``bias`` and ``padding``, which says where there is no key, broadcast to ``shape``, which is [groups, n, m] with
    more axes; a fraction ``p`` is dropped.
    """
    if q.device.type == "cpu" and not torch.is_autocast_enabled("cpu"):
        made: Tensor = _Attend.apply(q, k, v, bias, padding, shape, p)  # type: ignore[no-untyped-call]
        return made
    logits = (q @ k).reshape(shape)
    logits = logits if bias is None else logits + bias
    logits = logits if padding is None else logits.masked_fill(padding, torch.finfo(logits.dtype).min)
    a = torch.softmax(logits, -1)
    return (dropped(a, p) if p else a).reshape(len(q), -1, shape[-1]) @ v


class _Attend(torch.autograd.Function):
    """``attend``, with gradients as in arXiv:2205.14135, appendix B.

    The sum over keys of a weight times its derivative is that over ``c`` of the result times its own.
    """

    @staticmethod
    def forward(
        ctx: Any,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        bias: Tensor | None,
        padding: Tensor | None,
        shape: list[int],
        p: float,
    ) -> Tensor:
        logits = torch.bmm(q, k)
        full = logits.view(shape)
        if bias is not None:
            full += bias
        if padding is not None:
            full.masked_fill_(padding, torch.finfo(full.dtype).min)
        a = torch.softmax(logits, -1, out=logits)
        keep, factor = kept(a, p) if p else (None, 1.0)
        y = torch.bmm(_masked(a, keep), v).mul_(factor)
        ctx.save_for_backward(q, k, v, a, keep, y)
        ctx.bias, ctx.shape, ctx.factor = None if bias is None else bias.shape, shape, factor
        return y

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Any, ...]:
        q, k, v, a, keep, y = ctx.saved_tensors
        g_v = torch.bmm(_masked(a, keep).transpose(1, 2), g).mul_(ctx.factor)
        g_a = torch.bmm(g, v.transpose(1, 2) * ctx.factor)
        if keep is not None:
            g_a *= keep
        g_logits = g_a.sub_((g * y).sum(-1, keepdim=True)).mul_(a)
        g_bias = None if ctx.bias is None else g_logits.view(ctx.shape).sum_to_size(ctx.bias)
        g_q, g_k = torch.bmm(g_logits, k.transpose(1, 2)), torch.bmm(q.transpose(1, 2), g_logits)
        return g_q, g_k, g_v, g_bias, None, None, None


def _masked(a: Tensor, keep: Tensor | None) -> Tensor:
    return a if keep is None else torch.empty_like(a).copy_(keep).mul_(a)
