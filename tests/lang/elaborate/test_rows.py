# SPDX-License-Identifier: Apache-2.0
"""Order, look-ups by number and sums by an index: types, values, derivatives; and what a permutation does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from hepq.compiler.ir.build import build
from hepq.compiler.ir.interpret import run_event
from hepq.compiler.ir.node import Module
from hepq.compiler.ir.verify import verify
from hepq.compiler.lower.torch.module import pad_events, to_torch
from hepq.core.diagnostics.diagnostic import HepqError, Sink
from hepq.lang.checker import check
from hepq.lang.modules import load

HEADER = "dim part <= 9\ndim lead = 2\ndim chan = 3\n"
NAN = np.nan


def module_of(result: str, given: str = "x: real[part], c: real[part, chan], i: int[part], e: GeV[part]") -> Module:
    sink = Sink()
    program = load(None, f"{HEADER}\nmodel M({given}) = {result}\n", sink)
    check(program, sink)
    if sink.errors:
        raise HepqError(sink.items)
    module = build(program, sink).module
    verify(module)
    return module


X = [2.0, 5.0, 2.0, -1.0]
EVENT: dict[str, Any] = {"x": X, "c": np.arange(12.0).reshape(4, 3) % 5, "i": [1, 3, -1, 4], "e": X}
EMPTY: dict[str, Any] = {"x": [], "c": np.zeros((0, 3)), "i": [], "e": []}


def value_of(result: str, event: dict[str, Any] = EVENT) -> Any:
    """An index, which no model may return, by what it finds."""
    if result.startswith(("arg", "top_k", "knn")):
        result = f"gather(position(part) + 1, {result}) - 1"
    (value,) = run_event(module_of(result), {k: np.asarray(v) for k, v in event.items()}, {}).values()
    return value


@pytest.mark.parametrize(
    ("result", "value"),
    [
        ("sort(x, over=part)", [-1, 2, 2, 5]),
        ("sort(x, over=part, desc=true)", [5, 2, 2, -1]),
        ("argsort(x, over=part)", [3, 0, 2, 1]),
        ("argsort(x, over=part, desc=true)", [1, 0, 2, 3]),
        ("top_k[lead](x, over=part)", [1, 0]),
        ("top_k[5](x, over=part)", [1, 0, 2, 3, -1]),
        ("argmax(x, over=part)", 1),
        ("argmin(x, over=part)", 3),
        ("argmax(c, over=part)", [3, 1, 2]),
        ("gather(c, argmax(c, over=chan))", [2, 4, 3, 4]),
        ("gather(x, argmax(x, over=part))", 5),
        ("gather(c, top_k[1](x, over=part))", [[3, 4, 0]]),
        ("cumsum(x, over=part)", [2, 7, 9, 8]),
        ("cumsum(x > 0, over=part)", [1, 2, 3, 3]),
        ("cumsum(i, over=part)", [1, 4, 3, 7]),
        ("cumsum(c, over=chan)", [[0, 1, 3], [3, 7, 7], [1, 3, 6], [4, 4, 5]]),
        ("gather(x, i, over=part)", [5, -1, 0, 0]),
        ("gather(x, 1, over=part)", 5),
        ("gather(c, int(x), over=part)", [[1, 2, 3], [0, 0, 0], [1, 2, 3], [0, 0, 0]]),
        ("sum(x, by=argsort(x, over=part))", [5, -1, 2, 2]),
        ("count(by=top_k[lead](x, over=part))", [1, 1, 0, 0]),
        ("sum(gather(x, top_k[lead](x, over=part)), by=top_k[lead](x, over=part))", [2, 5, 0, 0]),
    ],
)
def test_values(result: str, value: Any) -> None:
    np.testing.assert_array_equal(value_of(result), value)


#: [part, nbr] of one coordinate: the nearest two of each
NEAR = "knn[2](stack(x), over=part)"


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ("sum(gather(x, near), by=near)", lambda x, n: [sum(x[j] for j in n if j == k) for k in range(4)]),
        ("mean(gather(x, near) * 3, by=near)", lambda x, n: [3 * x[k] if k in n else 0 for k in range(4)]),
        ("max(gather(x, near), by=near)", lambda x, n: [x[k] if k in n else 0 for k in range(4)]),
        ("min(gather(e, near), by=near) / 1 GeV", lambda x, n: [x[k] if k in n else 0 for k in range(4)]),
        ("any(gather(x, near) > 1, by=near)", lambda x, n: [k in n and x[k] > 1 for k in range(4)]),
        ("all(gather(x, near) > 1, by=near)", lambda x, n: [k not in n or x[k] > 1 for k in range(4)]),
        ("count(by=near)", lambda x, n: [n.count(k) for k in range(4)]),
    ],
)
def test_sums_by_an_index(result: str, expected: Any) -> None:
    near = value_of(NEAR).ravel().tolist()
    np.testing.assert_allclose(value_of(result.replace("near", NEAR)), expected(X, near))


def test_units_and_types_follow() -> None:
    types = {
        "sort(e, over=part)": "GeV[part]",
        "argsort(e, over=part)": "index(part)[part]",
        "top_k[lead](c, over=part)": "index(part)[lead, chan]",
        "top_k[4](e, over=part)": "index(part)[4]",
        "argmax(c, over=part)": "index(part)[chan]",
        "cumsum(e, over=part)": "GeV[part]",
        "gather(e, i, over=part)": "GeV[part]",
        "mean(e, by=argsort(x, over=part))": "GeV[part]",
        "mean(i, by=argsort(x, over=part))": "real[part]",
        "max(i, by=argsort(x, over=part))": "int[part]",
        "any(x > 0, by=argsort(x, over=part))": "bool[part]",
        "count(by=argsort(x, over=part))": "int[part]",
        "sum(c, by=argsort(x, over=part))": "real[part, chan]",
        "gather(argsort(x, over=part), argmax(x, over=part))": "index(part)",
    }
    for code, wanted in types.items():
        output = module_of(f"gather(x, {code})" if "index" in wanted else code).outputs["output"]
        assert str((output.operands[1] if "index" in wanted else output).type) == wanted, code


def test_of_an_event_with_nothing() -> None:
    for code, value in {
        "argmax(x, over=part)": -1,
        "gather(x, argmax(x, over=part))": 0,
        "top_k[2](x, over=part)": [-1, -1],
        "sum(sort(x, over=part), over=part)": 0,
        "sum(mean(x, by=argsort(x, over=part)), over=part)": 0,
        "gather(x, 0, over=part)": 0,
    }.items():
        np.testing.assert_array_equal(value_of(code, EMPTY), value, err_msg=code)


@pytest.mark.parametrize(
    ("code", "follows"),
    [
        ("sort(x, over=part)", False),
        ("gather(c, argsort(x, over=part, desc=true))", False),
        ("gather(c, top_k[3](x, over=part))", False),
        ("gather(c, argmin(x, over=part))", False),
        ("sum(c, by=argsort(x, over=part))", None),
        ("sum(gather(c, near), by=near)", True),
        ("max(gather(x, near), by=near)", True),
        ("count(by=near)", True),
    ],
)
def test_particles_in_another_order(code: str, follows: bool | None) -> None:
    """Ordered values stay, those of each particle follow it; None: neither."""
    module, rng = module_of(code.replace("near", "knn[2](c, over=part)")), np.random.default_rng(0)
    for n in (1, 2, 5, 9):
        event = {"x": rng.normal(size=n), "c": rng.normal(size=(n, 3)), "i": np.zeros(n), "e": np.ones(n)}
        order = rng.permutation(n)
        before, after = (
            next(iter(run_event(module, given, {}).values()))
            for given in (event, {name: value[order] for name, value in event.items()})
        )
        if follows is not None:
            np.testing.assert_allclose(after, before[order] if follows else before)


@pytest.mark.parametrize(
    "code",
    [
        "sum(sort(x, over=part) * [1, 2, 3, 4], over=part)",
        "gather(x, argmax(x, over=part))",
        "sum(cumsum(x, over=part)^2, over=part)",
        "sum(gather(x, i, over=part)^2, over=part)",
        "sum(sum(gather(x, near)^2, by=near), over=part)",
        "sum(mean(gather(x, near)^2, by=near), over=part)",
        "sum(max(gather(x, near)^2, by=near), over=part)",
        "sum(sum(gather(c, top_k[lead](x, over=part))^2, over=lead), over=chan)",
    ],
)
def test_derivatives_are_those_of_differences(code: str) -> None:
    """At padding, whatever it holds, they are 0."""
    code = code.replace("near", "knn[2](c, over=part)").replace("* [1, 2, 3, 4]", "* real(position(part) + 1)")
    module, rng, step = module_of(code), np.random.default_rng(1), 1e-6
    events = [
        {"x": rng.normal(size=n), "c": rng.normal(size=(n, 3)), "i": rng.integers(-1, 5, n), "e": np.ones(n)}
        for n in (4, 0, 1, 6)
    ]
    inputs, counts = pad_events(events, module, torch.float64)
    for name in ("x", "c"):
        if name in inputs:
            for row, n in zip(inputs[name], counts["part"].tolist(), strict=True):
                row[n:] = NAN
            inputs[name].requires_grad_()
    (value,) = to_torch(module, {}).double()(inputs, counts).values()
    value.sum().backward()
    for name in ("x", "c"):
        grad = inputs[name].grad
        found = np.zeros(inputs[name].shape) if grad is None else grad.numpy()
        for i, event in enumerate(events):
            wanted = np.zeros_like(found[i])
            for at in np.ndindex(event[name].shape):
                moved = []
                for move in (step, -step):
                    there = {**event, name: np.array(event[name], float)}
                    there[name][at] += move
                    moved.append(sum(v.sum() for v in run_event(module, there, {}).values()))
                wanted[at] = (moved[0] - moved[1]) / (2 * step)
            np.testing.assert_allclose(found[i], wanted, atol=1e-6, err_msg=f"{name} of event {i}")
