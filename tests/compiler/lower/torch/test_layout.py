# SPDX-License-Identifier: Apache-2.0
"""What makes the torch lowering fast changes nothing: packing, one of two symmetric pairs, functions in one pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from benchmarks.shared.stdlib_programs import event_of, module_of, moved_weights
from hepq.compiler.ir.interpret import run
from hepq.compiler.ir.node import Module, Node
from hepq.compiler.lower.torch.module import TorchModule, pad_events, to_torch
from hepq.compiler.lower.torch.ops import RULES
from hepq.compiler.lower.torch.plan import Plan
from hepq.compiler.lower.torch.values import Batch, Value, dense
from tests.lang.elaborate.test_elaborate import built
from tests.support.generate import modules, random_events, random_weights

Array = np.ndarray[Any, Any]
HEADER = "from std.nn import BatchNorm, Dense, Dropout, LayerNorm\n"


class Padded(TorchModule):
    """Node by node, everything padded, as the operations are written."""

    def _plan_of(self, outputs: Sequence[str] | None) -> Plan:
        return Plan(tuple(self.ir.walk()))

    def _compute(self, node: Node, values: Mapping[Node, Value], batch: Batch) -> Value:
        if node.op == "param":
            return super()._compute(node, values, batch)
        return RULES[node.op](node, [dense(values[o], batch) for o in node.operands], batch)


def trained(model: TorchModule, inputs: dict[str, Tensor], counts: dict[str, Tensor]) -> dict[str, Tensor]:
    """Outputs, gradients and statistics of a step of training."""
    outputs = model.double().train()(inputs, counts)
    real = [v.square().sum() + v.sum() for v in outputs.values() if v.requires_grad]
    if real:
        torch.autograd.backward(torch.stack(real).sum())
    gradients = {f"d {path}": p.grad for path, p in model.named_parameters() if p.grad is not None}
    found = {**{name: v.detach() for name, v in outputs.items()}, **gradients, **dict(model.named_buffers())}
    return {name: v.double() for name, v in found.items()}


def agree(module: Module, weights: Mapping[str, Array], events: list[dict[str, Array]]) -> None:
    batch = pad_events(events, module, torch.float64)
    fast, plain = (trained(kind(module, weights), *batch) for kind in (TorchModule, Padded))
    assert fast.keys() == plain.keys()
    for name, value in plain.items():
        np.testing.assert_allclose(
            fast[name], value, rtol=1e-8, atol=1e-8 * max(1.0, float(value.abs().max())), err_msg=name
        )


@settings(max_examples=60, deadline=None)
@given(modules(), st.integers(0, 2**31))
def test_a_step_of_training_is_that_of_padded_values(module: Module, seed: int) -> None:
    assume(all(node.op != "dropout" for node in module.walk()))
    rng = np.random.default_rng(seed)
    events = random_events(module, rng, 4)
    weights = random_weights(module, rng)
    values = [v for each in run(module, events, weights).values() for v in each]
    assume(all(np.abs(v).max(initial=0) < 1e3 for v in values))
    agree(module, weights, events)


@pytest.mark.parametrize(
    "text",
    [
        # pairs from one collection through a network with statistics, and back to particles
        """model M(x: real[part, feat]) -> real[part, cls] {
          q = prime(x, part)
          h = concat(abs(x - q), x * q) |> Dense[6] |> BatchNorm |> gelu |> Dense[4] |> BatchNorm
          return mean(h, over=part') |> LayerNorm |> Dense[cls] |> softmax
        }""",
        # half of the pairs are read by something that needs all, and by something that does not
        """model M(x: real[part, feat]) -> real[cls] {
          h = x * prime(x, part) |> Dense[cls] |> BatchNorm
          u = h * h + 0.5
          return sum(u, over=[part, part']) + sum(h - prime(x, part)[0] * x[1], over=[part, part'])
        }""",
        # attention
        """model M(x: real[part, feat]) -> real[cls] {
          k = prime(x |> Dense[feat] |> LayerNorm, part)
          a = softmax(dot(x, k, over=feat) + (abs(x - prime(x, part)) |> Dense[1])[0], over=part')
          return mean(dot(a, k, over=part'), over=part) |> Dense[cls]
        }""",
    ],
)
def test_pairs_of_particles(text: str) -> None:
    module, rng = built(HEADER + text).module, np.random.default_rng(0)
    events = [event_of(module, n, rng) for n in (0, 1, 2, 7, 16)]
    assert to_torch(module)._halved
    agree(module, moved_weights(module, rng), events)
    agree(module, moved_weights(module, rng), events[:1])


@pytest.mark.parametrize("dim", ["part", "part'"])
def test_packed_pairs_keep_their_places_when_a_dim_is_renamed(dim: str) -> None:
    """With part'' for part, what stood first stands last."""
    module = built(f"""{HEADER}model M(x: real[part, feat]) -> real[part, cls] {{
      q = prime(x, part)
      h = concat(abs(x - q), x * q[0], q) |> Dense[6] |> BatchNorm |> gelu |> Dense[cls]
      return sum(rename(h, {dim}, part'') * h, over=[part', part''])
    }}""").module
    rng = np.random.default_rng(0)
    agree(module, moved_weights(module, rng), [event_of(module, n, rng) for n in (0, 1, 2, 7, 16)])


@pytest.mark.parametrize(
    ("expression", "symmetric"),
    [
        ("p[0] + q[0]", True),
        ("p[0] * q[1] + p[1] * q[0]", True),
        ("abs(p[0] - q[0])", True),
        ("(p[0] - q[0]) * (p[0] - q[0])", True),
        ("hypot(p[0] - q[0], p[1] - q[1])", True),
        ("max(p[0] - q[0], q[0] - p[0])", True),
        ("p[0] - q[0]", False),
        ("p[0] * q[1]", False),
        ("p[0] * abs(p[0] - q[0])", False),
        ("abs(p[0] - q[1])", False),
        ("p[0] / q[0]", False),
        ("abs(p[0] + q[0] - p[1])", False),
        ("Dropout[0.5](p[0] + q[0])", False),
    ],
)
def test_symmetric_formulas_are_found(expression: str, symmetric: bool) -> None:
    module = built(f"""{HEADER}model M(p: real[part, feat]) -> real[part] {{
      q = prime(p, part)
      return sum(2 * ({expression}), over=part')
    }}""").module
    (total,) = (node for node in module.walk() if node.op == "reduce_sum")
    assert (total.operands[0] in to_torch(module)._halved) == symmetric


@pytest.mark.parametrize(
    ("name", "count"), [("gelu", 1), ("softmax", 1), ("LayerNorm", 1), ("Dense", 1), ("SelfAttention", 6)]
)
def test_functions_of_the_library_are_computed_in_one_pass(name: str, count: int) -> None:
    """They are known by their formulas: whoever changes a formula in std.nn changes ir/formulas.py."""
    model = to_torch(module_of("nn", name))
    assert len(model._fused) == count
    assert len(model._plan_of(None).nodes) < len(list(model.ir.walk()))


def test_dropout_drops_as_many_as_it_should_and_keeps_the_mean() -> None:
    module = built(HEADER + "model M(x: real[feat]) -> real[feat] = x |> Dropout[0.3]").module
    model = to_torch(module).train()
    x = {"x": torch.ones(40_001, 5)}
    torch.manual_seed(1)
    first = model(x)["output"]
    torch.manual_seed(1)
    again = model(x)["output"]
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    assert first.unique().tolist() == pytest.approx([0, 1 / 0.7], rel=1e-4)
    assert float((first == 0).float().mean()) == pytest.approx(0.3, abs=4e-3)
    columns = (first == 0).double().T
    assert torch.corrcoef(columns).fill_diagonal_(0).abs().max() < 0.02
    torch.testing.assert_close(model.eval()(x)["output"], x["x"], rtol=0, atol=0)
