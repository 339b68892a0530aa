# SPDX-License-Identifier: Apache-2.0
"""Circuits after one another, and states compared, are of one width, however they are written."""

from __future__ import annotations

import pytest

from tests.support.circuits import codes

PROGRAM = """
circuit Two() on q: qubit[2] {
  h(q)
}

circuit Three() on q: qubit[3] {
  h(q)
}

fn f(x: real) -> real {
  two = Two()
  three = Three()
  return EXPRESSION
}
"""


@pytest.mark.parametrize(
    ("expression", "code"),
    [("expect(Z[0], two |> three)", "HQ0514"), ("expect(Z[0], three |> two)", "HQ0514"),
     ("expect(Z[0], two |> adjoint(three))", "HQ0514"), ("expect(Z[0], two |> Three())", "HQ0518"),
     ("expect(Z[0], two |> adjoint(Three()))", "HQ0518"), ("fidelity(two, three)", "HQ0514"),
     ("expect(Z[0], two |> two |> three)", "HQ0514")],
)  # fmt: skip
def test_unequal_widths(expression: str, code: str) -> None:
    assert codes(PROGRAM.replace("EXPRESSION", expression)) == [code]
    equal = expression.replace("three", "two").replace("Three", "Two")
    assert codes(PROGRAM.replace("EXPRESSION", equal)) == []
