# SPDX-License-Identifier: Apache-2.0
"""``@shots`` and ``@budget``, and sizes for dims of imported modules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hepq.compiler.ir.build import build, require_sizes
from hepq.core.diagnostics.diagnostic import HepqError, Sink
from hepq.lang.modules import load
from tests.support.circuits import codes

HEADER = """
dim part <= 16
dim wire = 3
circuit A(x: real[wire]) on q: qubit[wire] {
  rx(x[0], q)
}
@shots(100)
@budget(circuits=size(part) ^ 2, seconds=2)
block Layer(x: real[part, wire]) -> real[part] = expect(Z[0], A(x))
"""


def plan(model: str, **options: Any) -> Any:
    sink = Sink()
    return build(load(None, HEADER + model, sink), sink, **options).plan


def test_a_model_has_those_of_its_blocks() -> None:
    found = plan("model M(x: real[part, wire]) -> real[part] = Layer(x) + Layer(x)")
    assert found.shots == 100
    assert found.budget == {"circuits": 512.0, "seconds": 4.0}


def test_a_circuit_counts_once_in_a_kernel() -> None:
    found = plan(
        "@budget(circuits=40) circuit B(x: real[wire]) on q: qubit[wire] { rx(x[0], q) }\n"
        "model M(x: real[wire], y: real[wire]) -> real = fidelity(B(x), B(y))"
    )
    assert found.budget == {"circuits": 40.0}


def test_its_own_come_first() -> None:
    found = plan("@shots(7) @budget(shots=1000 * size(wire)) model M(x: real[part, wire]) -> real[part] = Layer(x)")
    assert found.shots == 7
    assert found.budget == {"shots": 3000.0}


def test_there_need_be_none() -> None:
    found = plan("model M(x: real[wire]) -> real = expect(Z[0], A(x))")
    assert found.shots is None
    assert found.budget == {}


@pytest.mark.parametrize(
    ("attribute", "code"),
    [
        ("@shots(0)", "HQ0111"),
        ("@shots(2.5)", "HQ0111"),
        ("@shots(n=3)", "HQ0111"),
        ("@shots()", "HQ0111"),
        ("@budget()", "HQ0111"),
        ("@budget(100)", "HQ0111"),
        ("@budget(euros=100)", "HQ0111"),
        ("@budget(shots=1, shots=2)", "HQ0111"),
        ("@budget(shots=-1)", "HQ0404"),
        ('@budget(shots="many")', "HQ0404"),
        ("@budget(shots=size(nothing))", "HQ0101"),
    ],
)
def test_mistakes(attribute: str, code: str) -> None:
    assert codes(f"{HEADER}{attribute}\ncircuit C(x: real[wire]) on q: qubit[wire] {{ h(q) }}\n") == [code]


SVM = """
from std.quantum import ZZMap, svm
fn K(a: real[wire], b: real[wire]) -> real = fidelity(ZZMap(a), ZZMap(b))
model M(x: real[wire]) -> real = svm[kernel=K, C=2.0](x)
"""


def test_a_dim_of_an_imported_module_is_given_its_size() -> None:
    sink = Sink()
    built = build(load(None, HEADER + SVM, sink), sink, dims={"sv": 5})
    require_sizes(built.module)
    sizes = {path: [d.size for d in node.type.dims] for path, node in built.module.params.items()}
    assert sizes == {"svm0.support": [5, 3], "svm0.dual": [5], "svm0.bias": []}
    (instance,) = built.plan.instances[1:]
    assert instance.statics["C"] == 2.0
    assert instance.statics["kernel"].decl.name == "K"


def test_what_training_has_not_sized_is_said() -> None:
    assert codes(HEADER + SVM) == []
    sink = Sink()
    built = build(load(None, HEADER + SVM, sink), sink)
    with pytest.raises(HepqError, match="dim `sv`") as found:
        require_sizes(built.module)
    assert {d.code for d in found.value.diagnostics} == {"HQ0217"}
    with pytest.raises(HepqError) as found:
        require_sizes(built.module, Path("other.safetensors"))
    assert all("`other.safetensors` does not say it" in str(d.help) for d in found.value.diagnostics)


def test_a_dim_that_the_program_declares_itself_is_meant() -> None:
    text = HEADER + SVM + "dim sv\nmodel N(y: real[sv]) -> real = sum(y, over=sv)\n"
    sink = Sink()
    built = build(load(None, text, sink), sink, model="N", dims={"sv": 5})
    assert built.module.inputs[0].type.dims[0].size == 5
    sink = Sink()
    with pytest.raises(HepqError):
        require_sizes(build(load(None, text, sink), sink, model="M", dims={"sv": 5}).module)


ODD = [
    "0.5",
    "1.5",
    "0",
    "-1",
    "-0.5",
    "inf",
    "-inf",
    "1 / 0",
    "true",
    "10^30",
    '"many"',
    "wire",
    "[1]",
    "3 GeV",
    "nothing",
    "K",
]


@pytest.mark.case("shots_half")
@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize("attribute", ["@shots({})", "@budget(shots={})", "@budget(circuits=1, seconds={})"])
@pytest.mark.parametrize("declared", ["model M(x: real[wire]) -> real = expect(Z[0], A(x))",
                                      "circuit B(x: real[wire]) on q: qubit[wire] { h(q) }\n"
                                      "model M(x: real[wire]) -> real = expect(Z[0], B(x))"])  # fmt: skip
def test_odd_numbers_are_diagnosed(attribute: str, value: str, declared: str) -> None:
    found = codes(f"{HEADER}fn K(x: real) -> real = x\n{attribute.format(value)}\n{declared}\n")
    budget_takes = value in ("0.5", "1.5", "10^30") and "budget" in attribute
    assert bool(found) is not budget_takes
    assert set(found) <= {"HQ0111", "HQ0404", "HQ0405", "HQ0101", "HQ0301"}


@pytest.mark.case("shots_half")
@pytest.mark.parametrize("value", ODD)
def test_odd_numbers_of_samples_are_diagnosed(value: str) -> None:
    text = f"fn K(x: real) -> real = x\nmodel M(x: real[wire]) -> real[8] = sample[shots={value}](A(x))\n"
    assert set(codes(HEADER + text)) <= {"HQ0206", "HQ0404", "HQ0405", "HQ0101"}
    assert codes(HEADER + text) != [] or value == "wire"


def test_the_limit_of_shots_is_exact() -> None:
    for count, wanted in ((2**31 - 1, []), (2**31, ["HQ0111"])):
        assert codes(f"{HEADER}@shots({count}) model M(x: real[wire]) -> real = expect(Z[0], A(x))") == wanted


def test_the_most_shots_of_several_blocks() -> None:
    """Not the fewest, and not the first: each wants at least its own."""
    blocks = "".join(f"@shots({n}) block B{n}(x: real[wire]) -> real = expect(Z[0], A(x))\n" for n in (300, 700, 500))
    found = plan(blocks + "model M(x: real[wire]) -> real = B300(x) + B700(x) + B500(x)")
    assert found.shots == 700
