# SPDX-License-Identifier: Apache-2.0
"""Blocks of loops, numbered in the order they are made: a second block that makes them in another order is told."""

from __future__ import annotations

import pytest

from tests.support.circuits import codes

NET = "block Net(x: real) -> real {\n  param w: real\n  return w * x\n}\n"


def program(first: str, second: str, applied: str = 'Net[name="net"]') -> str:
    return NET + "".join(
        f"block {name}(x: real) -> real {{\n  for i in {items} {{\n    x = x |> {applied}\n  }}\n  return x\n}}\n"
        for name, items in (("First", first), ("Second", second))
    )


@pytest.mark.case("rt")
@pytest.mark.parametrize("applied", ['Net[name="net"]', "Net"])
@pytest.mark.parametrize(
    ("first", "second"), [("0..4", "reverse(0..4)"), ("reverse(0..4)", "0..4"), ("[0, 2, 1]", "0..3")]
)
def test_another_order_is_told(first: str, second: str, applied: str) -> None:
    assert codes(program(first, second, applied)) == ["HQ0225"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("0..4", "0..4"),
        ("0..4", "reverse(0..3)"),
        ("[8, 4]", "[4, 2]"),
        ("0..1", "reverse(0..1)"),
        ("[1, 1]", "[1, 1]"),
    ],
)
def test_one_order_or_other_numbers_are_fine(first: str, second: str) -> None:
    assert codes(program(first, second)) == []


def test_names_of_their_own_are_fine() -> None:
    text = program("0..4", "reverse(0..4)")
    assert codes(text[::-1].replace('"net"'[::-1], '"other"'[::-1], 1)[::-1]) == []


def test_layers_of_the_library_count_where_they_are_named() -> None:
    text = "from std.nn import Dense\n" + program("0..2", "reverse(0..2)", "Dense[2]").replace(
        "(x: real) -> real {\n  for", "(x: real[2]) -> real[2] {\n  for"
    )
    assert codes(text) == []
    assert codes(text.replace("Dense[2]", 'Dense[2, name="d"]')) == ["HQ0225"]
