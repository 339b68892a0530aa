# SPDX-License-Identifier: Apache-2.0
"""ROOT's TFormula, as far as correctionlib reads it: `1.0 + (x*[0] / 50)`, `max(x, y) > 2`.

A sign binds tighter than `^`: `-x^2` is `(-x)^2`, as there. Variables are `x`, `y`, `z`, `t`, or `x[0]`, `x[1]`, …;
parameters `[0]`, `[1]`, …; comparisons, `&&` and `||` give 1 or 0.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from hepq.lang.elaborate.algebra import Algebra, Operand
from hepq.lang.elaborate.builder import Tensor

_LEVELS = (("||",), ("&&",), ("==", "!="), (">", "<", ">=", "<="), ("-", "+"), ("/", "*"), ("^",))
_LEVEL = {op: level for level, ops in enumerate(_LEVELS) for op in ops}
_OPERATOR = re.compile(r"\|\||&&|==|!=|>=|<=|[<>\-+/*^]")
_LITERAL = re.compile(r"-?\d+(\.\d*)?(e-?\d+)?")
_VARIABLE = re.compile(r"x\[(\d+)\]|[xyzt]")
_PARAMETER = re.compile(r"\[[ \t]*(\d+)[ \t]*\]")
_SPACE = re.compile(r"[ \t]*")
UNARY = ("log", "log10", "exp", "erf", "sqrt", "abs", "cos", "sin", "tan", "acos", "asin", "atan", "cosh", "sinh",
         "tanh", "acosh", "asinh", "atanh")  # fmt: skip
BINARY = ("atan2", "pow", "max", "min")
_FUNCTION = re.compile("|".join(sorted((*UNARY, *BINARY), key=len, reverse=True)))
#: of operators and functions in each other
_DEEPEST = 200


@dataclass(frozen=True)
class Literal:
    value: float


@dataclass(frozen=True)
class Variable:
    index: int


@dataclass(frozen=True)
class Parameter:
    index: int


@dataclass(frozen=True)
class Call:
    """``name``: an operator or a function; of one operand, `-` changes the sign."""

    name: str
    operands: tuple[Formula, ...]


Formula = Literal | Variable | Parameter | Call


@lru_cache(maxsize=4096)
def parse(text: str) -> Formula:
    """Raises ValueError saying what is wrong where."""
    parser = _Parser(text)
    found = parser.expression(0)
    if parser.at < len(text):
        raise parser.wrong("an operator")
    return found


class _Parser:
    def __init__(self, text: str) -> None:
        self.text, self.at, self.depth = text, 0, 0
        self.skip()

    def wrong(self, wanted: str) -> ValueError:
        rest = self.text[self.at : self.at + 20]
        return ValueError(f"expected {wanted} at {f'`{rest}`' if rest else 'the end'} of `{self.text[:80]}`")

    def skip(self) -> None:
        found = _SPACE.match(self.text, self.at)
        assert found is not None
        self.at = found.end()

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.at)
        if found is not None:
            self.at = found.end()
            self.skip()
        return found

    def sign(self, text: str) -> bool:
        return self.take(re.compile(re.escape(text))) is not None

    def need(self, text: str) -> None:
        if not self.sign(text):
            raise self.wrong(f"`{text}`")

    def expression(self, least: int) -> Formula:
        """Operators of the level ``least`` or tighter ones; all but `^` from the left."""
        self.depth += 1
        if self.depth > _DEEPEST:
            raise ValueError(f"`{self.text[:80]}` nests too deeply")
        left = self.atom()
        while (found := _OPERATOR.match(self.text, self.at)) and (level := _LEVEL[found[0]]) >= least:
            self.take(_OPERATOR)
            left = Call(found[0], (left, self.expression(level if found[0] == "^" else level + 1)))
        self.depth -= 1
        return left

    def atom(self) -> Formula:
        if found := self.take(_LITERAL):
            return Literal(float(found[0]))
        if self.sign("-"):
            return Call("-", (self.operand(),))
        return self.operand()

    def operand(self) -> Formula:
        start = self.at
        if (found := self.take(_FUNCTION)) and self.sign("("):
            operands = [self.expression(0)]
            if found[0] in BINARY:
                self.need(",")
                operands.append(self.expression(0))
            self.need(")")
            return Call(found[0], tuple(operands))
        self.at = start
        if found := self.take(_PARAMETER):
            return Parameter(int(found[1]))
        if found := self.take(_VARIABLE):
            return Variable(int(found[1]) if found[1] else "xyzt".index(found[0]))
        if self.sign("("):
            inside = self.expression(0)
            self.need(")")
            return inside
        raise self.wrong("a number, a variable, a parameter or a function")


def needed(formula: Formula) -> tuple[int, int]:
    """How many variables and parameters it takes."""
    match formula:
        case Variable(index=i):
            return i + 1, 0
        case Parameter(index=i):
            return 0, i + 1
        case Call(operands=operands):
            counts = [needed(o) for o in operands]
            return max(v for v, _ in counts), max(p for _, p in counts)
    return 0, 0


def lifted(formula: Formula, parameters: Sequence[float]) -> tuple[Formula, tuple[float, ...]]:
    """The formula with all its numbers as parameters, in the order in which they stand; and these. So formulas that
    differ by numbers alone are one."""
    numbers: list[float] = []

    def lift(part: Formula) -> Formula:
        match part:
            case Literal(value=v):
                numbers.append(v)
            case Parameter(index=i):
                numbers.append(parameters[i])
            case Call(name=name, operands=operands):
                return Call(name, tuple(map(lift, operands)))
            case _:
                return part
        return Parameter(len(numbers) - 1)

    return lift(formula), tuple(numbers)


def emit(f: Algebra, formula: Formula, variables: Sequence[Operand], parameters: Sequence[Operand]) -> Operand:
    """Its value, of real numbers."""
    match formula:
        case Literal(value=v):
            return v
        case Variable(index=i):
            return variables[i]
        case Parameter(index=i):
            return parameters[i]
        case Call(name=name, operands=operands):
            return _called(f, name, [emit(f, o, variables, parameters) for o in operands])


_ARITHMETIC = {"+": "add", "-": "sub", "*": "mul", "/": "div", "^": "pow", "pow": "pow", "atan2": "atan2"}
_COMPARED = {"==": "eq", "!=": "ne", ">": "gt", "<": "lt", ">=": "ge", "<=": "le"}


def _called(f: Algebra, name: str, x: list[Operand]) -> Tensor:
    if len(x) == 1:
        match name:
            case "-":
                return f("neg", x[0])
            case "log10":
                return f("div", f("log", x[0]), math.log(10.0))
            case "acosh":
                return _acosh(f, x[0])
        return f(name, x[0])
    a, b = x
    if name in _ARITHMETIC:
        return f(_ARITHMETIC[name], a, b)
    if name in _COMPARED:
        return f.real(f(_COMPARED[name], a, b))
    if name in ("||", "&&"):
        return f.real(f("or" if name == "||" else "and", f("ne", a, 0.0), f("ne", b, 0.0)))
    # C++'s: of NaN, the first operand, whichever that is
    return f("where", f("lt", a, b) if name == "max" else f("lt", b, a), b, a)


def _acosh(f: Algebra, x: Operand) -> Tensor:
    """log(x + sqrt(x² - 1)), without loss near 1 and without overflow; NaN below 1."""
    t = f("sub", x, 1.0)
    near = f("log1p", f("add", t, f("mul", f("sqrt", t), f("sqrt", f("add", x, 1.0)))))
    return f("where", f("gt", x, 2.0**28), f("add", f("log", x), math.log(2.0)), near)
