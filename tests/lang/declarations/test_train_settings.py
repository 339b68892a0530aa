# SPDX-License-Identifier: Apache-2.0
"""What a setting of a training takes."""

from __future__ import annotations

from typing import Any

import pytest

from hepq.core.diagnostics.diagnostic import Sink
from hepq.lang.checker import check
from hepq.lang.declarations.train_settings import _is_factor
from hepq.lang.modules import load
from tests.compiler.train.programs import DATA, TAG


@pytest.mark.parametrize(
    ("value", "right"),
    [
        (("a*", 0.1), True),
        (("a*", 0), True),
        (("a*", 3), True),
        (("a*", -0.1), False),
        (("a*", True), False),
        (("a*", "b"), False),
        ((1, 0.1), False),
        (("a*",), False),
        (("a*", 0.1, 0.1), False),
        ("ab", False),
    ],
)
def test_a_factor_is_a_name_and_a_number_from_0_on(value: Any, right: bool) -> None:
    assert _is_factor(value) == right


@pytest.mark.parametrize(
    ("setting", "title", "help", "where"),
    [
        ("adma(lr=1)", "no optimiser `adma`", "did you mean `adam`?", "adma"),
        ("zzz", "no optimiser `zzz`", "there are: sgd, adam, adamw, radam, ranger", "zzz"),
        ("3", "no optimiser `3`", "there are: sgd, adam, adamw, radam, ranger", "3"),
        ("nn.adam(lr=1)", "no optimiser `nn.adam`", "did you mean `adam`?", "nn.adam"),
        ("adam(lrr=1)", "no argument of `adam` `lrr`", "did you mean `lr`?", "lrr=1"),
        ("adam(zz=1)", "no argument of `adam` `zz`", "it takes: lr, beta1, beta2, eps", "zz=1"),
        ("adam(5)", "no argument of `adam` `5`", "it takes: lr, beta1, beta2, eps", "5"),
    ],
)
def test_what_is_no_optimiser(setting: str, title: str, help: str, where: str) -> None:
    sink = Sink()
    check(load(None, DATA + TAG + f"train Own {{ optimiser = {setting} }}", sink), sink)
    (found,) = sink.items
    assert (found.code, found.title, found.help) == ("HQ0652", title, help)
    assert found.labels[0].span.text == where


@pytest.mark.parametrize(
    ("setting", "right"),
    [
        ("validation = 0", True), ("validation = 0.9", True), ("validation = 0.91", False),
        ("validation = -0.5", False), ("clip = 0", True), ("clip = -0.5", False),
    ],
)  # fmt: skip
def test_the_ends_of_what_numbers_may_be(setting: str, right: bool) -> None:
    sink = Sink()
    check(load(None, DATA + TAG + f"train Own {{ {setting} }}", sink), sink)
    assert [d.code for d in sink.items] == ([] if right else ["HQ0651"])
