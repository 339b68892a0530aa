# SPDX-License-Identifier: Apache-2.0
"""Elaboration: types, units, dims and weight paths of what programs build."""

from __future__ import annotations

from typing import Any

import pytest

from hepq.compiler.ir.build import Built, build
from hepq.compiler.ir.node import Node
from hepq.compiler.ir.verify import verify
from hepq.core.diagnostics.diagnostic import HepqError, Sink
from hepq.lang.checker import check
from hepq.lang.modules import load

HEADER = "dim part <= 16\ndim feat = 5\ndim cls = [sig, bkg]\n"


def built(text: str, **options: Any) -> Built:
    sink = Sink()
    program = load(None, HEADER + text, sink)
    check(program, sink)
    if sink.errors:
        raise HepqError(sink.items)
    result = build(program, sink, **options)
    verify(result.module)
    return result


def codes(text: str) -> list[str]:
    sink = Sink()
    check(load(None, HEADER + text, sink), sink)
    return [d.code for d in sink.items]


def output(text: str, **options: Any) -> Node:
    return built(text, **options).module.outputs["output"]


def test_repeated_blocks_are_numbered_named_ones_keep_their_name() -> None:
    paths = built("""
from std.nn import Dense
model M(x: real[part, feat]) -> real[cls] {
  h = x |> Dense[8] |> Dense[8]
  for w in [4, 3] { h = h |> Dense[w, name="mlp"] }
  return mean(h, over=part) |> Dense[cls, name="head"]
}""").module.params
    owners = list(dict.fromkeys(p.rpartition(".")[0] for p in paths))
    assert sorted(owners) == ["dense0", "dense1", "head", "mlp0", "mlp1"]


def test_a_block_bound_to_a_name_shares_its_weights() -> None:
    module = built("""
from std.nn import Dense
model M(x: real[part, feat], y: real[part, feat]) -> real[part, feat] {
  enc = Dense[feat]
  return enc(x) + enc(y)
}""").module
    assert sorted(module.params) == ["enc.bias", "enc.weight"]
    assert sum(n.op == "contract" for n in module.walk()) == 2


def test_a_shared_block_must_fit_both_inputs() -> None:
    assert codes("""
from std.nn import Dense
model M(x: real[part, feat], y: real[part, cls]) -> real[part, feat] {
  enc = Dense[feat]
  return enc(x) + enc(y)
}""") == ["HQ0410"]


@pytest.mark.parametrize(
    ("expression", "unit"),
    [("p.pt", "GeV"), ("p.mass2", "GeV^2"), ("p.pt / p.energy", "1"), ("sqrt(p.mass2)", "GeV"),
     ("p.pt * 2 mm", "GeV mm"), ("deltaR(p, p)", "1"), ("p.px^3", "GeV^3"), ("1 MeV + p.pt", "GeV")],
)  # fmt: skip
def test_units_follow_arithmetic(expression: str, unit: str) -> None:
    text = f"fn f(p: p4[part]) = {expression}\nmodel M(a: GeV[part]) = f(p4(px=a, py=a, pz=a, energy=a))"
    node = output(text)
    assert str(node.type.unit) == unit
    assert [str(d) for d in node.type.dims] == ["part"]


@pytest.mark.parametrize("call", ["hypot(n, m)", "atan2(n, m)", "n / m", "n ^ 0.5", "sqrt(n)", "exp(m)"])
def test_functions_of_whole_numbers_have_real_values(call: str) -> None:
    (given,) = output(f"model M(n: int[part], m: int[part]) = {call}").operands[:1]
    assert output(f"model M(n: int[part], m: int[part]) = {call}").type.elem == "real"
    assert given.type.elem == "real"


def test_quantities_are_kept_in_base_units() -> None:
    node = output("model M(a: GeV[part]) -> GeV[part] = a + 500 MeV")
    assert [n["value"] for n in node.operands if n.op == "const"] == [0.5]


