# SPDX-License-Identifier: Apache-2.0
"""LorentzNet (arXiv:2201.08187) written again for one event, from the paper and the published conventions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

Weights = Mapping[str, Tensor]
#: (px, py, pz, energy)
METRIC = torch.tensor([-1.0, -1.0, -1.0, 1.0], dtype=torch.float64)
BEAMS = torch.tensor([[0, 0, 1, 2**0.5], [0, 0, -1, 2**0.5]], dtype=torch.float64)
BLOCKS = 6


def probabilities(w: Weights, p: Tensor, nodes: int | None = None, c: float = 5e-3, beams: Tensor = BEAMS) -> Tensor:
    """Of one event of massless particles ``p`` [n, 4], float64; ``w`` has the published names.

    ``nodes``: the padded number of nodes that the sum over nodes is divided by; their own number by default.
    """
    x = torch.cat([beams, p])
    scalars = torch.zeros(len(x), 2, dtype=torch.float64)
    scalars[:2, 1] = _squeeze((beams @ torch.diag(METRIC) * beams).sum(1).abs().sqrt())
    return of_nodes(w, x, scalars, nodes, c)


def of_nodes(w: Weights, x: Tensor, scalars: Tensor, nodes: int | None, c: float) -> Tensor:
    """Of nodes of momenta ``x`` [n, 4] and Lorentz ``scalars`` [n, k], all of one kind."""
    h = _linear(w, "embedding", scalars)
    for i in range(BLOCKS):
        h, x = _block(w, f"LGEBs.{i}", h, x, scalars, c, last=i == BLOCKS - 1)
    pooled = h.sum(0) / (nodes or len(h))
    return _linear(w, "graph_dec.3", _linear(w, "graph_dec.0", pooled).relu()).softmax(-1)


def _block(w: Weights, name: str, h: Tensor, x: Tensor, scalars: Tensor, c: float, last: bool) -> tuple[Tensor, Tensor]:
    n = len(h)
    i, j = (~torch.eye(n, dtype=torch.bool)).nonzero(as_tuple=True)
    apart, both = x[i] - x[j], x[i] * x[j]
    edge = torch.cat(
        [h[i], h[j], _squeeze((apart**2 * METRIC).sum(1, True)), _squeeze((both * METRIC).sum(1, True))], 1
    )
    m = _norm(w, f"{name}.phi_e.1", edge @ w[f"{name}.phi_e.0.weight"].T).relu()
    m = _linear(w, f"{name}.phi_e.3", m).relu()
    m = m * _linear(w, f"{name}.phi_m.0", m).sigmoid()
    if not last:
        pull = _linear(w, f"{name}.phi_x.0", m).relu() @ w[f"{name}.phi_x.2.weight"].T
        x = x + c * torch.zeros_like(x).index_add_(0, i, (pull * apart).clamp(-100, 100)) / max(n - 1, 1)
    heard = torch.zeros_like(h).index_add_(0, i, m)
    out = _linear(w, f"{name}.phi_h.0", torch.cat([h, heard, scalars], 1))
    return h + _linear(w, f"{name}.phi_h.3", _norm(w, f"{name}.phi_h.1", out).relu()), x


def _squeeze(v: Tensor) -> Tensor:
    return v.sign() * v.abs().log1p()


def _linear(w: Weights, name: str, x: Tensor) -> Tensor:
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def _norm(w: Weights, name: str, x: Tensor) -> Tensor:
    scale = w[f"{name}.weight"] / (w[f"{name}.running_var"] + 1e-5).sqrt()
    return (x - w[f"{name}.running_mean"]) * scale + w[f"{name}.bias"]


def published(path: Any) -> dict[str, Tensor]:
    """The released state_dict, float64, without the prefix of distributed training."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    return {k.removeprefix("module."): v.double() for k, v in state.items()}
