# SPDX-License-Identifier: Apache-2.0
"""Windows that are multiplied by weights and summed: a convolution, without ever holding the windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import torch.nn.functional as F
from torch import Tensor

from hepq.compiler.ir.node import Module, Node
from hepq.compiler.lower.torch.fused import Fused
from hepq.compiler.lower.torch.values import Batch, Value, with_batch
from hepq.compiler.passes.base import Static

_CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


@dataclass(frozen=True)
class Convolution:
    """``node``, a contraction of ``weight`` and ``windows`` of ``x``, each along a dim of x, over their win dims."""

    node: Node
    x: Node
    windows: tuple[Node, ...]
    weight: Node

    @staticmethod
    def of(node: Node, static: Static) -> Convolution | None:
        """None if ``node`` is none: weights that vary with the place or event, windows that are not summed."""
        if node.op != "contract" or node.type.elem != "real":
            return None
        for x, weight in (node.operands, node.operands[::-1]):
            windows: list[Node] = []
            while x.op == "window" and len(windows) < len(_CONV):
                windows.insert(0, x)
                x = x.operands[0]
            if windows and static(weight) and _is_convolution(node, x, windows, weight):
                return Convolution(node, x, tuple(windows), weight)
        return None

    def __call__(self, args: Sequence[Value], batch: Batch) -> Value:
        along, wins, dst = ([w[key] for w in self.windows] for key in ("dim", "win", "dst"))
        x, weight = batch.fill(args[0], 0, along), args[1]
        kept, theirs = ({d.key for d in dims} for dims in (self.node.type.dims, x.dims))
        groups = [d for d in weight.dims if d.key in kept & theirs]
        out = [d for d in weight.dims if d.key in kept - theirs]
        chan = [d for d in weight.dims if d.key in theirs - kept]
        used = {d.key for d in (*groups, *chan, *along)}
        outer = [d for d in x.dims if d.key not in used]

        n, g, o, c = (prod(batch.extent(d) for d in dims) for dims in (outer, groups, out, chan))
        image = x.permute((*outer, *groups, *chan, *along)).reshape(n, g * c, *map(batch.extent, along))
        kernel = weight.permute((*groups, *out, *chan, *wins)).reshape(g * o, c, *map(batch.extent, wins))
        image, padding = _pad(image, self.windows, batch)
        stride = [w["stride"] for w in self.windows]
        made = _convolved(image, kernel, stride, padding, g)
        dims = (*outer, *groups, *out, *dst)
        wanted = with_batch(self.node.type.dims, x)
        return Value(Value(made.reshape([*map(batch.extent, dims)]), dims).permute(wanted), wanted)


def _convolved(image: Tensor, kernel: Tensor, stride: list[int], padding: list[int], groups: int) -> Tensor:
    """One dim as two, of which the first has length 1: a layout with channels last is then taken as it lies."""
    if len(stride) > 1:
        return _CONV[len(stride)](image, kernel, stride=stride, padding=padding, groups=groups)
    wide = F.conv2d(image[:, :, None], kernel[:, :, None], stride=[1, *stride], padding=[0, *padding], groups=groups)
    return wide.squeeze(2)


def convolutions(module: Module) -> dict[Node, Fused]:
    """Contractions of ``module`` that are convolutions."""
    static = Static()
    found = (Convolution.of(node, static) for node in module.walk())
    return {one.node: Fused((one.x, one.weight), one, padded=True) for one in found if one is not None}


def _is_convolution(node: Node, x: Node, windows: list[Node], weight: Node) -> bool:
    over = {d.key for d in node["over"]}
    along, wins, dst = ([w[key].key for w in windows] for key in ("dim", "win", "dst"))
    theirs = {d.key for d in weight.type.dims}
    return (
        x.type.elem == weight.type.elem == "real"
        and not any(d.ragged for d in weight.type.dims)
        and over.issuperset(wins)
        and theirs.issuperset(over)
        and len(set(along)) == len(along)
        and all(x.type.dim(w["dim"]) for w in windows)
        and not theirs & {*along, *dst}
    )


def _pad(image: Tensor, windows: tuple[Node, ...], batch: Batch) -> tuple[Tensor, list[int]]:
    """The image, padded or cut where both sides are not padded alike, and what the convolution is to pad."""
    sides = []
    for w in windows:
        length = (batch.extent(w["dst"]) - 1) * w["stride"] + w["win"].size
        sides.append((w["pad"], length - w["pad"] - batch.extent(w["dim"])))
    if all(0 <= before - after < w["stride"] for (before, after), w in zip(sides, windows, strict=True)):
        return image, [before for before, _ in sides]
    return F.pad(image, [n for side in reversed(sides) for n in side]), [0] * len(sides)