def test_open_dims_of_a_library_block_are_bound_at_each_call() -> None:
    node = output("""
from std.nn import Dense, softmax
model M(x: real[part, feat]) -> real[part, cls] = x |> Dense[7] |> Dense[cls] |> softmax""")
    assert [d.size or d.bound for d in node.type.dims] == [16, 2]
    assert node.type.dims[1].entries == ("sig", "bkg")


def test_pairs_of_particles_come_from_primed_dims() -> None:
    node = output("model M(x: real[part]) -> real[part] = sum(x * prime(x, part), over=part')")
    assert node.op == "reduce_sum"
    assert [str(d) for d in node.operands[0].type.dims] == ["part", "part'"]


def test_static_choices_leave_no_trace() -> None:
    text = """
from std.nn import Dense
model M[deep: bool = false](x: real[part, feat]) -> real[part, feat] = if deep then x |> Dense[feat] else x"""
    assert output(text).op == "input"
    assert set(built(text, statics={"deep": True}).module.params) == {"dense0.bias", "dense0.weight"}


def test_open_dims_of_a_model_can_be_sized_from_outside() -> None:
    text = "dim n\nmodel M(x: real[n]) -> real = sum(x, over=n)"
    with pytest.raises(HepqError, match="HQ0216"):
        built(text)
    assert built(text, dims={"n": 3}).module.inputs[0].type.dims[0].size == 3


def test_an_error_in_the_library_is_shown_at_the_users_call() -> None:
    sink = Sink()
    text = HEADER + "from std.nn import LayerNorm\nmodel M(x: GeV[part, feat]) -> real[part, feat] = x |> LayerNorm"
    check(load(None, text, sink), sink)
    (error,) = sink.errors
    assert error.code == "HQ0308"
    assert error.labels[0].span.source.path == "<input>"


def test_one_run_reports_many_errors() -> None:
    assert codes("""
model M(x: real[part, feat]) -> real {
  a = log(20 GeV)
  b = y + 1
  c = sum(x)
  return a + b + c
}""") == ["HQ0303", "HQ0101", "HQ0423"]


def test_copies_of_a_fixed_dim_make_pairs() -> None:
    before = "if position(feat') < position(feat) then 1.0 else 0.0"
    made = output(f"model M(x: real[feat]) -> real[feat] = dot({before}, prime(x, feat), over=feat')\n")
    assert {str(d) for d in made["over"]} == {"feat'"}
    assert codes("model M(x: real[feat], y: real[cls]) -> real[feat, cls] = x + y\n") == ["HQ0202"]


@pytest.mark.parametrize("value", [2**31 - 1, 2**31, 2**53 + 1, 2**63 - 1, -(2**31), 1 - 2**63, -(2**63)])
def test_whole_numbers_of_64_bits_stay_whole(value: int) -> None:
    text = f"const c = {value}\n" if value > -(2**63) else "const c = -2^63\n"
    node = output(text + "model M(n: int) = n - c\n")
    assert node.type.elem == "int"
    assert node.operands[1]["value"] == value
    node = output(text + "model M(x: real) = x - c\n")
    assert node.type.elem == "real"
    assert node.operands[1]["value"] == float(value)


@pytest.mark.parametrize("value", ["2^63", "(-2^63 - 1)", "10^25"])
def test_beyond_64_bits_numbers_are_real(value: str) -> None:
    assert output(f"model M(n: int) = n + {value}\n").type.elem == "real"


@pytest.mark.parametrize(("power", "elem", "products"), [
    ("1", "int", 0), ("2", "int", 1), ("7", "int", 4), ("0", "real", 0), ("-1", "real", 0), ("2.0", "real", 1),
])  # fmt: skip
def test_whole_powers_of_whole_numbers(power: str, elem: str, products: int) -> None:
    module = built(f"model M(n: int) = n ^ {power}\n").module
    assert module.outputs["output"].type.elem == elem
    assert sum(node.op == "mul" for node in module.walk()) == products
