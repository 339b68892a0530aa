# SPDX-License-Identifier: Apache-2.0
"""Bins, tables and cut flows in torch; ``noise`` is refused, since in single precision it could be 1."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from hepq.compiler.ir.node import Node


def _bin(node: Node, x: Tensor) -> Tensor:
    axis = node["axis"]
    whole = not x.is_floating_point()
    if axis.kind == "variable":
        edges = [e for e in axis.whole_edges if e < 2**63] if whole else list(map(float, axis.edges))
        x = x if whole else x.double()
        return torch.bucketize(x, torch.tensor(edges, dtype=x.dtype, device=x.device), right=True) - 1
    low, high = axis.edges
    if axis.kind == "regular":
        x = (x.double() - float(low)) / (float(high) - float(low))
        bins, low, high = torch.where((x >= 0) & (x < 1), x, 0) * axis.bins, 0, 1
    else:
        bins = torch.where((x >= low) & (x < high), x if whole else torch.floor(x), low) - low
    return torch.where(x < low, -1, torch.where(x < high, bins.long(), axis.bins))


def _lookup(node: Node, i: Tensor) -> Tensor:
    values = node["values"]
    table = torch.tensor(values, dtype=torch.int64 if node.type.elem == "int" else torch.float64, device=i.device)
    inside = (i >= 0) & (i < len(values))
    return torch.where(inside, table[torch.where(inside, i, 0)], 0)


def _cut(node: Node, state: Tensor, holds: Tensor) -> Tensor:
    failed = torch.where(state == 0, 2 * node["number"] + 1, torch.where(state % 2 == 1, state + 1, state))
    return torch.where(holds, state, failed)


#: op -> (node, operands that broadcast) -> value
FUNCTIONS: dict[str, Callable[..., Tensor]] = {"bin": _bin, "lookup": _lookup, "cut": _cut}
