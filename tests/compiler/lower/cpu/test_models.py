# SPDX-License-Identifier: Apache-2.0
"""Whole models in machine code: the promises an analysis relies on."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from hepq.compiler.ir import interpret
from hepq.compiler.ir.infer import make
from hepq.compiler.ir.node import Module, Node
from hepq.compiler.lower.cpu import LoweringError, build_tir, lower
from hepq.compiler.lower.cpu.plan import MAX_ROWS
from hepq.compiler.targets import cpu
from hepq.core.types import Dim, Type
from tests.lang.elaborate.test_elaborate import built
from tests.support.generate import random_weights
from tests.support.graphs import jets, particle_net
from tests.support.tvm_call import Compiled, runnable

TARGETS = [t for t in ("cpu:x86-64-v3", "cpu:x86-64-v4", "cpu:armv8-a") if runnable(t)]
K = 5


def tagger(bound: int = 40) -> Module:
    """Widths that fill vectors, do not, and leave a panel half full."""
    return particle_net(bound=bound, features=7, widths=(20, 48, 64), k=K, classes=10)


def weights_of(module: Module) -> dict[str, Any]:
    weights = random_weights(module, np.random.default_rng(3))
    return {p: w / np.sqrt(w.shape[-1]) if w.ndim == 2 else w for p, w in weights.items()}


@cache
def compiled(bound: int, target: str = "cpu") -> Compiled:
    module = tagger(bound)
    return Compiled(module, weights_of(module), target)


@pytest.mark.parametrize("target", TARGETS)
def test_particle_net_at_every_kind_of_multiplicity(target: str) -> None:
    events = jets(np.random.default_rng(4), [0, 1, 2, K - 1, K, K + 1, 8, 16, 17, 39, 40], 7)
    module = tagger()
    expected = interpret.run(module, events, weights_of(module))["logits"]
    np.testing.assert_allclose(compiled(40, target)(events)["logits"], expected, 1e-4, 1e-5)


def test_a_larger_bound_changes_no_bit() -> None:
    events = jets(np.random.default_rng(5), [0, 1, 3, 20, 40], 7)
    scores = [np.stack(compiled(bound)(events)["logits"]) for bound in (40, 64, 128, 200)]
    assert all((s == scores[0]).all() for s in scores)


def test_an_event_does_not_see_its_neighbours_in_the_batch() -> None:
    events = jets(np.random.default_rng(6), [12, 0, 40, 3, 25], 7)
    together = np.stack(compiled(40)(events)["logits"])
    split = np.stack(compiled(40)(events, ranges=[(3, 5), (0, 3)])["logits"])
    alone = np.stack([compiled(40)([e])["logits"][0] for e in events])
    assert (together == split).all()
    assert (together == alone).all()


def attention(bound: int = 20, heads: int = 2, depth: int = 6) -> Module:
    """Multi-head attention over particles with a pair bias, then a learnt pooling."""
    part, pair, head = Dim("part", bound=bound), Dim("part", bound=bound, primes=1), Dim("head", heads)
    feat, chan, depth_dim = Dim("feat", 5), Dim("chan", heads * depth), Dim("depth", depth)
    x = make("input", name="x", type=Type("real", (part, feat)))

    def project(name: str) -> Node:
        w = make("param", path=name, init=("normal", 0, 1), trainable=True, type=Type("real", (feat, chan)))
        flat = make("contract", x, w, over=(feat,))
        return make("unflatten", flat, dim=chan, into=(head, depth_dim))

    def primed(node: Node) -> Node:
        return make("rename", node, src=part, dst=pair)

    q, k, v = project("q"), primed(project("k")), primed(project("v"))
    bias = make("reduce_sum", make("abs", make("sub", x, primed(x))), over=(feat,))
    scores = make("sub", make("mul", make("contract", q, k, over=(depth_dim,)), make("const", value=0.3)), bias)
    weight = make("exp", make("sub", scores, make("reduce_max", scores, over=(pair,))))
    weight = make("div", weight, make("reduce_sum", weight, over=(pair,)))
    mixed = make("contract", weight, v, over=(pair,))
    joined = make("flatten", mixed, dims=(head, depth_dim), dst=chan)
    return Module("attention", (x,), {"y": joined, "pooled": make("reduce_max", joined, over=(part,))})


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("bound", "counts"), [(20, (0, 1, 2, 9, 16, 20)), (2 * MAX_ROWS + 9, (MAX_ROWS, MAX_ROWS + 1, 2 * MAX_ROWS + 9))]
)
def test_attention(target: str, bound: int, counts: tuple[int, ...]) -> None:
    """Particles of other tiles are attended to as well as those of one's own."""
    module, rng = attention(bound), np.random.default_rng(7)
    weights = random_weights(module, rng)
    events = [{"x": rng.normal(size=(n, 5))} for n in counts]
    got, expected = Compiled(module, weights, target)(events), interpret.run(module, events, weights)
    for name in module.outputs:
        for a, b in zip(got[name], expected[name], strict=True):
            np.testing.assert_allclose(a, b, 1e-4, 1e-5)


