# SPDX-License-Identifier: Apache-2.0
"""A ParticleNet written node by node: the graph the compiler tests care most about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hepq.compiler.ir.infer import make
from hepq.compiler.ir.node import Module, Node
from hepq.core.types import Dim, Type


def particle_net(
    bound: int = 16, features: int = 4, widths: Sequence[int] = (8, 12), k: int = 3, classes: int = 2, depth: int = 2
) -> Module:
    """Qu and Gouskos, arXiv:1902.08570: EdgeConv blocks with shortcuts, mean pooling, one dense layer."""
    part = Dim("part", bound=bound)
    pos = make("input", name="pos", type=Type("real", (part, Dim("xy", 2))))
    x = make("input", name="x", type=Type("real", (part, Dim("feat", features))))
    points, coord = pos, Dim("xy", 2)
    h = _batch_norm(x, Dim("feat", features), "bn")
    channel = Dim("feat", features)
    for i, width in enumerate(widths):
        idx = make("knn", points, over=part, coord=coord, nbr=Dim("nbr", k), short="zero")
        h, channel = _edge_conv(h, channel, idx, width, depth, f"conv{i}")
        points, coord = h, channel
    pooled = make("reduce_mean", h, over=(part,))
    logits = _dense(make("dropout", pooled, p=0.1), channel, Dim("cls", classes), "head", bias=True)
    return Module("particle_net", (pos, x), {"logits": logits})


def jets(rng: np.random.Generator, counts: Sequence[int], features: int = 4) -> list[dict[str, Any]]:
    return [{"pos": rng.normal(size=(n, 2)), "x": rng.normal(size=(n, features))} for n in counts]


def knn_nodes(module: Module) -> list[Node]:
    return [n for n in module.walk() if n.op == "knn"]


def _edge_conv(x: Node, channel: Dim, idx: Node, width: int, depth: int, path: str) -> tuple[Node, Dim]:
    near = make("gather", x, idx)
    size = (channel.size or 0) * 2
    edge, dim = make("concat", x, make("sub", near, x), along=(channel, channel), dim=Dim(f"edge{size}", size)), None
    dim = Dim(f"edge{size}", size)
    for i in range(depth):
        out = Dim(f"c{i % 2}_{width}", width)
        edge = _relu(_batch_norm(_dense(edge, dim, out, f"{path}.dense{i}"), out, f"{path}.bn{i}"))
        dim = out
    mean = make("reduce_mean", edge, over=(idx.type.dims[1],))
    shortcut = _batch_norm(_dense(x, channel, dim, f"{path}.sc"), dim, f"{path}.sc_bn")
    return _relu(make("add", mean, shortcut)), dim


def _relu(x: Node) -> Node:
    return make("max", x, make("const", value=0.0))


def _dense(x: Node, dim: Dim, out: Dim, path: str, bias: bool = False) -> Node:
    weight = make(
        "param", path=f"{path}.weight", init=("kaiming_uniform",), trainable=True, type=Type("real", (out, dim))
    )
    y = make("contract", x, weight, over=(dim,))
    if not bias:
        return y
    b = make("param", path=f"{path}.bias", init=("uniform", -0.1, 0.1), trainable=True, type=Type("real", (out,)))
    return make("add", y, b)


def _batch_norm(x: Node, channel: Dim, path: str) -> Node:
    inits = {"weight": 1.0, "bias": 0.0, "mean": 0.0, "var": 1.0}
    stats = [
        make("param", path=f"{path}.{name}", init=("constant", value), trainable=name in ("weight", "bias"),
             type=Type("real", (channel,)))
        for name, value in inits.items()
    ]  # fmt: skip
    return make("batch_norm", x, *stats, channel=channel, eps=1e-5, momentum=0.1)


def grid_neighbours() -> tuple[Module, list[dict[str, Any]]]:
    """A module that tells each particle's neighbours; events whose particles sit in cells, so that many distances are
    within a float32 rounding error of each other."""
    part, xy = Dim("part", bound=70), Dim("xy", 2)
    deta, dphi = (make("input", name=n, type=Type("real", (part,))) for n in ("deta", "dphi"))
    near = make("knn", make("stack", deta, dphi, dim=xy), over=part, coord=xy, nbr=Dim("nbr", 7), short="zero")
    number = make("cast", make("iota", dim=part), type=Type("real", (part,)))
    rng, events = np.random.default_rng(0), []
    for n in (0, 1, 3, 33, 40, 64, 70):
        cells = (rng.integers(-8, 8, (n, 2)) * 0.0875 + rng.normal(size=2)).astype(np.float32).astype(float)
        events.append({"deta": cells[:, 0], "dphi": cells[:, 1]})
    return Module("neighbours", (deta, dphi), {"near": make("gather", number, near)}), events
