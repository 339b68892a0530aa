# SPDX-License-Identifier: Apache-2.0
"""What is known of one operation, whatever computes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from hepq.core.types import Elem

Group = Literal["given", "known", "unary", "binary", "select", "cast", "shape", "contract", "reduce", "knn", "gather",
                "rows", "cumsum", "segment", "window", "counting", "training", "quantum"]  # fmt: skip
#: unit of an elementwise result. ``number``: operands and result are numbers; ``kept``: that of the operands, which
#: agree; ``none``: they agree and the result is a number; ``root``, ``product``, ``quotient``, ``power``: as it says
UnitRule = Literal["number", "kept", "none", "root", "product", "quotient", "power"]


@dataclass(frozen=True)
class Op:
    """``operands``: their names, ``…`` for any further ones. ``attrs``: name -> kind (``compiler/ir/infer.py``)."""

    name: str
    group: Group
    operands: str = ""
    attrs: Mapping[str, str] = field(default_factory=dict)
    #: attributes and meaning, for the documentation
    doc: str = ""
    #: element types of the first operand; none named: any
    takes: tuple[Elem, ...] = ()
    #: element type of an elementwise result, if it is not the operands'
    gives: Elem | None = None
    unit: UnitRule = "kept"
    #: what the language makes of operands: all real; numbers, real unless all are whole; alike, real unless they are
    coerce: Literal["real", "number", "alike"] | None = None
    #: the operator of the language; a function of the language has the operation's name
    symbol: str | None = None
    #: a function of the language, of static numbers
    static: Callable[..., Any] | None = None

    # --- algebra
    commutative: bool = False
    #: does not change if all operands change sign
    even: bool = False
    #: changes at most its sign if any operands change theirs
    odd: bool = False
    #: with this as the second operand, or either one if they commute, the result is the other
    neutral: float | None = None
    #: nothing but its operand at inference
    identity: bool = False
    #: differs each time that it is computed
    random: bool = False
    #: one or two instructions
    cheap: bool = False
    #: operands where it is regular, if it is singular or grows quickly somewhere
    regular: float | None = None

    # --- what others call it, where they do just the same (C: in single precision)
    numpy: str | None = None
    torch: str | None = None
    onnx: str | None = None
    c: str | None = None

    @property
    def arity(self) -> int | None:
        """None: one operand or more."""
        names = self.operands.split(", ") if self.operands else []
        return None if "…" in names else len(names)

    @property
    def circuits(self) -> tuple[str, ...]:
        """Attributes that are circuits."""
        return tuple(name for name, kind in self.attrs.items() if kind == "circuit")
