# SPDX-License-Identifier: Apache-2.0
"""The waveform classifier against its layers written out in torch; and that it finds piled-up pulses."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.shared.stdlib_programs import moved_weights
from hepq.compiler.ir.interpret import run
from hepq.compiler.ir.node import Module
from hepq.compiler.lower.torch.module import to_torch
from hepq.compiler.weights.initialise import initial_weights
from tests.stdlib.detectors.detector import by_torch, module_from, size_of, tensors
from tests.support.tvm_call import Compiled


def classifier(channels: int = 1, options: str = "") -> Module:
    return module_from(
        "from std.pulse import PulseCNN\ndim time = 101\ndim cls = [single, pileup]\n"
        f"model M(x: real[time, {channels}]) = PulseCNN[cls{options}](x)"
    )


def written_out(x: Tensor, w: dict[str, Tensor]) -> Tensor:
    h = x.transpose(1, 2)
    for i, pad in enumerate([1, 2, 4]):
        h = F.max_pool1d(torch.relu(F.conv1d(h, w[f"conv{i}.weight"], w[f"conv{i}.bias"], padding=pad)), 2)
    return torch.softmax(h.amax(2) @ w["head.weight"].T + w["head.bias"], -1)


def test_layers() -> None:
    module, rng = classifier(2), np.random.default_rng(0)
    weights, x = moved_weights(module, rng), rng.normal(size=(4, 101, 2))
    expected = written_out(torch.from_numpy(x), tensors(weights, "pulse_cnn0.")).numpy()
    np.testing.assert_allclose(by_torch(module, weights, x=x), expected, rtol=0, atol=1e-12)
    events = [{"x": wave} for wave in x]
    np.testing.assert_allclose(np.array(run(module, events, weights)["output"]), expected, rtol=0, atol=1e-9)
    np.testing.assert_allclose(np.array(Compiled(module, weights)(events)["output"]), expected, rtol=0, atol=1e-5)


def test_number_of_weights() -> None:
    assert size_of(classifier()) == (3 * 16 + 16) + (5 * 16 * 32 + 32) + (9 * 32 * 64 + 64) + (64 * 2 + 2) == 21282


def pulses(rng: np.random.Generator, truth: Any) -> Any:
    """A fast rise, a slow decay, noise; where truth, a second pulse of a third of the height 10 to 30 samples later."""

    def one(start: Any) -> Any:
        t = np.arange(101) - start[:, None]
        return np.where(t > 0, np.exp(-t / 15) - np.exp(-t / 2), 0)

    start = rng.uniform(10, 40, len(truth))
    later = truth[:, None] * one(start + rng.uniform(10, 30, len(truth))) / 3
    return (one(start) + later + rng.normal(0, 0.01, (len(truth), 101)))[..., None].astype(np.float32)


def test_it_learns_pile_up() -> None:
    rng = np.random.default_rng(1)
    truth = np.arange(320) % 2
    x = torch.from_numpy(pulses(rng, truth))
    module = classifier(options=", widths=[8, 16, 16], pool=2")
    model = to_torch(module, initial_weights(module)).train()
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(60):
        optimiser.zero_grad()
        loss = F.nll_loss(torch.log(model({"x": x[:256]})["output"] + 1e-9), torch.from_numpy(truth[:256]))
        torch.autograd.backward(loss)
        optimiser.step()
    with torch.no_grad():
        found = model.eval()({"x": x[256:]})["output"].argmax(1).numpy()
    assert (found == truth[256:]).mean() > 0.9
