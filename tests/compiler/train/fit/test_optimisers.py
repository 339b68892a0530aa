# SPDX-License-Identifier: Apache-2.0
"""Optimisers and schedules do what their papers say."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from hepq.compiler.train.data.table import ahead, batches
from hepq.compiler.train.fit.optimisers import Lookahead, factor, make_optimiser
from hepq.lang.declarations.train_settings import OPTIMISERS, SCHEDULES, Spec


def curve(name: str, **args: float) -> list[float]:
    spec = Spec.default(name, SCHEDULES, **args)
    return [factor(spec, i, 100) for i in range(100)]


def test_schedules_go_where_they_should() -> None:
    assert curve("constant") == [1.0] * 100
    warm = curve("cosine", warmup=0.1, floor=0.2)
    assert warm[5] == pytest.approx(0.5, abs=1e-3)
    assert max(warm) == pytest.approx(1)
    assert warm[55] == pytest.approx(0.6)
    assert warm[-1] == pytest.approx(0.2, abs=1e-2)
    cycle = curve("one_cycle")
    assert cycle[0] == pytest.approx(0.04)
    assert cycle[30] == pytest.approx(1)
    assert all(a < b for a, b in pairwise(cycle[:31]))
    assert all(a > b for a, b in pairwise(cycle[30:]))
    flat = curve("flat_decay")
    assert flat[69] == 1
    assert flat[85] == pytest.approx(0.1)
    assert flat[99] == pytest.approx(0.01, rel=0.2)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_every_optimiser_finds_the_bottom_of_a_bowl(name: str) -> None:
    x = torch.tensor([3.0, -2.0], requires_grad=True)
    optimiser = make_optimiser(Spec.default(name, OPTIMISERS, lr=0.05), [{"params": [x], "factor": 1.0}])
    for _ in range(600):
        x.grad = None
        (x * x).sum().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert x.abs().max() < 0.05


def test_lookahead_pulls_the_slow_weights() -> None:
    x = torch.tensor([8.0], requires_grad=True)
    optimiser = Lookahead(torch.optim.SGD([x], lr=0.25), every=2, pull=0.5)
    seen = []
    for _ in range(4):
        x.grad = None
        (x * x).sum().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        seen.append(x.item())
    assert seen == [4, 5, 2.5, 3.125]  # 8 → 4 → 2, half way back: 5 → 2.5 → 1.25, half way back


def test_an_epoch_has_every_event_once() -> None:
    made = batches(np.arange(10, 143), 64, np.random.default_rng(0))
    assert [len(b) for b in made] == [64, 64, 5]
    assert sorted(np.concatenate(made)) == list(range(10, 143))
    assert np.concatenate(made).tolist() != list(range(10, 143))


def test_batches_are_made_ahead_and_in_order() -> None:
    items = [np.array([i]) for i in range(7)]
    found = list(ahead(items, lambda i, item: (i, int(item[0]))))
    assert [made for _, made in found] == [(i, i) for i in range(7)]

    def broken(i: int, item: Any) -> int:
        return 1 // (3 - i)

    with pytest.raises(ZeroDivisionError):
        list(ahead(items, broken))
