# SPDX-License-Identifier: Apache-2.0
"""Mistakes in calls: which is told, where, and from where the function was called."""

from __future__ import annotations

import pytest

from hepq.core.diagnostics.diagnostic import Sink
from hepq.lang.checker import check
from hepq.lang.modules import load

HEADER = "dim w = 4\n"
BODY = "circuit C(x: real[w]) on q: qubit[w] {{ {} }}\nmodel M(x: real[w]) -> real = expect(Z[0], C(x))\n"


def told(text: str) -> list[tuple[str, str, list[tuple[str, str]]]]:
    sink = Sink()
    check(load(None, HEADER + text, sink), sink)
    return [(d.code, d.title, [(label.text, label.span.text) for label in d.labels]) for d in sink.items]


def test_a_mistake_in_a_function_says_where_it_was_called() -> None:
    pick = "fn pick[k: int](x: real[w]) -> real = x[k]\n"
    two = "fn two[k: int](x: real[w]) -> real = pick[k](x)\n"
    title = "index 9 is outside a length of 4"
    assert told(f"{pick}model M(x: real[w]) -> real = pick[9](x)\n") == [
        ("HQ0406", title, [("", "x[k]"), ("called from here", "pick[9](x)")])
    ]
    assert told(f"{pick}{two}model M(x: real[w]) -> real = two[9](x)\n") == [
        ("HQ0406", title, [("", "x[k]"), ("called from here", "pick[k](x)")])
    ]
    assert told("model M(x: real[w]) -> real = x[9]\n") == [("HQ0406", title, [("", "x[9]")])]


def test_a_mistake_in_the_library_is_the_callers() -> None:
    conv = "from std.nn import Conv2d\ndim row = 4\ndim col = 4\n"
    call = "Conv2d[4, kernel=11, pad=0](x)"
    ((code, _, labels),) = told(f"{conv}model M(x: real[row, col, 3]) = {call}\n")
    assert (code, labels[0]) == ("HQ0206", ("in this call", call))
    assert labels[1][0] == "needed here"
    assert len(labels) == 2


@pytest.mark.parametrize(
    ("body", "code", "title", "where"),
    [
        ("for i in every(0..4, 0) { h(q[i]) }", "HQ0206", "0 is not a possible size", "0"),
        ("for i in every(0..4, -2) { h(q[i]) }", "HQ0206", "-2 is not a possible size", "-2"),
        (
            "for i in every(0..4, 2, start=-1) { h(q[i]) }", "HQ0404",
            "expected a number of at least 0 to start at, found the whole number -1", "start=-1",
        ),
        ("for i in every(h, 1) { h(q[i]) }", "HQ0101", "unknown name `h`", "h"),
        ("rx(h, q[0])", "HQ0101", "unknown name `h`", "h"),
    ],
)  # fmt: skip
def test_lists_and_gates_in_a_body(body: str, code: str, title: str, where: str) -> None:
    assert told(BODY.format(body)) == [(code, title, [("", where)])]


def test_every_goes_on_from_the_first() -> None:
    for start, step in ((0, 1), (0, 3), (3, 1), (4, 1), (1, 100)):
        assert (
            told(
                BODY.format(
                    f"h(q[0]) for i in every(0..4, {step}, start={start}) {{ x(q[i]) }} h(q[1]) h(q[2]) h(q[3])"
                )
            )
            == []
        )


@pytest.mark.parametrize(("kind", "hint"), [("dim", True), ("int", False), ("real", False)])
def test_the_name_of_a_gate_is_no_static_argument_of_another_kind(kind: str, hint: bool) -> None:
    sink = Sink()
    check(load(None, f"fn f[n: {kind}](x: real) -> real = x\nmodel M(x: real) -> real = f[h](x)\n", sink), sink)
    ((code, title, help),) = [(d.code, d.title, d.help) for d in sink.items]
    assert (code, title) == ("HQ0101", "unknown name `h`")
    assert ("dim h = size" in str(help)) == hint


