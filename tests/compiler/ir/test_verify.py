# SPDX-License-Identifier: Apache-2.0
"""The verifier accepts what is well formed and names what is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings

from hepq.compiler.ir.infer import RULES, RuleError, make
from hepq.compiler.ir.interpret import RULES as INTERPRETED
from hepq.compiler.ir.node import Module, Node
from hepq.compiler.ir.verify import VerifyError, verify
from hepq.core.ops import table as ir
from hepq.core.types import ENERGY, ONE, Dim, Type
from tests.support.generate import modules
from tests.support.graphs import particle_net

PART, TRACK = Dim("part", bound=8), Dim("track", bound=5)
FEAT, XY, SIX = Dim("feat", 3), Dim("xy", 2), Dim("6", 6)


def source(name: str, *dims: Dim, elem: Any = "real", unit: Any = ONE, into: Dim | None = None) -> Node:
    return make("input", name=name, type=Type(elem, dims, unit, into))


def param(path: str, *dims: Dim) -> Node:
    return make("param", path=path, init=("constant", 0.0), trainable=True, type=Type("real", dims))


X = source("x", PART, FEAT)
ENERGIES = source("e", PART, unit=ENERGY)
FLAG = source("f", PART, elem="bool")
NUMBER = source("n", PART, elem="int")
INDEX = source("i", PART, XY, elem="index", into=PART)
SLOT, WIDE = Dim("slot", 4), Dim("feat", 4)
KNN = {"over": PART, "coord": FEAT, "nbr": Dim("nbr", 2), "short": "zero"}
WINDOW = {"dim": PART, "win": XY, "stride": 1, "pad": 0, "dst": PART}
STATS = tuple(param(p, FEAT) for p in "wbmv")
NORM = {"channel": FEAT, "eps": 1e-5, "momentum": 0.1}

#: (op, operands, attrs, words of the message)
BROKEN: list[tuple[str, tuple[Node, ...], dict[str, Any], str]] = [
    ("frobnicate", (X,), {}, "unknown op"),
    ("exp", (X, X), {}, "takes 1 operand"),
    ("stack", (), {"dim": Dim("0", 0)}, "takes at least 1"),
    ("reduce_sum", (X,), {}, "lacks attribute over"),
    ("exp", (X,), {"over": (PART,)}, "unknown attribute over"),
    ("pick", (X,), {"dim": FEAT, "index": "two"}, "wrong kind"),
    ("pick", (X,), {"dim": FEAT, "index": True}, "wrong kind"),
    ("reduce_sum", (X,), {"over": [PART]}, "wrong kind"),
    ("reduce_sum", (X,), {"over": (PART, PART)}, "wrong kind"),
    ("param", (), {"path": "p", "init": ("normal", 0.0), "trainable": True}, "wrong kind"),
    ("log", (ENERGIES,), {}, "needs a number, not GeV"),
    ("floor", (NUMBER,), {}, "elem int"),
    ("not", (X,), {}, "elem real"),
    ("neg", (INDEX,), {}, "elem index"),
    ("add", (X, ENERGIES), {}, "in 1 and GeV"),
    ("lt", (ENERGIES, X), {}, "in GeV and 1"),
    ("add", (X, NUMBER), {}, "real and int"),
    ("div", (NUMBER, NUMBER), {}, "elem int"),
    ("and", (X, FLAG), {}, "elem real"),
    ("add", (X, source("z", WIDE)), {}, "two sizes"),
    ("pow", (ENERGIES, source("z", PART)), {}, "constant exponent"),
    ("pow", (source("z", PART), ENERGIES), {}, "exponent is not a number"),
    ("where", (X, X, X), {}, "elem real"),
    ("where", (FLAG, X, ENERGIES), {}, "in 1 and GeV"),
    ("rename", (X,), {"src": XY, "dst": SIX}, "no dim xy"),
    ("rename", (X,), {"src": FEAT, "dst": XY}, "differ in size"),
    ("rename", (X,), {"src": PART, "dst": Dim("jet", bound=8)}, "only be primed"),
    ("rename", (source("z", PART, PART.prime()),), {"src": PART, "dst": PART.prime()}, "twice"),
    ("stack", (X, X), {"dim": FEAT}, "of size 3 stacks 2"),
    ("stack", (X, FLAG), {"dim": XY}, "real and bool"),
    ("concat", (X, X), {"along": (FEAT,), "dim": SIX}, "one dim in along"),
    ("concat", (X, X), {"along": (PART, PART), "dim": SIX}, "must be static"),
    ("concat", (X, X), {"along": (FEAT, FEAT), "dim": SLOT}, "do not add up"),
    ("pick", (X,), {"dim": FEAT, "index": 3}, "outside dim feat"),
    ("pick", (X,), {"dim": PART, "index": 0}, "must be static"),
    ("slice", (X,), {"dim": FEAT, "start": 2, "dst": XY}, "outside dim feat"),
    ("unflatten", (X,), {"dim": FEAT, "into": (XY, XY.prime())}, "not the size"),
    ("unflatten", (X,), {"dim": FEAT, "into": (PART, XY)}, "must be static"),
    ("unflatten", (X,), {"dim": PART, "into": (XY, XY.prime())}, "must be static"),
    ("flatten", (source("z", FEAT, PART, XY),), {"dims": (FEAT, XY), "dst": SIX}, "not adjacent"),
    ("flatten", (source("z", FEAT, XY),), {"dims": (FEAT, XY), "dst": SLOT}, "not the size"),
    ("contract", (X, source("z", XY)), {"over": (FEAT,)}, "no dim feat"),
    ("contract", (X, NUMBER), {"over": (PART,)}, "real and int"),
    ("reduce_sum", (X,), {"over": ()}, "over no dim"),
    ("reduce_sum", (FLAG,), {"over": (PART,)}, "elem bool"),
    ("reduce_mean", (NUMBER,), {"over": (PART,)}, "elem int"),
    ("reduce_any", (X,), {"over": (PART,)}, "elem real"),
    ("reduce_max", (X,), {"over": (TRACK,)}, "no dim track"),
    ("knn", (source("z", PART, FEAT, XY),), KNN, "points must be"),
    ("knn", (X,), KNN | {"short": "wrap"}, "zero or self"),
    ("knn", (X,), KNN | {"coord": PART, "over": FEAT}, "must be static"),
    ("gather", (X, NUMBER), {}, "not an index"),
    ("gather", (source("z", TRACK), INDEX), {}, "no dim part"),
    ("window", (X,), WINDOW | {"stride": 2}, "stride 1"),
    ("window", (X,), WINDOW | {"dim": FEAT, "dst": FEAT, "pad": -1}, "pad at least 0"),
    ("batch_norm", (X, *STATS[:3], param("u", XY)), NORM, "must be"),
    ("batch_norm", (source("z", PART, FEAT, unit=ENERGY), *STATS), NORM, "not GeV"),
    ("dropout", (X,), {"p": 1.0}, "p is in"),
]


@pytest.mark.parametrize(("op", "operands", "attrs", "words"), BROKEN, ids=lambda v: v if isinstance(v, str) else "")
def test_broken_rules_are_named(op: str, operands: tuple[Node, ...], attrs: dict[str, Any], words: str) -> None:
    with pytest.raises(RuleError) as from_make:
        make(op, *operands, **attrs)
    assert words in str(from_make.value)
    node = Node(op, operands, attrs, Type("real", (PART,)))
    leaves = tuple(n for n in Module("m", (), {"y": node}).walk() if n.op == "input")
    with pytest.raises(VerifyError) as from_verify:
        verify(Module("m", leaves, {"y": node}))
    assert words in str(from_verify.value)


def broken(change: Callable[[Node], Node]) -> Module:
    """exp(x) over a declared x, with the exp changed."""
    y = change(make("exp", X))
    return Module("m", (X,), {"y": y})


@pytest.mark.parametrize(
    ("type", "words"),
    [
        (Type("real", (PART,)), "is real[part] in 1, must be real[part, feat] in 1"),
        (Type("int", (PART, FEAT)), "is int"),
        (Type("real", (PART, FEAT), ENERGY), "in GeV, must be"),
        (Type("real", (Dim("part", bound=9), FEAT)), "must be"),
    ],
)
def test_a_node_of_the_wrong_type(type: Type, words: str) -> None:
    with pytest.raises(VerifyError) as error:
        verify(broken(lambda n: replace(n, type=type)))
    assert words in str(error.value)


def test_the_order_of_an_elementwise_result_is_its_own() -> None:
    verify(broken(lambda n: replace(n, type=Type("real", (FEAT, PART)))))


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (Module("m", (X,), {}), "no outputs"),
        (Module("m", (X,), {"y": X}, within={"y": "y"}), "output y is within y, which is no truth value of the event"),
        (Module("m", (), {"y": X}), "input x is used but not declared"),
        (Module("m", (X, source("x", FEAT)), {"y": X}), "two inputs are named x"),
        (Module("m", (param("p"),), {"y": X}), "param is listed as an input"),
        (Module("m", (X,), {"y": make("stack", *STATS[:1], param("w", XY), dim=Dim("two", 2))}), "param w is both"),
        (Module("m", (X,), {"y": make("iota", dim=TRACK)}), "no input has ragged dim track"),
        (Module("m", (X,), {"y": make("iota", dim=Dim("part", bound=9))}), "has bounds 8 and 9"),
        (Module("m", (source("z", Dim("n")),), {"y": source("z", Dim("n"))}), "is open"),
        (Module("m", (source("z", Dim("n", 0)),), {"y": source("z", Dim("n", 0))}), "is empty"),
        (Module("m", (X,), {"y": source("z", elem="complex")}), "no complex"),
        (Module("m", (X,), {"y": source("z", elem="index")}), "index with into"),
    ],
    ids=lambda v: v.replace(" ", "_") if isinstance(v, str) else "",
)
def test_modules_that_do_not_hang_together(module: Module, words: str) -> None:
    with pytest.raises(VerifyError) as error:
        verify(module)
    assert words in str(error.value)


def test_a_cycle() -> None:
    a = make("exp", X)
    b = make("exp", a)
    object.__setattr__(a, "operands", (b,))
    with pytest.raises(VerifyError, match="depends on itself"):
        verify(Module("m", (X,), {"y": b}))


def test_all_problems_are_listed() -> None:
    bad = replace(make("exp", X), type=Type("int", (PART, FEAT)))
    worse = replace(make("exp", X), type=Type("bool", (PART, FEAT)))
    with pytest.raises(VerifyError) as error:
        verify(Module("m", (X,), {"a": bad, "b": worse}))
    assert len(error.value.problems) == 2


def test_units_of_results() -> None:
    square = make("mul", ENERGIES, ENERGIES)
    assert square.type.unit == ENERGY**2
    assert make("sqrt", square).type.unit == ENERGY
    assert make("pow", ENERGIES, make("const", value=2.0)).type.unit == ENERGY**2
    assert make("div", ENERGIES, ENERGIES).type.unit == ONE
    assert make("atan2", ENERGIES, ENERGIES).type.unit == ONE
    assert make("hypot", ENERGIES, ENERGIES).type.unit == ENERGY
    assert make("gt", ENERGIES, ENERGIES).type == Type("bool", (PART,))


def test_every_op_has_a_type_rule_and_a_meaning() -> None:
    assert set(RULES) == set(INTERPRETED)
    assert set(RULES) >= ir.ELEMENTWISE | ir.REDUCE


@settings(max_examples=60, deadline=None)
@given(modules())
def test_generated_modules_are_accepted(module: Module) -> None:
    verify(module)


def test_particle_net_is_accepted() -> None:
    verify(particle_net())
