# SPDX-License-Identifier: Apache-2.0
"""The reference against answers worked out by hand or by plain loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hepq.compiler.ir.infer import make
from hepq.compiler.ir.interpret import evaluate, run, run_event
from hepq.compiler.ir.node import Module, Node
from hepq.core.types import Dim, Type
from tests.support.generate import modules, random_events, random_weights
from tests.support.graphs import jets, knn_nodes, particle_net

PART = Dim("part", bound=8)
PAIR = PART.prime()
FEAT = Dim("feat", 3)
XY = Dim("xy", 2)


def value_of(output: Node, weights: dict[str, Any] | None = None, **inputs: Any) -> Any:
    leaves = tuple(n for n in Module("m", (), {"y": output}).walk() if n.op == "input")
    arrays = {k: np.asarray(v) for k, v in inputs.items()}
    return run_event(Module("m", leaves, {"y": output}), arrays, weights or {})["y"]


def source(name: str, *dims: Dim, elem: Any = "real") -> Node:
    return make("input", name=name, type=Type(elem, dims))


def test_elementwise_aligns_by_name_not_by_position() -> None:
    a, b = source("a", PART, FEAT), source("b", FEAT)
    y = make("transpose", make("sub", b, a), type=Type("real", (FEAT, PART)))
    out = value_of(y, a=[[1, 2, 3], [4, 5, 6]], b=[10, 20, 30])
    np.testing.assert_array_equal(out, [[9, 6], [18, 15], [27, 24]])


def test_contraction_keeps_shared_dims_and_sums_the_named_ones() -> None:
    a, b = source("a", PART, XY, FEAT), source("b", FEAT, XY)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 2, 3)), rng.normal(size=(3, 2))
    out = value_of(make("contract", a, b, over=(FEAT,)), a=x, b=y)
    np.testing.assert_allclose(out, np.einsum("pxf,fx->px", x, y))
    out = value_of(make("contract", a, b, over=(FEAT, XY)), a=x, b=y)
    np.testing.assert_allclose(out, np.einsum("pxf,fx->p", x, y))


@pytest.mark.parametrize(
    ("op", "elem", "nothing"),
    [("sum", "real", 0), ("mean", "real", 0), ("max", "real", 0), ("min", "real", 0), ("any", "bool", False),
     ("all", "bool", True)],
)  # fmt: skip
def test_reductions_of_no_particle(op: str, elem: str, nothing: float) -> None:
    x = source("x", PART, FEAT, elem=elem)
    out = value_of(make(f"reduce_{op}", x, over=(PART,)), x=np.zeros((0, 3), bool if elem == "bool" else float))
    np.testing.assert_array_equal(out, [nothing] * 3)


@pytest.mark.parametrize("n", range(7))
@pytest.mark.parametrize("short", ["zero", "self"])
def test_knn_is_the_sorted_list_of_others(n: int, short: str) -> None:
    pos = np.random.default_rng(n).integers(0, 3, (n, 2)).astype(float)
    node = make("knn", source("pos", PART, XY), over=PART, coord=XY, nbr=Dim("nbr", 3), short=short)
    out = value_of(node, pos=pos)
    for i in range(n):
        others = sorted((((pos[i] - pos[j]) ** 2).sum(), j) for j in range(n) if j != i)
        nearest = [j for _, j in others][:3]
        assert list(out[i]) == nearest + [-1 if short == "zero" else i] * (3 - len(nearest))
    assert out.shape == (n, 3)


def test_gather_looks_up_by_index_and_minus_one_finds_zero() -> None:
    x = source("x", PART, FEAT)
    idx = make("input", name="i", type=Type("index", (PART, XY), into=PART))
    data = np.arange(9.0).reshape(3, 3) + 1
    out = value_of(make("gather", x, idx), x=data, i=[[1, 2], [0, -1], [-1, 2]])
    np.testing.assert_array_equal(out, [[data[1], data[2]], [data[0], [0] * 3], [[0] * 3, data[2]]])


def test_gather_aligns_a_dim_that_both_have() -> None:
    pairs = source("x", PART, PAIR)
    idx = make("input", name="i", type=Type("index", (PART, XY), into=PAIR))
    data = np.arange(9.0).reshape(3, 3)
    index = np.array([[1, 2], [0, 0], [-1, 1]])
    out = value_of(make("gather", pairs, idx), x=data, i=index)
    np.testing.assert_array_equal(out, [[1, 2], [3, 3], [0, 7]])


def test_window_is_a_correlation_with_zeros_outside() -> None:
    x, win = source("x", PART), Dim("win", 3)
    y = make("window", x, dim=PART, win=win, stride=1, pad=1, dst=PART)
    np.testing.assert_array_equal(value_of(y, x=[1, 2, 3]), [[0, 1, 2], [1, 2, 3], [2, 3, 0]])
    assert value_of(y, x=[]).shape == (0, 3)
    grid = source("g", Dim("5", 5))
    y = make("window", grid, dim=Dim("5", 5), win=win, stride=2, pad=1, dst=Dim("3", 3))
    np.testing.assert_array_equal(value_of(y, g=[1, 2, 3, 4, 5]), [[0, 1, 2], [2, 3, 4], [4, 5, 0]])


def test_concat_joins_dims_of_different_names_and_broadcasts_the_rest() -> None:
    a, b = source("a", PART, FEAT), source("b", XY)
    y = make("concat", a, b, along=(FEAT, XY), dim=Dim("5", 5))
    out = value_of(y, a=[[1, 2, 3], [4, 5, 6]], b=[7, 8])
    np.testing.assert_array_equal(out, [[1, 2, 3, 7, 8], [4, 5, 6, 7, 8]])


def test_concat_where_the_dim_joined_is_kept_by_another_operand() -> None:
    a, b = source("a", FEAT), source("b", FEAT, XY)
    y = make("concat", a, b, along=(FEAT, XY), dim=Dim("5", 5))
    out = value_of(y, a=[1, 2, 3], b=[[4, 5], [6, 7], [8, 9]])
    np.testing.assert_array_equal(out, [[1, 2, 3, 4, 5], [1, 2, 3, 6, 7], [1, 2, 3, 8, 9]])


def test_batch_norm_uses_the_stored_statistics() -> None:
    x = source("x", PART, XY)
    stats = [make("param", path=p, init=("constant", 0.0), trainable=True, type=Type("real", (XY,))) for p in "wbmv"]
    y = make("batch_norm", x, *stats, channel=XY, eps=1.0, momentum=0.1)
    weights = {"w": [2, 1], "b": [0, 5], "m": [1, 0], "v": [3, 8]}
    np.testing.assert_allclose(value_of(y, weights, x=[[3, 6]]), [[2, 7]])


def test_flatten_is_row_major_and_unflatten_its_inverse() -> None:
    x = source("x", PART, FEAT, XY)
    data = np.arange(12.0).reshape(2, 3, 2)
    flat = make("flatten", x, dims=(FEAT, XY), dst=Dim("6", 6))
    np.testing.assert_array_equal(value_of(flat, x=data), data.reshape(2, 6))
    back = make("unflatten", flat, dim=Dim("6", 6), into=(FEAT, XY))
    np.testing.assert_array_equal(value_of(back, x=data), data)


def test_numbers_of_an_event() -> None:
    x = source("x", PART)
    y = make("add", make("iota", dim=PART), make("count", dim=PAIR))
    module = Module("m", (x,), {"y": y})
    np.testing.assert_array_equal(run_event(module, {"x": np.zeros(3)}, {})["y"], [3, 4, 5])


@pytest.mark.parametrize(
    ("inputs", "message"),
    [({}, "input x is missing"), ({"x": np.zeros(3)}, "shape"), ({"x": np.zeros((2, 4))}, "dim feat"),
     ({"x": np.zeros((9, 3))}, "at most 8")],
)  # fmt: skip
def test_inputs_of_the_wrong_shape_are_named(inputs: dict[str, Any], message: str) -> None:
    module = Module("m", (source("x", PART, FEAT),), {"y": source("x", PART, FEAT)})
    with pytest.raises(ValueError, match=message):
        run_event(module, inputs, {})


def test_missing_and_misshapen_weights_are_named() -> None:
    w = make("param", path="a.w", init=("constant", 0.0), trainable=True, type=Type("real", (FEAT,)))
    module = Module("m", (), {"y": w})
    with pytest.raises(ValueError, match=r"weight a\.w is missing"):
        run_event(module, {}, {})
    with pytest.raises(ValueError, match=r"weight a\.w has shape \(2,\)"):
        run_event(module, {}, {"a.w": np.zeros(2)})


def test_values_can_be_captured_and_forced() -> None:
    module, rng = particle_net(), np.random.default_rng(0)
    weights = random_weights(module, rng)
    event = jets(rng, [6])[0]
    lists = knn_nodes(module)
    captured = evaluate(module, lists, event, weights)
    free = run_event(module, event, weights)["logits"]
    same = run_event(module, event, weights, forced={n: captured[n] for n in lists})["logits"]
    other = run_event(module, event, weights, forced={n: np.full((6, 3), -1) for n in lists})["logits"]
    np.testing.assert_array_equal(free, same)
    assert np.abs(free - other).max() > 1e-6


def test_permuting_particles_changes_nothing() -> None:
    module, rng = particle_net(), np.random.default_rng(1)
    weights = random_weights(module, rng)
    event = jets(rng, [11])[0]
    order = rng.permutation(11)
    shuffled = {name: value[order] for name, value in event.items()}
    a, b = run(module, [event, shuffled], weights)["logits"]
    np.testing.assert_allclose(a, b, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(modules(), st.integers(0, 2**31))
def test_every_value_has_its_declared_shape_and_float32_is_close(module: Module, seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = random_weights(module, rng)
    for event in random_events(module, rng, 3):
        sizes = {d.name: n for i in module.inputs for d, n in zip(i.type.dims, event[i["name"]].shape, strict=True)}
        values = evaluate(module, module.outputs.values(), event, weights)
        single = evaluate(module, module.outputs.values(), event, weights, np.float32)
        for node, value in values.items():
            for dim, n in zip(node.type.dims, value.shape, strict=True):
                assert n == dim.size if dim.size is not None else n == sizes.setdefault(dim.name, n) <= (dim.bound or 0)
            np.testing.assert_allclose(single[node], value, rtol=1e-4, atol=1e-4)