KINDS = {
    "int": "a whole number", "real": "a number", "bool": "`true` or `false`", "string": "a text", "list": "a list",
    "fn": "a function", "block": "a block", "circuit": "a circuit", "GeV": "GeV", "rad": "rad",
}  # fmt: skip
#: argument -> what it is called, and the kinds it may be of
ARGUMENTS = {
    "3": ("the whole number 3", "dim int real rad"), "2.5": ("the number 2.5", "real rad"),
    "true": ("the truth value `true`", "bool"), '"a"': ('the text "a"', "string"),
    "[1, 2]": ("a list of 2", "list"), "0..3": ("a list of 3", "list"), "5 GeV": ("the quantity 5 GeV", "GeV"),
    "exp": ("the built-in `exp`", "fn"), "g": ("the fn `g`", "fn block"), "B": ("the block `B`", "block"),
    "C": ("the circuit `C`", "circuit"), "w": ("the dim `w`", "dim int"), "x": ("a value of type `real`", ""),
    "zeros()": ("an initialiser", ""),
}  # fmt: skip


@pytest.mark.parametrize("argument", ARGUMENTS)
def test_static_arguments_are_of_their_kind(argument: str) -> None:
    found, fits = ARGUMENTS[argument]
    declared = (
        "fn g(x: real) -> real = x\nblock B(x: real[w]) -> real[w] = x\n"
        "circuit C(x: real) on q: qubit[w] { for i in w { rx(x, q[i]) } }\n"
    )
    for kind in ("dim", *KINDS):
        text = f"fn f[n: {kind}](x: real) -> real = x\nmodel M(x: real) -> real = f[{argument}](x)\n"
        wanted = f"expected {KINDS.get(kind)} for `n`, found {found}", "declared here"
        if kind == "dim":
            wanted = f"expected a dim, found {found}", ""
        said = told(declared + text)
        assert [(title, labels[-1][0]) for _, title, labels in said] == ([] if kind in fits.split() else [wanted]), kind


def test_a_circuit_takes_the_name_of_a_gate() -> None:
    layer = "circuit Layer[map: circuit](x: real[w]) on q: qubit[w] { for i in w { map(x[i], q[i]) } }\n"
    assert told(f"{layer}model M(x: real[w]) -> real = expect(Z[0], Layer[rx](x))\n") == []


def test_a_gate_is_no_list() -> None:
    ((_, title, _),) = told("fn f[n: list](x: real) -> real = x\nmodel M(x: real) -> real = f[cx](x)\n")
    assert title == "expected a list for `n`, found the gate `cx`"


def test_primes_that_an_argument_lacks() -> None:
    """The second copy of a dim, and how to make it; where any dim will do, as it is written."""
    two = "dim part <= 9\nfn f(x: real[part, part']) -> real[part, part'] = x\n"
    ((code, title, _),) = told(f"{two}model M(x: real[part]) -> real[part, part'] = f(x)\n")
    assert (code, title) == ("HQ0207", "`x` of `f` needs dim `part'`, which `real[part]` lacks")
    ((code, title, _),) = told("dim any\nfn f(x: real[any']) = x\nmodel M(x: real[w]) -> real[w] = f(x)\n")
    assert (code, title) == ("HQ0207", "`x` of `f` needs dim `any'`, which `real[w]` lacks")


@pytest.mark.parametrize("call", ["sum({}, over=part)", "mean({}, over=part)", "real({})", "int({})"])
def test_no_arithmetic_on_indices(call: str) -> None:
    near = "knn(x, k=3, over=part)"
    ((code, title, labels),) = told(f"dim part <= 9\nmodel M(x: real[part, w]) = {call.format(near)}\n")
    assert (code, title, labels) == ("HQ0304", "no arithmetic on `index(part)[part, nbr]`", [("", near)])
