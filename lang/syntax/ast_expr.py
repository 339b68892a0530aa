# SPDX-License-Identifier: Apache-2.0
"""The syntax tree of expressions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from hepq.core.source import Span


@dataclass(frozen=True, kw_only=True)
class Node:
    span: Span = field(compare=False, repr=False)


# --- expressions ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Name(Node):
    """``x``, ``part``, ``part'`` (primes are kept in ``id``)."""

    id: str


@dataclass(frozen=True)
class Int(Node):
    value: int
    text: str = field(compare=False, default="")


@dataclass(frozen=True)
class Float(Node):
    value: float
    text: str = field(compare=False, default="")


@dataclass(frozen=True)
class Quantity(Node):
    """``20 GeV``, ``1.2 mm^2``: number and unit are one token."""

    value: float
    unit: str
    power: int = 1
    text: str = field(compare=False, default="")


@dataclass(frozen=True)
class String(Node):
    value: str


@dataclass(frozen=True)
class Bool(Node):
    value: bool


@dataclass(frozen=True)
class ListExpr(Node):
    items: tuple[Expr, ...]


@dataclass(frozen=True)
class TupleExpr(Node):
    """``(a, b)``; a single parenthesised expression leaves no node."""

    items: tuple[Expr, ...]


@dataclass(frozen=True)
class Arg(Node):
    name: str | None
    value: Expr


@dataclass(frozen=True)
class Field(Node):
    """``base.name``"""

    base: Expr
    name: str


@dataclass(frozen=True)
class Index(Node):
    """``base[args]``: static arguments of a function or block, or an element of a static list."""

    base: Expr
    args: tuple[Arg, ...]


@dataclass(frozen=True)
class Call(Node):
    """``fn(args)``"""

    fn: Expr
    args: tuple[Arg, ...]


@dataclass(frozen=True)
class Unary(Node):
    op: Literal["-", "not"]
    operand: Expr


@dataclass(frozen=True)
class Binary(Node):
    """Arithmetic ``+ - * / % ^``, comparison ``== != < <= > >=``, ``and or``."""

    op: str
    left: Expr
    right: Expr


@dataclass(frozen=True)
class Pipe(Node):
    """``value |> fn``: ``fn(value)``; ``value |> fn(y)``: ``fn(value, y)``."""

    value: Expr
    fn: Expr


@dataclass(frozen=True)
class Range(Node):
    """``lo..hi``, half open."""

    lo: Expr
    hi: Expr


@dataclass(frozen=True)
class If(Node):
    cond: Expr
    then: Expr
    orelse: Expr


Expr = (
    Name | Int | Float | Quantity | String | Bool | ListExpr | TupleExpr | Field | Index | Call | Unary | Binary
    | Pipe | Range | If
)  # fmt: skip
