# SPDX-License-Identifier: Apache-2.0
"""Overlaps of many states at once: products of matrices of amplitudes."""

from __future__ import annotations

import torch
from torch import Tensor

#: rows multiplied at a time where nothing is differentiated: their products are squared while in cache
PANEL = 128


def gram(left: Tensor, right: Tensor | None = None) -> Tensor:
    """|<right|left>|² of every pair of states: [..., N, 2^n], [..., M, 2^n] -> [..., N, M].

    Without ``right``, of ``left`` with itself: each pair multiplied once, symmetric to the last bit, its diagonal 1.
    """
    other = left if right is None else right
    derived = torch.is_grad_enabled() and (left.requires_grad or other.requires_grad)
    if derived or left.dim() > 2 or other.dim() > 2:
        product = left @ other.mH
        found = product.real.square() + product.imag.square()
        if right is not None:
            return found
        ones = torch.ones(found.shape[:-1], dtype=found.dtype, device=found.device)
        return ((found + found.mT) / 2).diagonal_scatter(ones, 0, -2, -1)
    adjoint = other.mH if other.stride(-1) == 1 else other.mH.resolve_conj()
    out = torch.empty(len(left), len(other), dtype=left.dtype.to_real(), device=left.device)
    for i in range(0, len(left), PANEL):
        end = min(i + PANEL, len(left))
        seen = end if right is None else len(other)
        parts = torch.view_as_real(left[i:end] @ adjoint[:, :seen])
        panel = out[i:end, :seen]
        torch.mul(parts[..., 0], parts[..., 0], out=panel)
        panel.addcmul_(parts[..., 1], parts[..., 1])
        if right is None:
            out[:i, i:end] = panel[:, :i].T
            corner = panel[:, i:]
            corner.copy_((corner + corner.T) / 2)
    return out if right is not None else out.fill_diagonal_(1.0)


def overlaps(left: Tensor, right: Tensor) -> Tensor:
    """|<right|left>|² row by row: [..., 2^n] each, broadcast -> [...]."""
    product: Tensor = torch.linalg.vecdot(right, left)
    return product.real.square() + product.imag.square()
