# SPDX-License-Identifier: Apache-2.0
"""Convolutions of a vector with axes of one number beside it, where a vector comes out: dense layers."""

from __future__ import annotations

import math

import numpy as np

from hepq.compiler.importers.network import Array, Operation, Unfit
from hepq.compiler.importers.onnx_axes import shown
from hepq.compiler.importers.program import Term, Writer

#: numbers in memory to lay out which output sees which input by which tap
LARGEST = 1 << 24


def conv(w: Writer, o: Operation) -> Term:
    """``Conv``: the vector's numbers are channels at one position, or positions of one channel."""
    x, kernel = w.term(o.inputs[0]), w.network.constants.get(o.inputs[1])
    bias = w.constant(o.inputs[2]) if len(o.inputs) > 2 and o.inputs[2] else None
    if kernel is None or (bias is None and len(o.inputs) > 2 and o.inputs[2]):
        raise Unfit(f"Conv `{o.output}` of weights that are computed")
    groups, channels = o.attributes.get("group", 1), kernel.shape[0]
    if kernel.ndim != len(x.axes) + 1 or kernel.shape[1] * groups != x.axes[0]:
        raise Unfit(f"Conv `{o.output}` of weights of shape {list(kernel.shape)} is given {shown(x)}")
    taps = _taps(o, kernel.shape[2:], x.axes[1:])
    axes = (channels, *(len(t) for t in taps))
    if math.prod(axes) != max(axes):
        raise Unfit(f"Conv `{o.output}` makes {list(axes)} of {shown(x)}, which is no vector for each event")
    weight = _unrolled(kernel, taps, groups)
    if bias is None:
        return w.layer(x, "Linear", axes, o.inputs[1], {"weight": weight})
    bias = np.repeat(bias.reshape(-1), math.prod(axes[1:]))
    return w.layer(x, "Dense", axes, o.inputs[1], {"weight": weight, "bias": bias})


def _taps(o: Operation, kernel: tuple[int, ...], lengths: tuple[int, ...]) -> list[Array]:
    """For each axis of positions, [out, in, tap]: 1 where an output sees an input by that tap, otherwise 0."""
    count = len(lengths)
    strides, dilations = (o.attributes.get(k, [1] * count) for k in ("strides", "dilations"))
    pads, auto = o.attributes.get("pads", [0] * 2 * count), o.attributes.get("auto_pad", b"NOTSET")
    found = []
    for i, (size, length, stride, dilation) in enumerate(zip(kernel, lengths, strides, dilations, strict=True)):
        reach = dilation * (size - 1) + 1
        before, after = pads[i], pads[count + i]
        if auto in (b"SAME_UPPER", b"SAME_LOWER"):
            padding = max(0, (-(-length // stride) - 1) * stride + reach - length)
            before = padding // 2 if auto == b"SAME_UPPER" else padding - padding // 2
            after = padding - before
        out = (length + before + after - reach) // stride + 1
        if out * length * size > LARGEST:
            raise Unfit(f"Conv `{o.output}` of {length} positions, which is too long to be made a dense layer")
        seen = np.arange(size) * dilation + np.arange(out)[:, None] * stride - before
        found.append((seen[:, None, :] == np.arange(length)[:, None]).astype(np.float32))
    return found


def _unrolled(kernel: Array, taps: list[Array], groups: int) -> Array:
    """The convolution as a matrix [out channel and position, in channel and position]."""
    spread = kernel
    for tap in taps:  # [out, in, taps still to come, (out, in) positions of those that are done]
        spread = np.tensordot(spread, tap, axes=(2, 2))
    outs, ins = range(2, spread.ndim, 2), range(3, spread.ndim, 2)
    spread = spread.transpose(0, *outs, 1, *ins)
    rows = math.prod(spread.shape[: 1 + len(taps)]) // groups
    blocks = spread.reshape(groups, rows, -1)
    matrix = np.zeros((groups, rows, groups, blocks.shape[2]), kernel.dtype)
    matrix[np.arange(groups), :, np.arange(groups), :] = blocks
    return matrix.reshape(groups * rows, -1)
