# SPDX-License-Identifier: Apache-2.0
"""Attention in one step is attention node by node."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.shared.stdlib_programs import event_of, moved_weights
from hepq.compiler.ir.interpret import run
from hepq.compiler.ir.node import Module
from hepq.compiler.lower.torch.attention import attend, attentions
from hepq.compiler.lower.torch.module import pad_events, to_torch
from hepq.compiler.lower.torch.ops import dropped
from tests.compiler.lower.torch.test_layout import agree
from tests.lang.elaborate.test_elaborate import built

HEADER = """from std.nn import Dense, Dropout, SelfAttention
dim head = 2
dim sub = 3
dim asked = 4
"""
HEADS = """
  dim wide = 6
  q = unflatten(x |> Dense[wide], wide, [head, sub])
  k = prime(unflatten(x |> Dense[wide], wide, [head, sub]), part)
  v = prime(unflatten(x |> Dense[wide], wide, [head, sub]), part)
"""
FORMS = {
    "heads and a bias of pairs": """model M(x: real[part, feat]) -> real[part, head, sub] {%s
      bias = abs(x - prime(x, part)) |> Dense[head]
      return dot(softmax(bias + dot(q, k, over=sub) / 3, over=part'), v, over=part')
    }""",
    "a bias that is the same for all queries": """model M(x: real[part, feat]) -> real[part, head, sub] {%s
      bias = sum(k, over=sub)
      return dot(v, softmax(0.5 * dot(k, q, over=sub) + bias, over=part'), over=part')
    }""",
    "queries that no event changes": """model M(x: real[part, feat]) -> real[asked, sub] {
      param q: real[asked, sub] ~ normal(0, 1)
      k = x |> Dense[sub]
      return dot(softmax(dot(q, k, over=sub), over=part), x |> Dense[sub], over=part)
    }""",
    "two dims of queries": """model M(x: real[part, feat]) -> real[asked, head, part, sub] {
      param q: real[asked, head, feat] ~ normal(0, 1)
      a = softmax(dot(q + x, prime(x, part), over=feat), over=part')
      return dot(a, prime(x |> Dense[sub], part), over=part')
    }""",
    "weights between features": """model M(x: real[part, feat]) -> real[part, feat] {
      y = prime(x |> Dense[feat], feat)
      return dot(softmax(dot(x, y, over=part), over=feat'), y, over=feat')
    }""",
    "weights of features whose padding is not 0": """model M(x: real[part, feat]) -> real[part, feat] {
      graph = knn[2, short="zero"](x, over=part)
      param b: real[feat] ~ normal(0, 1)
      y = sum(gather(x, graph), over=last(graph)) + b
      return dot(softmax(dot(y, prime(y, feat), over=part), over=feat'), prime(x, feat), over=feat')
    }""",
    "the library's": "model M(x: real[part, feat]) -> real[part, feat] = x |> SelfAttention[1]",
}
OTHERS = {
    "of a value that is no product": """model M(x: real[part, feat]) -> real[feat] =
      dot(softmax(x, over=part), x, over=part)""",
    "weights that the values share a query with": """model M(x: real[part, feat]) -> real[part, feat] {
      a = softmax(dot(x, prime(x, part), over=feat), over=part')
      return dot(a, x * prime(x, part), over=part')
    }""",
    "of each particle to its neighbours": """model M(x: real[part, feat]) -> real[part, feat] {
      graph = knn[3, short="zero"](x, over=part)
      near = gather(x, graph)
      a = softmax(dot(x, near, over=feat), over=last(graph))
      return dot(a, near, over=last(graph))
    }""",
    "a sum over queries": """model M(x: real[part, feat]) -> real[part, feat] {
      a = softmax(dot(x, prime(x, part), over=feat), over=part)
      return dot(a, prime(x, part), over=part')
    }""",
}


def module_of(text: str) -> Module:
    return built(HEADER + text.replace("%s", HEADS)).module


@pytest.mark.parametrize("form", FORMS)
def test_attention_is_found_and_changes_nothing(form: str) -> None:
    module, rng = module_of(FORMS[form]), np.random.default_rng(0)
    assert len(attentions(module)) == 1
    events = [event_of(module, n, rng) for n in (1, 2, 7, 16)]
    agree(module, moved_weights(module, rng), events)
    agree(module, moved_weights(module, rng), events[:1])


@pytest.mark.parametrize("form", FORMS)
def test_attention_to_nothing(form: str) -> None:
    module, rng = module_of(FORMS[form]), np.random.default_rng(0)
    weights = moved_weights(module, rng)
    for sizes in ((0, 3), (0,)):
        events = [event_of(module, n, rng) for n in sizes]
        inputs, counts = pad_events(events, module, torch.float64)
        model = to_torch(module, weights).double()
        made = model(inputs, counts)["output"]
        made.sum().backward()
        assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
        for mine, reference in zip(made.detach(), run(module, events, weights)["output"], strict=True):
            mine = mine[tuple(slice(n) for n in reference.shape)]
            np.testing.assert_allclose(mine, reference, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("form", OTHERS)
def test_other_products_of_softmaxes_are_left_alone(form: str) -> None:
    module, rng = module_of(OTHERS[form]), np.random.default_rng(0)
    assert not attentions(module)
    agree(module, moved_weights(module, rng), [event_of(module, n, rng) for n in (0, 1, 5)])


def operands() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """q, k, v and a bias of 2 x 3 groups, 4 queries, 5 keys."""
    rng = torch.Generator().manual_seed(3)
    shapes = ((6, 4, 7), (6, 7, 5), (6, 5, 2), (2, 1, 4, 5))
    q, k, v, bias = (torch.randn(s, generator=rng, dtype=torch.float64, requires_grad=True) for s in shapes)
    return q, k, v, bias


PADDING = torch.tensor([[False] * 5, [False, False, False, True, True]])[:, None, None, :]


def attended(q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
    torch.manual_seed(11)
    return attend(q, k, v, bias, PADDING, [2, 3, 4, 5], 0.3)


def test_what_is_dropped_is_dropped_in_the_gradient_too() -> None:
    q, k, v, bias = operands()
    a = torch.softmax(((q @ k).view(2, 3, 4, 5) + bias).masked_fill(PADDING, -torch.inf), -1).view(6, 4, 5)
    torch.manual_seed(11)
    plain = dropped(a, 0.3) @ v
    torch.testing.assert_close(attended(q, k, v, bias), plain)
    assert torch.autograd.gradcheck(attended, (q, k, v, bias))


def test_attention_in_mixed_precision() -> None:
    module, rng = module_of(FORMS["heads and a bias of pairs"]), np.random.default_rng(0)
    inputs, counts = pad_events([event_of(module, n, rng) for n in (3, 9)], module)
    model = to_torch(module, moved_weights(module, rng)).float()
    exact = model(inputs, counts)["output"].detach()
    with torch.autocast("cpu", torch.bfloat16):
        mixed = model(inputs, counts)["output"]
    mixed.float().square().sum().backward()
    torch.testing.assert_close(mixed.float(), exact, rtol=0.1, atol=0.1 * float(exact.abs().max()))
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
