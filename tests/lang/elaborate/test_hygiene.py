# SPDX-License-Identifier: Apache-2.0
"""Names of one place mean nothing in another: dims of callers and callees, weight paths, orders of dims."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hepq.compiler.ir.build import build
from hepq.compiler.ir.interpret import run_event
from hepq.compiler.ir.node import Module
from hepq.compiler.ir.verify import verify
from hepq.compiler.weights.initialise import initial_weights
from hepq.core.diagnostics.diagnostic import HepqError, Sink
from hepq.lang.checker import check
from hepq.lang.modules import load


def built(text: str, **options: Any) -> Module:
    sink = Sink()
    program = load(None, text, sink)
    check(program, sink)
    if sink.errors:
        raise HepqError(sink.items)
    module = build(program, sink, **options).module
    verify(module)
    return module


def codes(text: str) -> list[str]:
    sink = Sink()
    check(load(None, text, sink), sink)
    return [d.code for d in sink.items]


def value(text: str, **inputs: Any) -> Any:
    module = built(text)
    arrays = {k: np.asarray(v) for k, v in inputs.items()}
    return run_event(module, arrays, initial_weights(module, 0))["output"]


@pytest.mark.parametrize("name", ["in", "out", "chan", "node", "nbr", "seq", "win", "part", "feat", "mine"])
@pytest.mark.parametrize(
    ("layer", "dims"),
    [
        ("Dense[7](x)", "[{d}, f]->[{d}, 7]"),
        ("Dense[7](x)", "[f, {d}]->[f, 7]"),
        ("LayerNorm(x)", "[{d}, f]->[{d}, f]"),
        ("BatchNorm(x)", "[{d}, f]->[{d}, f]"),
        ("max_pool(x)", "[f, {d}]->[{d}]"),
        ("Conv1d[7](x)", "[f, {d}]->[f, 7]"),
    ],
)
def test_a_library_layer_acts_on_the_last_dim_whatever_its_name(name: str, layer: str, dims: str) -> None:
    before, _, after = dims.format(d=name).partition("->")
    text = (
        f"import std.nn\nfrom std.nn import Dense, LayerNorm, BatchNorm, Conv1d, max_pool\ndim {name} = 5\ndim f = 3\n"
    )
    module = built(f"{text}model M(x: real{before}) = {layer}")
    assert str(module.outputs["output"].type) == f"real{after}"
    for path, param in module.params.items():
        if path.endswith(".weight") and len(param.type.dims) == 1:
            assert param.type.dims[0].name == "f"


def test_a_size_given_for_a_dim_of_the_program_is_not_one_of_the_library() -> None:
    text = "from std.nn import Dense, BatchNorm\ndim chan\nmodel M(x: real[chan]) = x |> Dense[7] |> BatchNorm"
    assert str(built(text, dims={"chan": 3}).outputs["output"].type) == "real[7]"


def test_dims_of_one_module_still_align_by_name() -> None:
    text = "dim a, b\nfn f(x: real[a, b]) -> real[b] = sum(x, over=a)\nmodel M(x: real[b, a]) = f(x)"
    assert str(built(text, dims={"a": 2, "b": 3}).outputs["output"].type) == "real[b]"


def test_inside_a_function_dims_stand_in_the_order_of_its_signature() -> None:
    x = np.arange(15.0).reshape(5, 3)
    dims = "dim f = 5\ndim g = 3\n"
    last = "fn first(y: real[f]) -> real = y[0]\nmodel M(x: real[f, g]) = first(x)"
    assert value(dims + last, x=x).tolist() == [0, 1, 2]
    swapped = "fn first(y: real[g, f]) -> real[g] = y[0]\nmodel M(x: real[f, g]) = first(x)"
    assert value(dims + swapped, x=x).tolist() == [0, 1, 2]
    soft = "fn soft(y: real[f]) -> real[f] = softmax(y)\nmodel M(x: real[f, g]) = sum(soft(x), over=f)"
    assert value(dims + soft, x=x) == pytest.approx(np.ones(3))


def test_a_result_has_the_order_of_dims_that_is_written() -> None:
    text = "dim f = 5\ndim g = 3\ndim part <= 4\nmodel M(x: real[f, g]) -> real[g, f] = 2 * x"
    assert str(built(text).outputs["output"].type) == "real[g, f]"
    assert value(text, x=np.arange(15.0).reshape(5, 3)).tolist() == (2 * np.arange(15.0).reshape(5, 3).T).tolist()
    bound = "dim f = 5\ndim g = 3\nmodel M(x: real[f, g]) {\n  y: real[g, f] = x\n  return y[0]\n}"
    assert value(bound, x=np.arange(15.0).reshape(5, 3)).tolist() == [0, 1, 2]


def test_a_layer_whose_new_dim_its_input_has_already_is_refused() -> None:
    text = "from std.nn import Dense\ndim f = 8\n"
    assert codes(text + "model M(x: real[f]) = Dense[4](unflatten(x, f, [4, 2]))") == ["HQ0204"]
    assert codes(text + "dim cls = [a, b]\nmodel M(x: real[cls, f]) = Dense[cls](x)") == ["HQ0204"]


def test_no_two_blocks_get_one_weight_path() -> None:
    text = """
