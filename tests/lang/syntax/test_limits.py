# SPDX-License-Identifier: Apache-2.0
"""Every limit of the language at its last allowed value and one beyond."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hepq.lang.elaborate.work import (
    MAX_CALL_DEPTH,
    MAX_DIMS,
    MAX_ENTRIES,
    MAX_ITEMS,
    MAX_ITERATIONS,
    MAX_POWER,
    MAX_WIRES,
)
from hepq.lang.syntax.reading import MAX_NESTING
from tests.support.circuits import codes

BODY = "fn f(x: real) -> real {{\n  {}\n  return x\n}}\n"
VECTOR = "dim part <= 8\nfn f(x: real[part, 3]) -> index[part, nbr] = knn[{}](x, over=part)\n"


def dims(count: int) -> str:
    names = ", ".join(f"d{i}" for i in range(count))
    return f"dim {names}\nfn f(x: real[{names}]) -> real = 1\n"


def calls(count: int) -> str:
    return "fn f0(x: real) -> real = x\n" + "".join(
        f"fn f{i}(x: real) -> real = f{i - 1}(x)\n" for i in range(1, count + 1)
    )


#: what has a limit -> (program for a number, the last number, the code beyond)
LIMITS: dict[str, tuple[Callable[[int], str], int, str]] = {
    "exponents": (lambda n: BODY.format(f"y = 1 ^ {n}"), MAX_POWER, "HQ0405"),
    "negative exponents": (lambda n: BODY.format(f"y = 2 ^ -{n}"), MAX_POWER, "HQ0405"),
    "exponents of values": (lambda n: BODY.format(f"x = x ^ {n}"), MAX_POWER, "HQ0405"),
    "sizes of dims": (lambda n: f"dim d = {n}\n", 1 << 24, "HQ0206"),
    "bounds of dims": (lambda n: f"dim d <= {n}\n", 1 << 24, "HQ0206"),
    "sizes of dims of a body": (lambda n: BODY.format(f"dim d = {n}"), 1 << 24, "HQ0206"),
    "sizes without names": (lambda n: f"fn f(x: real[{n}]) -> real = 1\n", 1 << 24, "HQ0206"),
    "dims of a value": (dims, MAX_DIMS, "HQ0218"),
    "entries of a dim": (lambda n: f"dim d = [{', '.join(f'e{i}' for i in range(n))}]\n", MAX_ENTRIES, "HQ0220"),
    "iterations": (lambda n: BODY.format(f"for i in 0..{n} {{ }}"), MAX_ITERATIONS, "HQ0412"),
    "items": (lambda n: BODY.format(f"a = reverse(0..{n})"), MAX_ITEMS, "HQ0412"),
    "calls": (calls, MAX_CALL_DEPTH - 1, "HQ0221"),
    "neighbours": (VECTOR.format, 1024, "HQ0206"),
    "qubits": (lambda n: f"circuit C() on q: qubit[{n}] {{\n  h(q)\n}}\n", MAX_WIRES, "HQ0517"),
    "numbers of a value": (
        lambda n: f"dim a = 2^20\nblock B(x: real) -> real {{\n  param w: real[a, {n}]\n  return x\n}}\n", 256, "HQ0219"
    ),
    "measured qubits": (
        lambda n: f"circuit C() on q: qubit[{n}] {{\n  h(q)\n}}\nfn f(x: real) -> real = sum(probs(C()), over=2^{n})\n",
        24, "HQ0519",
    ),
    "brackets": (lambda n: f"fn f(x: real) -> real = {'(' * n}x{')' * n}\n", MAX_NESTING - 2, "HQ0006"),
}  # fmt: skip


@pytest.mark.parametrize("name", LIMITS)
def test_exactly(name: str) -> None:
    program, last, code = LIMITS[name]
    assert code not in codes(program(last))
    assert code in codes(program(last + 1))