def test_code_asks_nothing_of_the_tvm_runtime() -> None:
    assert b"TVMBackend" not in compiled(40).code.library


def test_arguments_are_named_in_order() -> None:
    assert compiled(40).code.arguments == (
        "begin", "end", "offsets:part", "input:pos", "input:x", "weights", "scratch", "iscratch", "lscratch",
        "output:logits",
    )  # fmt: skip


def test_tir_can_be_read() -> None:
    module = tagger()
    assert "def hepq_main(" in build_tir(module, weights_of(module), cpu.parse("cpu")).script()


def test_layouts_the_calling_convention_lacks_are_refused() -> None:
    part, feat = Dim("part", bound=4), Dim("feat", 3)
    x = make("input", name="x", type=Type("real", (feat, part)))
    with pytest.raises(LoweringError, match="input x has a ragged dim that is not its first"):
        lower(Module("m", (x,), {"y": make("neg", x)}), {}, cpu.parse("cpu"))
    x = make("input", name="x", type=Type("real", (part,)))
    pairs = make("sub", x, make("rename", x, src=part, dst=part.prime()))
    triples = make("sub", pairs, make("rename", x, src=part, dst=part.prime(2)))
    with pytest.raises(LoweringError, match="output y"):
        lower(Module("m", (x,), {"y": triples}), {}, cpu.parse("cpu"))


def test_an_event_too_large_for_its_addresses_is_refused() -> None:
    part = Dim("part", bound=60_000)
    x = make("input", name="x", type=Type("real", (part,)))
    pairs = make("sub", x, make("rename", x, src=part, dst=part.prime()))
    both = make("add", pairs, make("reduce_sum", pairs, over=(part,)))
    out = make("reduce_sum", both, over=(part.prime(),))
    with pytest.raises(LoweringError, match="lower a bound"):
        build_tir(Module("m", (x,), {"y": out}), {}, cpu.parse("cpu"))


REPEATED = """
from std.nn import Dense
model Repeated(x: real[feat]) -> real[feat] {
  step = Dense[feat]
  for _ in 0..20 {
    x = x |> step |> relu
  }
  return x
}
"""


def test_weights_of_a_block_applied_often_are_held_once() -> None:
    module = built("dim wide = 48\n" + REPEATED.replace("feat", "wide")).module
    weights = random_weights(module, np.random.default_rng(0))
    model = Compiled(module, weights)
    assert 48 * 48 <= len(model.code.packed) < 2 * 48 * 48
    x = np.random.default_rng(1).normal(size=48).astype(np.float32)
    (wanted,) = interpret.run(module, [{"x": x}], weights)["output"]
    np.testing.assert_allclose(model([{"x": x}])["output"][0], wanted, rtol=1e-4, atol=1e-4 * np.abs(wanted).max())
