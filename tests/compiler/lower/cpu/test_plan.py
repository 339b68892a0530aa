# SPDX-License-Identifier: Apache-2.0
"""What code generation decides before it writes any code: shapes of contractions, and stages."""

from __future__ import annotations

import numpy as np
import pytest

from hepq.compiler.ir.infer import make
from hepq.compiler.ir.interpret import run
from hepq.compiler.ir.node import Module, Node
from hepq.compiler.ir.verify import verify
from hepq.compiler.lower.cpu.inline import Inlining
from hepq.compiler.lower.cpu.plan import make_plan
from hepq.compiler.lower.cpu.prepare import matrix_product, prepare
from hepq.core.types import Dim, Type

PART, HEAD, CHAN, OUT = Dim("part", bound=9), Dim("head", 2), Dim("chan", 3), Dim("out", 4)


def source(name: str, *dims: Dim) -> Node:
    return make("input", name=name, type=Type("real", dims))


def param(path: str, *dims: Dim) -> Node:
    return make("param", path=path, init=("normal", 0.0, 1.0), trainable=True, type=Type("real", dims))


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(
    ("activation", "weight", "product"),
    [
        ((PART, CHAN), (OUT, CHAN), True),
        ((CHAN, PART), (CHAN, OUT), True),
        ((PART, HEAD, CHAN), (HEAD, OUT, CHAN), False),
        ((PART, HEAD, CHAN), (HEAD, CHAN), False),
        ((PART, CHAN), (CHAN,), False),
        ((HEAD, PART, CHAN), (OUT, CHAN), True),
    ],
)
def test_contractions_with_weights(
    activation: tuple[Dim, ...], weight: tuple[Dim, ...], product: bool, first: bool
) -> None:
    """Products of matrices where no dim is shared and one is new; each gives what it gave."""
    rng = np.random.default_rng(0)
    operands = (param("w", *weight), source("x", *activation))
    x = operands[1]
    node = make("contract", *(operands if first else operands[::-1]), over=(CHAN,))
    if x.type.dims[0] is not PART:  # only the first dim of an input may be ragged
        x = source("x", PART, *(d for d in activation if d is not PART))
        turned = make("transpose", x, type=x.type.with_dims(activation))
        node = make("contract", operands[0], turned, over=(CHAN,))
    result = make("transpose", node, type=node.type.with_dims(sorted(node.type.dims, key=lambda d: not d.ragged)))
    module = Module("m", (x,), {"y": result})
    weights = {"w": rng.normal(size=[d.size or 0 for d in weight]).astype(np.float32)}
    events = [{"x": rng.normal(size=[d.size or 5 for d in x.type.dims])}]
    made, folded = prepare(module, weights)
    verify(made)
    (contraction,) = [n for n in made.walk() if n.op == "contract"]
    assert (matrix_product(contraction) is not None) == product
    assert contraction.operands[1].op == "param"
    np.testing.assert_allclose(run(made, events, folded)["y"][0], run(module, events, weights)["y"][0], rtol=1e-6)


def stages(*outputs: Node) -> list[tuple[str, list[str]]]:
    inputs = tuple(n for n in Module("m", (), dict(enumerate(outputs))).walk() if n.op == "input")  # type: ignore[arg-type]
    weights = {"w": np.ones((4, 3), np.float32), "v": np.ones((3, 4), np.float32)}
    module, _ = prepare(Module("m", inputs, {f"y{i}": y for i, y in enumerate(outputs)}), weights)
    return [(str(s.tile), [n.op for n in s.nodes if n.op != "input"]) for s in make_plan(module, 8).stages]


def test_what_reads_its_own_entry_is_one_stage() -> None:
    """And what reads others starts the next."""
    x = source("x", PART, CHAN)
    h = make("contract", x, param("w", OUT, CHAN), over=(CHAN,))
    back = make("contract", make("exp", h), param("v", CHAN, OUT), over=(OUT,))
    assert stages(back) == [("None", []), ("part", ["contract", "exp", "contract"])]
    total = make("reduce_sum", back, over=(PART,))
    again = make("contract", make("add", back, total), param("w", OUT, CHAN), over=(CHAN,))
    inner, last = ["contract", "exp", "contract"], ["add", "contract"]
    assert stages(again) == [("None", []), ("part", inner), ("None", ["reduce_sum"]), ("part", last)]


def test_what_is_computed_where_it_is_read() -> None:
    """Each entry once: in a sum, in an operation of its own shape, in what joins; not where entries repeat."""
    x, y = source("x", PART, CHAN), source("y", PART)
    e = make("exp", x)
    for user, inlined in (
        (make("reduce_sum", e, over=(CHAN,)), True),
        (make("reduce_max", e, over=(PART,)), True),
        (make("add", e, make("exp", x)), True),
        (make("concat", e, x, along=(CHAN, CHAN), dim=Dim("6", 6)), True),
        (make("mul", make("exp", y), x), False),
        (make("add", e, make("neg", e)), False),
    ):
        node = next(n for n in user.operands if n.op == "exp")
        module = Module("m", tuple(n for n in Module("m", (), {"u": user}).walk() if n.op == "input"), {"u": user})
        assert Inlining.of(module).stored(node) == (not inlined), user.op
    assert Inlining.of(Module("m", (x,), {"e": e, "n": make("neg", e)})).stored(e)
