# SPDX-License-Identifier: Apache-2.0
"""What an expression can be while a program is elaborated.

Static values are Python's own ``int float bool str``, ``tuple`` (a list), plus the classes here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeGuard

from hepq.core.axes import BinAxis
from hepq.core.source import Span
from hepq.core.types import Dim, Type, Unit
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.circuits.states import State
from hepq.lang.syntax import ast


class Named(tuple[Any, ...]):
    """``(cls=a, mass=b)``: a list whose items have names too."""

    names: tuple[str, ...]

    @staticmethod
    def of(items: Mapping[str, Any]) -> Named:
        found = Named(items.values())
        found.names = tuple(items)
        return found


@dataclass(frozen=True)
class Quantity:
    """A static number with a unit, in base units (GeV, mm, ns)."""

    value: float
    unit: Unit


@dataclass(frozen=True)
class Init:
    """How a param starts: ``normal(0, 1)``."""

    kind: str
    args: tuple[float, ...] = ()


@dataclass(frozen=True)
class HistogramAxis:
    """Bins of a histogram's axis: ``bins(10, 0 GeV, 1 TeV)``; edges are in base units of ``unit``."""

    axis: BinAxis
    unit: Unit


@dataclass(frozen=True)
class SourceFacts:
    """``source`` in an analysis: what is known of the source that an event is of. ``simulated``: whether it is."""

    simulated: bool


#: facts of a source of which weights are products: its cross-section, number of events, sum of weights
FACTS = ("xsec", "events", "sumw")


@dataclass(frozen=True)
class SourceNumber:
    """``static``, a number or quantity, times ``rest`` of the event, times ``powers`` of ``FACTS`` of its source."""

    static: float | Quantity
    powers: tuple[int, int, int] = (0, 0, 0)
    rest: Tensor | None = None


@dataclass(frozen=True)
class Withheld:
    """The value of a name in events that do not have it; ``why``: in words."""

    why: str


@dataclass(frozen=True)
class Function:
    """A ``fn``, ``block`` or ``model`` with the static arguments given so far.

    ``instance``: path of the weights once a block has been bound to a name, so that
    applying the same bound block twice shares them.
    """

    decl: ast.FnDecl
    module: str
    statics: tuple[tuple[str, Any], ...] = ()
    name: str | None = None
    instance: str | None = None


@dataclass(frozen=True)
class Circuit:
    """A circuit with the static arguments given so far."""

    decl: ast.CircuitDecl
    module: str
    statics: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class GateName:
    """A gate as a static argument: ``entangler = cz``."""

    name: str


@dataclass(frozen=True)
class Register:
    """The qubits of a circuit while its body is elaborated; ``wires`` is None while their number is not known."""

    name: str
    wires: tuple[int, ...] | None


@dataclass(frozen=True)
class Builtin:
    """A primitive, with the static arguments given so far (``knn[16]``)."""

    name: str
    statics: tuple[tuple[str | None, Any, ast.Arg], ...] = ()


@dataclass(frozen=True, eq=False)
class Native:
    """What a program calls like a function and is none of its own; ``call`` is given a context, arguments, a span.
    ``kind``: what it is, in a word; ``signature``: equal ones take and give the same."""

    name: str
    kind: str
    signature: Any
    call: Callable[[Any, Sequence[Any], Span], Any]


class Objects(ABC):
    """What an event has several of, over ``dim``; or one of, where that is None (``objects.py``)."""

    name: str
    dim: Dim | None

    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Of its values."""

    @abstractmethod
    def field(self, ctx: Any, name: str, span: Span) -> Value | None:
        """The value of that name; None if there is none."""

    @abstractmethod
    def owner(self, ctx: Any, span: Span) -> Any:
        """Of a nested collection: the view of its parent that says which entry each list is of; else None."""

    @abstractmethod
    def momentum(self, ctx: Any, span: Span) -> Tensor | None:
        """Its four-vector; None if its values do not make one."""


class _Unknown:
    """Stands for a value whose error has been reported, or that a generic check cannot know."""

    def __repr__(self) -> str:
        return "unknown"


UNKNOWN: Final = _Unknown()

Value = Any
STATIC_NUMBER = (int, float, Quantity)


def is_whole(value: Value) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Value) -> TypeGuard[int | float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def length(items: Sequence[Value]) -> int:
    """Of a list or a range, however long."""
    return max(0, items.stop - items.start) if isinstance(items, range) else len(items)


def describe(value: Value) -> str:
    """A few words for diagnostics."""
    match value:
        case Tensor(type=t):
            return f"a value of type `{t}`"
        case bool():
            return f"the truth value `{str(value).lower()}`"
        case int():
            return f"the whole number {value}"
        case float():
            return f"the number {value}"
        case Quantity(value=v, unit=u):
            return f"the quantity {v:g} {u}"
        case str():
            return f'the text "{value}"'
        case Named(names=names):
            return f"a list with the names {', '.join(f'`{n}`' for n in names)}"
        case tuple() | range():
            return f"a list of {length(value)}"
        case Dim():
            return f"the dim `{value}`"
        case Function(decl=d):
            return f"the {d.kind} `{d.name}`"
        case Circuit(decl=d):
            return f"the circuit `{d.name}`"
        case GateName(name=n):
            return f"the gate `{n}`"
        case State(register=d):
            return "a state" + (f" of {d.size} qubit{'s' * (d.size != 1)}" if d.size is not None else "")
        case Register(name=n):
            return f"the qubits `{n}`"
        case Objects(name=n):
            return f"the object `{n}`"
        case Builtin(name=n):
            return f"the built-in `{n}`"
        case Type():
            return f"the type `{value}`"
        case Init():
            return "an initialiser"
        case HistogramAxis():
            return "bins of a histogram"
        case Native(name=n, kind=k):
            return f"the {k} `{n}`"
        case SourceFacts():
            return "the source that an event is of"
        case SourceNumber():
            return "a number of the source"
    return "an unknown value"
