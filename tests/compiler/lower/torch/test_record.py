# SPDX-License-Identifier: Apache-2.0
"""What is recorded of a module's calls gives what the module gives, and what cannot be recorded is not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from hepq.compiler.ir.node import Module
from hepq.compiler.lower.torch import module as lowering
from hepq.compiler.lower.torch.module import TorchModule, pad_events, to_torch
from hepq.compiler.lower.torch.record import Recorder
from hepq.core.types import Dim, Type
from tests.lang.elaborate.test_elaborate import built
from tests.support import generate

NETWORK = """
from std.nn import BatchNorm, Dense, Dropout, LayerNorm, softmax
dim obs = 5
model Net(x: real[obs]) -> real[cls] {
  h = x |> Dense[8] |> relu |> BatchNorm |> Dropout[0.5]
  return h |> Dense[8] |> LayerNorm |> tanh |> Dense[cls] |> softmax
}
"""


def recorded(net: TorchModule) -> list[bool]:
    """Of each of its settings that came twice, whether what is called could be recorded."""
    return [replay is not None for replay in net._replays.values()]


def test_random_modules_give_the_same_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    def fixed(dim: Dim) -> Dim:
        return Dim(dim.name, dim.bound) if dim.ragged else dim

    kinds = {name: Type(t.elem, tuple(map(fixed, t.dims))) for name, t in generate.INPUTS.items()}
    for name, value in {"PART": fixed(generate.PART), "TRACK": fixed(generate.TRACK), "INPUTS": kinds}.items():
        monkeypatch.setattr(generate, name, value)
    replays = []
    for seed in range(40):
        module, rng = generate.seeded_module(seed), np.random.default_rng(seed)
        net = to_torch(module, generate.random_weights(module, rng)).eval()
        for i in range(4):
            given = pad_events(generate.random_events(module, rng, 3), module, torch.float64)
            expected = net._interpreted(*given, None, None)
            found = net(*given)
            assert all(torch.equal(found[name], value) for name, value in expected.items()), (seed, i)
        replays += recorded(net)
    assert len(replays) == 40
    assert sum(replays) > 20


@pytest.mark.case("threads")
def test_training_is_the_same_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    module = built(NETWORK).module

    def trained(net: TorchModule) -> tuple[list[Tensor], dict[str, Tensor]]:
        torch.manual_seed(0)
        rng, losses = np.random.default_rng(0), []
        for size in (16, 16, 16, 7, 16, 7, 7):
            loss = net.train()({"x": torch.tensor(rng.normal(size=(size, 5)), dtype=torch.float32)})["output"][
                :, 0
            ].sum()
            grads = torch.autograd.grad(loss, list(net.parameters()))
            with torch.no_grad():
                for weight, grad in zip(net.parameters(), grads, strict=True):
                    weight.sub_(0.01 * grad)
            losses.append(loss.detach())
        return losses, net.state_dict()

    ours = to_torch(module, seed=1)
    losses, state = trained(ours)
    assert recorded(ours) == [True, True]
    monkeypatch.setattr(lowering, "RECORDINGS", 0)
    interpreted = to_torch(module, seed=1)
    interpreted._ragged = True
    expected, end = trained(interpreted)
    assert not recorded(interpreted)
    assert losses == expected
    assert all(torch.equal(state[path], end[path]) for path in end)


def test_weights_given_later_are_read() -> None:
    net = to_torch(built(NETWORK).module, seed=1).eval()
    x = {"x": torch.ones(3, 5)}
    before = [net(x)["output"] for _ in range(3)]
    net.load_state_dict({path: value + 0.1 for path, value in net.state_dict().items()})
    after = net(x)["output"]
    assert torch.equal(before[0], before[2])
    assert not torch.equal(before[0], after)
    assert torch.equal(after, net._interpreted(x, None, None, None)["output"])


@pytest.mark.parametrize(
    "compute",
    [
        lambda x: x[x > 0],
        lambda x: x.nonzero(),
        lambda x: x * float(x.sum()),
        lambda x: x if bool((x > 0).all()) else -x,
        lambda x: x * torch.from_numpy(x.numpy()),
        lambda x: x[: int(x[0])],
        lambda x: torch.tensor(2.0).mul_(3) * x,
    ],
)
def test_what_looks_at_values_is_not_recorded(compute: Callable[[Tensor], Tensor]) -> None:
    x = torch.tensor([2.0, -3.0, 4.0])
    with Recorder([x]) as recorder:
        out = compute(x)
    assert recorder.replay([out]) is None


def test_a_derivative_of_its_own_is_not_recorded() -> None:
    class Doubled(torch.autograd.Function):
        @staticmethod
        def forward(ctx: object, x: Tensor) -> Tensor:
            return x * 2

        @staticmethod
        def backward(ctx: object, *grads: Tensor) -> Tensor:
            return grads[0] * 5

    x = torch.ones(3, requires_grad=True)
    with Recorder([x]) as recorder:
        out = Doubled.apply(x) + 1  # type: ignore[no-untyped-call]
    assert recorder.replay([out]) is None


def test_constants_are_made_once_and_noise_each_time() -> None:
    x = torch.ones(4)
    with Recorder([x]) as recorder:
        out = x + (torch.arange(4) * torch.tensor(2)).to(torch.float32) + torch.empty_like(x).random_(0, 1000)
    replay = recorder.replay([out])
    assert replay is not None
    first, second = replay(x)[0], replay(torch.zeros(4))[0]
    assert not torch.equal(first, second)
    assert torch.equal((first - torch.arange(4) * 2 - 1) % 1, torch.zeros(4))


def test_modules_with_ragged_dims_are_worked_out() -> None:
    module: Module = generate.seeded_module(3)
    net = to_torch(module, generate.random_weights(module, np.random.default_rng(0)))
    given = pad_events(generate.random_events(module, np.random.default_rng(0), 3), module)
    for _ in range(3):
        net(*given)
    assert not recorded(net)
