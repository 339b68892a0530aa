# SPDX-License-Identifier: Apache-2.0
"""Windows that are multiplied by weights and summed: a convolution, without ever holding the windows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import prod

import torch.nn.functional as F
from torch import Tensor

from hepq.compiler.ir.match import Found, Pattern, capture, op
from hepq.compiler.ir.node import Module, Node
from hepq.compiler.lower.torch.fused import Fused, found_in
from hepq.compiler.lower.torch.values import Batch, Value, with_batch
from hepq.compiler.passes.base import Static

_CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


def _windows(depth: int) -> Pattern:
    """A sum of weights times windows of windows … of x: ``window0`` is next to x."""
    windows = capture("x")
    for i in range(depth):
        windows = op("window", windows).named(f"window{i}")
    return op("contract", windows, capture("weight"), over=capture("over"))


def convolutions(module: Module) -> dict[Node, Fused]:
    """Contractions of ``module`` of weights and windows of a value, each along a dim of it, over their win dims."""
    static = Static()
    return found_in(module, [(_windows(depth), partial(_convolution, static)) for depth in sorted(_CONV, reverse=True)])


def _convolution(static: Static, node: Node, found: Found) -> Fused | None:
    """None for weights that vary with the place or event, and windows that are not summed."""
    source, weight = found["x"], found["weight"]
    windows = [found[f"window{i}"] for i in range(len(_CONV)) if f"window{i}" in found]
    along, wins, dst = ([w[key] for w in windows] for key in ("dim", "win", "dst"))
    of_weight, summed = {d.key for d in weight.type.dims}, {d.key for d in found["over"]}
    fits = (
        source.type.elem == weight.type.elem == node.type.elem == "real"
        and static(weight)
        and (source.op != "window" or len(windows) == len(_CONV))
        and not any(d.ragged for d in weight.type.dims)
        and of_weight >= summed >= {d.key for d in wins}
        and len({d.key for d in along}) == len(along)
        and all(source.type.dim(d) for d in along)
        and not of_weight & {d.key for d in (*along, *dst)}
    )

    def apply(args: Sequence[Value], batch: Batch) -> Value:
        x, weight = batch.fill(args[0], 0, along), args[1]
        kept, theirs = ({d.key for d in dims} for dims in (node.type.dims, x.dims))
        groups = [d for d in weight.dims if d.key in kept & theirs]
        out = [d for d in weight.dims if d.key in kept - theirs]
        chan = [d for d in weight.dims if d.key in theirs - kept]
        used = {d.key for d in (*groups, *chan, *along)}
        outer = [d for d in x.dims if d.key not in used]

        n, g, o, c = (prod(batch.extents(dims)) for dims in (outer, groups, out, chan))
        image = x.permute((*outer, *groups, *chan, *along)).reshape(n, g * c, *batch.extents(along))
        kernel = weight.permute((*groups, *out, *chan, *wins)).reshape(g * o, c, *batch.extents(wins))
        image, padding = _pad(image, windows, batch)
        made = _convolved(image, kernel, [w["stride"] for w in windows], padding, g)
        return batch.value(made, (*outer, *groups, *out, *dst), with_batch(node.type.dims, x))

    return Fused((source, weight), apply, padded=True) if fits else None


def _convolved(image: Tensor, kernel: Tensor, stride: list[int], padding: list[int], groups: int) -> Tensor:
    """One dim as two, of which the first has length 1: a layout with channels last is then taken as it lies."""
    if len(stride) > 1:
        return _CONV[len(stride)](image, kernel, stride=stride, padding=padding, groups=groups)
    wide = F.conv2d(image[:, :, None], kernel[:, :, None], stride=[1, *stride], padding=[0, *padding], groups=groups)
    return wide.squeeze(2)


def _pad(image: Tensor, windows: Sequence[Node], batch: Batch) -> tuple[Tensor, list[int]]:
    """The image, padded or cut where both sides are not padded alike, and what the convolution is to pad."""
    sides = []
    for w in windows:
        length = (batch.extent(w["dst"]) - 1) * w["stride"] + w["win"].size
        sides.append((w["pad"], length - w["pad"] - batch.extent(w["dim"])))
    if all(0 <= before - after < w["stride"] for (before, after), w in zip(sides, windows, strict=True)):
        return image, [before for before, _ in sides]
    return F.pad(image, [n for side in reversed(sides) for n in side]), [0] * len(sides)
