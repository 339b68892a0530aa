# SPDX-License-Identifier: Apache-2.0
"""Steps of a training: each moves its weights, by derivatives that are taken by these alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hepq.compiler.driver.compilation import build_training_file
from hepq.compiler.lower.torch.module import TorchModule, to_torch
from hepq.compiler.train import Recipe
from hepq.compiler.train.data.events import resolved
from hepq.compiler.train.fit.machine import Group
from hepq.compiler.train.fit.steps import Step, make_steps
from tests.compiler.train.programs import GAN, TAG, written


def made(tmp_path: Path, *parts: str) -> tuple[TorchModule, list[Step]]:
    built = build_training_file(written(tmp_path, *parts))
    net = to_torch(built.module)
    return net, make_steps(net, built.training, resolved(Recipe(), built))


def names(net: TorchModule, tensors: object) -> set[str]:
    ids = {id(t) for t in tensors}  # type: ignore[attr-defined]
    return {path for path, w in net.named_parameters() if id(w) in ids}


def test_the_weights_of_each_and_of_the_others(tmp_path: Path) -> None:
    net, (critic, generator) = made(tmp_path, GAN)
    every = {path for path, _ in net.named_parameters()}
    theirs = {path for path in every if path.startswith("critic.")}
    assert set(critic.weights) == names(net, generator.others) == theirs
    assert set(generator.weights) == names(net, critic.others) == every - theirs
    with critic.alone():
        assert {path for path, w in net.named_parameters() if w.requires_grad} == theirs
    assert all(w.requires_grad for w in net.parameters())

    def stopped() -> None:
        with generator.alone():
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        stopped()
    assert all(w.requires_grad for w in net.parameters())


def test_one_step_moves_all(tmp_path: Path) -> None:
    net, (step,) = made(tmp_path, TAG)
    assert step.loss is None
    assert set(step.weights) == {path for path, _ in net.named_parameters()}
    assert step.others == ()


def test_one_step_down_by_hand(tmp_path: Path) -> None:
    """Of sgd with momentum 0.9, gradients cut to a length; what the loss does not depend on stays."""
    _, (step,) = made(tmp_path, TAG, "train Own { optimiser = sgd(lr=0.5) }")
    body, head = step.weights["body.weight"], step.weights["head.weight"]
    before, other = body.detach().clone(), head.detach().clone()
    step.move(3 * body.sum(), 0.1, None, Group())
    torch.testing.assert_close(body.detach(), before - 0.5 * 0.1 * 3)
    step.move(3 * body.sum(), 1.0, 2.0, Group())
    length = 3 * body.numel() ** 0.5
    torch.testing.assert_close(body.detach(), before - 0.15 - 0.5 * (0.9 * 3 + 3 * 2 / length))
    torch.testing.assert_close(head.detach(), other)