from std.nn import Linear
dim f = 4
model M(x: real[f]) -> real[f] {
  x = x |> Linear[f, name="linear0"] |> Linear[f]
  return x |> Linear[f, name="head"] |> Linear[f, name="head1"] |> Linear[f, name="head"]
}"""
    assert len(built(text).params) == 5


@pytest.mark.parametrize(
    ("expression", "expected"),
    [("n^2", 9), ("-n^2", -9), ("n^3", 27), ("sign(-n)", -1), ("n + 2^40", 3 + 2**40), ("n * 3000000000", 9e9)],
)
def test_whole_numbers_of_an_event(expression: str, expected: float) -> None:
    text = f"dim part <= 4\nmodel M(x: real[part]) {{\n  n = count(part)\n  return {expression}\n}}"
    assert value(text, x=[0, 0, 0]) == expected


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("fn f(n: int) -> int = n\nmodel M(x: real) = x * f(2.5)", "HQ0309"),
        ("model M(x: GeV) = int(x)", "HQ0303"),
        ("model M(p: p4) = exp(p / 1 GeV)", "HQ0305"),
        ("model M(p: p4) = (if p.pt > 1 GeV then p else 5 GeV).pt", "HQ0305"),
    ],
)
def test_nonsense_is_refused(text: str, code: str) -> None:
    assert codes(text)[:1] == [code]


def test_a_four_vector_or_nothing() -> None:
    text = "dim part <= 4\nmodel M(p: p4[part]) = sum(if p.pt > 1 GeV then p else 0 GeV, over=part).pt"
    assert value(text, p=[[0.5, 0, 0, 1], [2, 0, 0, 3], [3, 0, 0, 4]]) == 5


def test_dims_of_one_name_whose_entries_differ_do_not_align(tmp_path: Path) -> None:
    (tmp_path / "lib.hepq").write_text("dim cls = [bkg, sig]\nfn shift(x: real[cls]) -> real[cls] = x + 1\n")
    main = tmp_path / "main.hepq"
    for entries, expected in [("sig, bkg", ["HQ0203"]), ("bkg, sig", [])]:
        main.write_text(f"from lib import shift\ndim cls = [{entries}]\nmodel M(x: real[cls]) = shift(x)\n")
        sink = Sink()
        check(load(main, None, sink), sink)
        assert [d.code for d in sink.items] == expected


def test_a_static_default_may_stand_in_the_type_of_a_parameter() -> None:
    text = "fn total[n: dim = 5](x: real[n]) = sum(x, over=n)\nmodel M(x: real[5], y: real[3]) = total(x) + total[3](y)"
    assert value(text, x=np.arange(5.0), y=np.arange(3.0)) == 13


def test_a_result_has_the_element_type_that_is_written() -> None:
    assert str(built("model M(x: real) -> real = x > 1").outputs["output"].type) == "real"
    assert str(built("fn f(n: int) -> real = n\nmodel M(n: int) = f(n) * f(n)").outputs["output"].type) == "real"
