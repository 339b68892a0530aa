# SPDX-License-Identifier: Apache-2.0
"""std.losses against PyTorch's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.shared.stdlib_programs import event_of, module_of
from hepq.compiler.ir.interpret import run_event

PEERS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "bce_logits": lambda x, y: F.binary_cross_entropy_with_logits(x, y, reduction="none"),
    "squared_error": lambda x, y: F.mse_loss(x, y, reduction="none"),
    "absolute_error": lambda x, y: F.l1_loss(x, y, reduction="none"),
    "huber": lambda x, y: F.huber_loss(x, y, reduction="none"),
    "mse": lambda x, y: F.mse_loss(x, y, reduction="none").mean(-1),
    "cross_entropy": lambda x, y: -(y.softmax(-1) * x.log_softmax(-1)).sum(-1),
    "cross_entropy_logits": lambda x, y: -(y.softmax(-1) * x.softmax(-1).log_softmax(-1)).sum(-1),
    "bce": lambda x, y: F.binary_cross_entropy(x.softmax(-1), y.softmax(-1), reduction="none"),
    "quantile": lambda x, y: torch.maximum(0.3 * (y - x), -0.7 * (y - x)),
    "gaussian_kl": lambda x, y: torch.distributions.kl_divergence(
        torch.distributions.Normal(x, (y / 2).exp()), torch.distributions.Normal(0.0, 1.0)
    ).sum(-1),
}


@pytest.mark.parametrize("name", PEERS)
def test_losses_are_the_textbook_ones(name: str) -> None:
    module = module_of("losses", name)
    event = event_of(module, 7, np.random.default_rng(0))
    found = run_event(module, event, {})["output"]
    x, y = (torch.from_numpy(event[n]).double() for n in ("x", "y"))
    np.testing.assert_allclose(found, PEERS[name](x, y).numpy(), rtol=1e-9, atol=1e-12)
