# SPDX-License-Identifier: Apache-2.0
"""The end-to-end classifier of detector images against its layers written out in torch, at the size of real images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
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


def classifier(options: str = "", image: str = "row, col, 2") -> Module:
    return module_from(
        "from std.image import EndToEnd\nfrom std.nn import global_mean_pool2d\n"
        "dim row = 32\ndim col = 28\ndim cls = [electron, photon]\n"
        f"model M(x: real[{image}]) = EndToEnd[cls{options}](x)"
    )


def written_out(x: Tensor, w: dict[str, Tensor], widths: list[int], blocks: int, mean: bool) -> Tensor:
    """From images [batch, row, col, channel]."""

    def conv(h: Tensor, path: str, stride: int = 1, pad: int = 1) -> Tensor:
        return F.conv2d(h, w[f"{path}.weight"], w[f"{path}.bias"], stride, pad)

    h = F.max_pool2d(torch.relu(conv(x.movedim(-1, 1), "stem")), 2)
    for i in range(len(widths)):
        if i > 0:
            path = f"downsample{i - 1}"
            g = conv(torch.relu(conv(h, f"{path}.conv2d0", 2)), f"{path}.conv2d1")
            h = torch.relu(g + conv(h, f"{path}.shortcut", 2, 0))
        for j in range(blocks):
            path = f"residual{i * blocks + j}"
            h = torch.relu(h + conv(torch.relu(conv(h, f"{path}.conv2d0")), f"{path}.conv2d1"))
    pooled = h.mean((2, 3)) if mean else h.amax((2, 3))
    return torch.softmax(pooled @ w["head.weight"].T + w["head.bias"], -1)


@pytest.mark.parametrize(
    ("options", "widths", "blocks"),
    [("", [16, 32], 3), (", widths=[4, 8, 8], blocks=1, kernel=3, pool=global_mean_pool2d", [4, 8, 8], 1)],
)
def test_layers(options: str, widths: list[int], blocks: int) -> None:
    module, rng = classifier(options), np.random.default_rng(0)
    # smaller than at the start, so that probabilities are not 0 and 1
    weights = {path: value / 2 for path, value in moved_weights(module, rng).items()}
    x, w = rng.exponential(0.3, (3, 32, 28, 2)), tensors(weights, "end_to_end0.")
    expected = written_out(torch.from_numpy(x), w, widths, blocks, "mean" in options).numpy()
    assert np.ptp(expected[:, 0]) > 1e-3
    np.testing.assert_allclose(by_torch(module, weights, x=x), expected, rtol=0, atol=1e-12)
    events = [{"x": image} for image in x]
    np.testing.assert_allclose(np.array(run(module, events, weights)["output"]), expected, rtol=0, atol=1e-9)
    np.testing.assert_allclose(np.array(Compiled(module, weights)(events)["output"]), expected, rtol=0, atol=1e-5)


def test_number_of_weights() -> None:
    """Of one channel and two classes; a layer's weights are its window, inputs and outputs, and a bias for each."""
    first, narrow, wide = 7**2 * 16 + 16, 3**2 * 16 * 16 + 16, 3**2 * 32 * 32 + 32
    halve = (3**2 * 16 * 32 + 32) + wide + (16 * 32 + 32)
    assert size_of(classifier(image="row, col, 1")) == first + 6 * narrow + halve + 6 * wide + 32 * 2 + 2 == 84706
    layers = [p for p in classifier().params if p.endswith(".weight") and "shortcut" not in p and "head" not in p]
    assert len(layers) == 15


def test_it_learns_where_energy_is_narrow() -> None:
    """One spot against two beside each other, of the same total: no sum or maximum of the image tells them apart."""
    module, rng = classifier(", widths=[8, 8], blocks=1", "row, col, 1"), np.random.default_rng(2)
    grid = np.stack(np.meshgrid(np.arange(32), np.arange(28), indexing="ij"), -1)

    def image(two: bool) -> Any:
        centre, angle = rng.uniform(8, 20, 2), rng.uniform(0, 2 * np.pi)
        shift = 2.5 * np.array([np.cos(angle), np.sin(angle)]) * two
        spots = [np.exp(-((grid - centre - s * shift) ** 2).sum(-1) / 2) for s in (-1, 1)]
        return (spots[0] + spots[1]) / 2

    truth = np.arange(64) % 2
    x = torch.from_numpy(np.stack([image(bool(t)) for t in truth])[..., None].astype(np.float32))
    model = to_torch(module, initial_weights(module)).train()
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(40):
        optimiser.zero_grad()
        loss = F.nll_loss(torch.log(model({"x": x[:48]})["output"] + 1e-9), torch.from_numpy(truth[:48]))
        torch.autograd.backward(loss)
        optimiser.step()
    with torch.no_grad():
        found = model.eval()({"x": x[48:]})["output"].argmax(1).numpy()
    assert (found == truth[48:]).mean() > 0.85
