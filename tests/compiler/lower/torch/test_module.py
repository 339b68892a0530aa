# SPDX-License-Identifier: Apache-2.0
"""torch agrees with the reference, trains, and never lets padding show."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from hepq.compiler.ir.infer import RULES, make
from hepq.compiler.ir.interpret import evaluate, run
from hepq.compiler.ir.node import Module, Node
from hepq.compiler.lower.torch.module import TorchModule, pad_events, to_torch
from hepq.compiler.lower.torch.norm import MaskedBatchNorm
from hepq.compiler.lower.torch.ops import RULES as LOWERED
from hepq.compiler.lower.torch.values import BATCH, Rows, Value, _rows_of
from hepq.compiler.passes.base import run_pipeline
from hepq.compiler.passes.cse import MergeEqual
from hepq.compiler.passes.linear_gather import LinearGather
from hepq.compiler.weights.initialise import initial_weights
from hepq.core.types import Dim, Type
from tests.support.generate import modules, random_events, random_weights
from tests.support.graphs import jets, knn_nodes, particle_net

TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-4}
COUNTS = [0, 1, 3, 16, 7]


def spoil(module: Module, inputs: Mapping[str, Tensor], counts: Mapping[str, Tensor]) -> None:
    """Garbage at every padded position, NaN where the element type has one."""
    for node in module.inputs:
        tensor = inputs[node["name"]]
        for axis, dim in enumerate(node.type.dims):
            if dim.ragged:
                for row, n in zip(tensor, counts[dim.name].tolist(), strict=True):
                    row.narrow(axis, n, row.shape[axis] - n).fill_(torch.nan if tensor.is_floating_point() else 1)


def gradients(model: TorchModule, outputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    real = [v.sum() for v in outputs.values() if v.requires_grad]
    if real:
        torch.autograd.backward(torch.stack(real).sum())
    return {n: p.grad for n, p in model.named_parameters() if p.grad is not None}


@pytest.fixture
def net() -> Module:
    return particle_net()


@pytest.fixture
def batch(net: Module) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    return pad_events(jets(np.random.default_rng(0), COUNTS), net, torch.float64)


def test_every_op_is_lowered() -> None:
    assert set(LOWERED) | {"param"} == set(RULES) - LOWERED.illegal


@settings(max_examples=80, deadline=None)
@given(modules(), st.integers(0, 2**31), st.sampled_from(list(TOLERANCE)))
def test_agrees_with_the_reference_whatever_is_in_the_padding(module: Module, seed: int, dtype: torch.dtype) -> None:
    rng = np.random.default_rng(seed)
    events, weights = random_events(module, rng, 4), random_weights(module, rng)
    expected = run(module, events, weights)
    model = to_torch(module, weights).to(dtype).eval()
    inputs, counts = pad_events(events, module, dtype)
    spoil(module, inputs, counts)
    outputs = model(inputs, counts)
    for name, values in expected.items():
        for got, value in zip(outputs[name], values, strict=True):
            inside = got[tuple(slice(n) for n in value.shape)]
            np.testing.assert_allclose(inside.detach(), value, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])
            assert got.count_nonzero() == inside.count_nonzero()
    for name, grad in gradients(model, outputs).items():
        assert grad.isfinite().all(), name


def test_agrees_on_a_batch_without_any_particle(net: Module) -> None:
    events = jets(np.random.default_rng(0), [0, 0])
    weights = initial_weights(net)
    expected = run(net, events, weights)["logits"]
    got = to_torch(net, weights).double().eval()(*pad_events(events, net, torch.float64))["logits"]
    np.testing.assert_allclose(got.detach(), expected, atol=1e-12)


def test_a_batch_of_one_equals_a_batch_of_many(net: Module, batch: Any) -> None:
    model = to_torch(net).double().eval()
    together = model(*batch)["logits"]
    for i, event in enumerate(jets(np.random.default_rng(0), COUNTS)):
        alone = model(*pad_events([event], net, torch.float64))["logits"]
        torch.testing.assert_close(alone[0], together[i], rtol=0, atol=1e-12)


@pytest.mark.parametrize("train", [False, True])
def test_more_padding_and_a_higher_bound_change_nothing(net: Module, batch: Any, train: bool) -> None:
    inputs, counts = batch
    raised = particle_net(bound=200)
    wide = {k: torch.nn.functional.pad(v, (0, 0, 0, 23), value=torch.nan) for k, v in inputs.items()}
    spoil(net, inputs, counts)
    results = []
    for module, given_inputs in ((net, inputs), (raised, wide)):
        torch.manual_seed(0)
        model = to_torch(module, seed=3).double().train(train)
        out = model(given_inputs, counts)
        results.append((out["logits"], gradients(model, out), dict(model.named_buffers())))
    torch.testing.assert_close(results[0], results[1], rtol=0, atol=1e-10)


def test_forced_neighbour_lists_are_used(net: Module) -> None:
    events, weights = jets(np.random.default_rng(0), [6, 9]), initial_weights(net)
    rng = np.random.default_rng(1)
    lists = [{n: rng.integers(-1, len(e["x"]), (len(e["x"]), 3)) for n in knn_nodes(net)} for e in events]
    expected = run(net, events, weights, forced=lists)["logits"]
    forced = {
        n: torch.stack([torch.nn.functional.pad(torch.tensor(one[n]), (0, 0, 0, 9 - len(one[n])), value=-1)
                        for one in lists])
        for n in knn_nodes(net)
    }  # fmt: skip
    got = to_torch(net, weights).double().eval()(*pad_events(events, net, torch.float64), forced=forced)["logits"]
    np.testing.assert_allclose(got.detach(), expected, atol=1e-12)


def test_knn_breaks_ties_as_the_reference_does() -> None:
    part, xy = Dim("part", bound=16), Dim("xy", 2)
    pos = make("input", name="pos", type=Type("real", (part, xy)))
    node = make("knn", pos, over=part, coord=xy, nbr=Dim("nbr", 6), short="self")
    module = Module("m", (pos,), {"y": node})
    rng = np.random.default_rng(0)
    events = [{"pos": rng.integers(0, 3, (n, 2)).astype(float)} for n in range(17)]
    got = to_torch(module)(*pad_events(events, module))["y"]
    for row, value in zip(got, run(module, events, {})["y"], strict=True):
        np.testing.assert_array_equal(row[: len(value)], value)
        assert (row[len(value) :] == -1).all()


def _same(module: Module, events: list[dict[str, Any]]) -> bool:
    """Does torch give what the reference gives?"""
    inputs, counts = pad_events(events, module, torch.float64)
    found = to_torch(module, {}).double()(inputs, counts)["y"]
    expected = run(module, events, {})["y"]
    parts = [got[tuple(map(slice, one.shape))].numpy() for got, one in zip(found, expected, strict=True)]
    return all(np.allclose(got, one, rtol=1e-12) for got, one in zip(parts, expected, strict=True))


def test_windows_of_a_transposed_value_lie_along_their_own_dim() -> None:
    part, xy = Dim("part", bound=8), Dim("xy", 2)
    pos = make("input", name="pos", type=Type("real", (part, xy)))
    turned = make("transpose", pos, type=Type("real", (xy, part)))
    windows = make("window", turned, dim=xy, win=Dim("win", 2), stride=2, pad=2, dst=Dim("3", 3))
    events = [{"pos": np.arange(2.0 * n).reshape(n, 2)} for n in (8, 5)]
    assert _same(Module("windows", (pos,), {"y": windows}), events)


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("src", [0, 1])
def test_dims_of_transposed_pairs_are_renamed_by_name(src: int, symmetric: bool) -> None:
    pair, other, feat = (
        (Dim("part", bound=8), Dim("part", bound=8, primes=1)),
        Dim("part", bound=8, primes=2),
        Dim("f", 3),
    )
    x, w = make("input", name="x", type=Type("real", pair[:1])), make("input", name="w", type=Type("real", (feat,)))
    y = make("rename", x, src=pair[0], dst=pair[1])
    pairs = make("mul", make("exp", make("add", x, y if symmetric else make("mul", y, y))), w)
    turned = make("tanh", make("transpose", pairs, type=Type("real", (feat, *pair[::-1]))))
    events = [{"x": np.linspace(-1, 1, n), "w": np.arange(3.0) / 2} for n in (8, 5)]
    assert _same(Module("renamed", (x, w), {"y": make("rename", turned, src=pair[src], dst=other)}), events)


def test_weights_bear_their_paths(net: Module) -> None:
    model = to_torch(net)
    assert set(model.state_dict()) == set(net.params)
    assert {n for n, _ in model.named_buffers()} == {p for p, n in net.params.items() if not n["trainable"]}
    other = to_torch(net, seed=1)
    other.load_state_dict(model.state_dict())
    torch.testing.assert_close(other.state_dict(), model.state_dict())


@pytest.mark.parametrize("path", ["train.forward", "type", "_modules.weight", "0.1.2", "ir"])
def test_any_path_is_a_good_name(path: str) -> None:
    w = make("param", path=path, init=("constant", 2.0), trainable=True, type=Type("real"))
    x = make("input", name="x", type=Type("real"))
    module = Module("m", (x,), {"y": make("mul", x, w)})
    model = to_torch(module)
    assert list(model.state_dict()) == [path]
    assert model({"x": torch.tensor([3.0])})["y"].tolist() == [6.0]


def test_a_copy_has_weights_of_its_own(net: Module, batch: Any) -> None:
    model = to_torch(net).double().eval()
    copied = copy.deepcopy(model)
    torch.testing.assert_close(copied(*batch), model(*batch))
    with torch.no_grad():
        copied.get_parameter("head.bias").add_(1)
    torch.testing.assert_close(copied(*batch)["logits"], model(*batch)["logits"] + 1)


def test_initial_weights_depend_on_seed_and_path_alone(net: Module) -> None:
    weights, again, other = initial_weights(net, 1), initial_weights(net, 1), initial_weights(net, 2)
    deeper = initial_weights(particle_net(depth=3), 1)
    for path in ("conv0.dense0.weight", "head.bias"):
        np.testing.assert_array_equal(weights[path], again[path])
        np.testing.assert_array_equal(weights[path], deeper[path])
        assert np.abs(weights[path] - other[path]).max() > 0
    assert np.abs(weights["conv0.dense0.weight"]).max() <= np.sqrt(6 / 8)
    np.testing.assert_array_equal(weights["bn.var"], np.ones(4))


def test_xavier_bound_counts_both_fans() -> None:
    dims = (Dim("out", 50), Dim("in", 70), Dim("win", 3))
    w = make("param", path="w", init=("xavier_uniform",), trainable=True, type=Type("real", dims))
    value = initial_weights(Module("m", (), {"y": w}))["w"]
    assert np.abs(value).max() == pytest.approx(np.sqrt(6 / 360), rel=1e-2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda i, c: i.pop("x"), "input x is missing"),
        (lambda i, c: i.update(x=i["x"][..., :2]), "input x has shape"),
        (lambda i, c: i.update(x=i["x"][:, :5]), "input x has shape"),
        (lambda i, c: c.clear(), "counts of dim part are missing"),
    ],
)
def test_wrong_inputs_are_named(net: Module, batch: Any, change: Any, message: str) -> None:
    inputs, counts = batch
    change(inputs, counts)
    with pytest.raises(ValueError, match=message):
        to_torch(net)(inputs, counts)


def test_wrong_weights_are_named(net: Module) -> None:
    weights = initial_weights(net)
    with pytest.raises(ValueError, match=r"weight head\.bias has shape"):
        to_torch(net, weights | {"head.bias": np.zeros(3)})
    del weights["head.bias"]
    with pytest.raises(ValueError, match=r"weight head\.bias is missing"):
        to_torch(net, weights)


# --- training -------------------------------------------------------------------------------


def test_batch_norm_in_training_sees_valid_entries_only() -> None:
    part, chan = Dim("part", bound=8), Dim("chan", 3)
    x = make("input", name="x", type=Type("real", (part, chan)))
    stats = [
        make("param", path=p, init=("constant", 1.0), trainable=p in "wb", type=Type("real", (chan,))) for p in "wbmv"
    ]
    y = make("batch_norm", x, *stats, channel=chan, eps=1e-5, momentum=0.1)
    module = Module("m", (x,), {"y": y})
    events = [{"x": np.random.default_rng(n).normal(size=(n, 3))} for n in (2, 5, 0)]
    model = to_torch(module).double()
    inputs, counts = pad_events(events, module, torch.float64)
    out = model(inputs, counts)["y"]

    packed = torch.tensor(np.concatenate([e["x"] for e in events]))
    peer = torch.nn.BatchNorm1d(3, eps=1e-5, momentum=0.1).double()
    peer.load_state_dict({"weight": torch.ones(3), "bias": torch.ones(3), "running_mean": torch.ones(3),
                          "running_var": torch.ones(3), "num_batches_tracked": torch.tensor(0)})  # fmt: skip
    expected = peer(packed)
    torch.testing.assert_close(torch.cat([out[0, :2], out[1, :5]]), expected)
    torch.testing.assert_close(model.get_buffer("m"), peer.running_mean)
    torch.testing.assert_close(model.get_buffer("v"), peer.running_var)
    assert (out[2] == 0).all()


def test_batch_norm_without_entries_keeps_its_statistics(net: Module) -> None:
    model = to_torch(net).double()
    before = {n: b.clone() for n, b in model.named_buffers()}
    model(*pad_events(jets(np.random.default_rng(0), [0, 0]), net, torch.float64))
    torch.testing.assert_close(dict(model.named_buffers()), before)


@pytest.mark.parametrize("masked", [False, True])
def test_gradient_of_batch_norm(masked: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    x, w, b = (torch.randn(s, 3, generator=generator, dtype=torch.float64, requires_grad=True) for s in (7, 1, 1))
    mask = torch.tensor([1, 1, 0, 1, 1, 0, 1.0], dtype=torch.float64) if masked else None

    def norm(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
        y: Tensor = MaskedBatchNorm.apply(x, w[0], b[0], mask, 1e-5)[0]  # type: ignore[no-untyped-call]
        return y

    assert torch.autograd.gradcheck(norm, (x, w, b))


def test_gradients_are_those_of_the_reference() -> None:
    """Finite differences of the interpreter, neighbour lists held fixed."""
    module, rng = particle_net(widths=(4,), depth=1), np.random.default_rng(5)
    weights, events = random_weights(module, rng), jets(rng, [5, 9])
    lists = [evaluate(module, knn_nodes(module), e, weights) for e in events]
    forced = [{n: found[n] for n in knn_nodes(module)} for found in lists]

    def loss(given_weights: Mapping[str, Any]) -> float:
        return float(sum(v.sum() for v in run(module, events, given_weights, forced=forced)["logits"]))

    model = to_torch(module, weights).double().eval()
    model(*pad_events(events, module, torch.float64))["logits"].sum().backward()
    for path, at in (
        ("conv0.dense0.weight", (1, 5)),
        ("conv0.sc.weight", (2, 1)),
        ("bn.bias", (0,)),
        ("head.bias", (1,)),
    ):
        step = np.zeros_like(weights[path])
        step[at] = 1e-6
        up, down = (loss(weights | {path: weights[path] + s}) for s in (step, -step))
        grad = model.get_parameter(path).grad
        assert grad is not None
        assert float(grad[at]) == pytest.approx((up - down) / 2e-6, rel=1e-6, abs=1e-8)


def test_training_may_use_rewritten_linear_maps(net: Module, batch: Any) -> None:
    rewritten, _ = run_pipeline((MergeEqual(), LinearGather()), net, {})
    assert len(list(rewritten.walk())) != len(list(net.walk()))
    found = []
    for module in (net, rewritten):
        torch.manual_seed(0)
        model = to_torch(module).double()
        out = model(*batch)
        found.append((out["logits"], gradients(model, out), dict(model.named_buffers())))
    torch.testing.assert_close(found[0], found[1], rtol=1e-9, atol=1e-9)


def test_a_few_steps_learn(net: Module) -> None:
    torch.manual_seed(0)
    model = to_torch(net)
    inputs, counts = pad_events(jets(np.random.default_rng(0), [5, 9, 12, 3] * 4), net)
    labels = torch.arange(16) % 2
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    losses = []
    for _ in range(25):
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(inputs, counts)["logits"], labels)
        torch.autograd.backward(loss)
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


def test_dropout_is_on_in_training_only() -> None:
    x = make("input", name="x", type=Type("real", (Dim("chan", 64),)))
    module = Module("m", (x,), {"y": make("dropout", x, p=0.5)})
    torch.manual_seed(0)
    ones = {"x": torch.ones(4, 64)}
    model = to_torch(module)
    assert set(model(ones)["y"].unique().tolist()) == {0.0, 2.0}
    assert (model.eval()(ones)["y"] == 1).all()


def test_outputs_without_a_batch_are_given_one() -> None:
    w = make("param", path="w", init=("constant", 2.0), trainable=True, type=Type("real", (Dim("c", 3),)))
    x = make("input", name="x", type=Type("real"))
    module = Module("m", (x,), {"y": w, "n": Node("const", (), {"value": 1}, Type("int"))})
    out = to_torch(module)({"x": torch.zeros(5)})
    assert out["y"].shape == (5, 3)
    assert out["n"].tolist() == [1] * 5


@pytest.mark.parametrize("values", [(0.0, 0.0), (3.0, 4.0), (0.0, 2.0)])
def test_masses_and_distances_of_nothing_have_finite_derivatives(values: tuple[float, float]) -> None:
    """The square root at 0 and hypot at (0, 0) have none; elsewhere they are what they are."""
    a, b = (make("input", name=n, type=Type("real")) for n in "ab")
    module = Module("m", (a, b), {"h": make("hypot", a, b), "s": make("sqrt", make("mul", a, a))})
    x, y = (torch.tensor([v], dtype=torch.float64, requires_grad=True) for v in values)
    found = to_torch(module, {})({"a": x, "b": y})
    (found["h"] + found["s"]).backward()
    length = float(np.hypot(*values))
    np.testing.assert_allclose(found["h"].detach(), [length])
    wanted = [0.0 if v == 0 else v / length for v in values]
    assert x.grad is not None
    assert y.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), [wanted[0] + (values[0] > 0)])
    np.testing.assert_allclose(y.grad.numpy(), [wanted[1]])


@pytest.mark.parametrize("short", ["zero", "self"])
def test_of_neighbours_equally_near_the_first_are_taken(short: str) -> None:
    """On a grid; more of them than a sort keeps in order by chance."""
    rng, part, xy = np.random.default_rng(4), Dim("part", bound=60), Dim("xy", 2)
    pos = make("input", name="pos", type=Type("real", (part, xy)))
    node = make("knn", pos, over=part, coord=xy, nbr=Dim("nbr", 7), short=short)
    module = Module("near", (pos,), {"near": node})
    events = [{"pos": rng.integers(0, 3, (n, 2)).astype(float)} for n in (60, 33, 5, 1)]
    got = to_torch(module).double().eval()(*pad_events(events, module, torch.float64))["near"]
    for found, wanted in zip(got, run(module, events, {})["near"], strict=True):
        np.testing.assert_array_equal(found[: len(wanted)], wanted)


def test_what_works_entry_by_entry_stays_packed() -> None:
    """Beside values of the event; not beside one that is padded already, nor without any that is packed."""
    part, feat, one = Dim("part", bound=9), Dim("feat", 2), torch.zeros(1, 1, 1)
    rows, packed = Rows.over((part,)), Value(torch.zeros(1, 1), (Rows.over((part,)), feat))
    padded, event = Value(one, (BATCH, part, feat)), Value(one[0], (BATCH, feat))
    x, y = (make("input", name=n, type=Type("real", (part, feat))) for n in "xy")
    z = make("input", name="z", type=Type("real", (feat,)))
    assert _rows_of(make("add", x, y), (packed, packed), False) == rows
    assert _rows_of(make("add", x, z), (packed, event), False) == rows
    assert _rows_of(make("add", x, y), (packed, padded), False) is None
    assert _rows_of(make("add", x, z), (padded, event), False) is None
    assert _rows_of(make("add", z, z), (event, event), False) is None
    assert _rows_of(make("exp", x), (packed,), False) == rows
    sort = make("reduce_sum", x, over=(feat,))
    assert _rows_of(sort, (packed,), False) == rows
