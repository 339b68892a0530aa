# SPDX-License-Identifier: Apache-2.0
"""State of one elaboration: frames, weight paths, diagnostics, and the back end.

Errors are reported where they are found and then unwind to the enclosing statement by
``Reported``; the statement's targets become unknown and checking goes on with the next one.
Using an unknown value raises ``Reported`` again, silently, so one mistake is one message.

Calls evaluate arguments, and evaluating calls: ``Context.evaluate`` ties that knot, which ``evaluate.py`` fills in.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import prod
from typing import Any, NoReturn

from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import Label, Sink
from hepq.core.ops.table import OPS, SEGMENT
from hepq.core.source import Span
from hepq.core.types import ONE, Dim, Elem, Type
from hepq.lang.elaborate.builder import Builder, Tensor
from hepq.lang.elaborate.circuits.states import AngleTable, State
from hepq.lang.elaborate.event import Data, Fact, carried
from hepq.lang.elaborate.values import (
    UNKNOWN,
    Builtin,
    Circuit,
    Function,
    Init,
    Named,
    Objects,
    Quantity,
    SourceNumber,
    Value,
    describe,
    length,
)
from hepq.lang.elaborate.work import (
    CHARACTERS_A_STEP,
    ERROR_STEPS,
    MAX_DIMS,
    MAX_ITEMS,
    MAX_NODES,
    MAX_NUMBERS,
    MAX_POWER,
    MAX_STEPS,
    Work,
)
from hepq.lang.modules import Program
from hepq.lang.syntax import ast

#: groups of operations that analyses do not have
OF_MODELS = ("knn", "window", "training", "quantum")


class Reported(Exception):
    """An error that the sink already has, or what is not known yet: ``Context.unsized``."""


@dataclass
class WeightScope:
    """Hands out stable weight paths: ``edge_conv0.linear1``."""

    prefix: str = ""
    used: dict[str, int] = field(default_factory=dict)
    leaves: set[str] = field(default_factory=set)

    def child(self, name: str, *, indexed: bool) -> str:
        """A path not handed out before; ``indexed`` names always carry their number."""
        while True:
            n = self.used.get(name, 0)
            self.used[name] = n + 1
            leaf = f"{name}{n}" if indexed or n else name
            if leaf not in self.leaves:
                self.leaves.add(leaf)
                return f"{self.prefix}.{leaf}" if self.prefix else leaf


@dataclass
class Frame:
    """One call: names, the dims its signature's open dims stand for, where it was called."""

    module: str
    locals: dict[str, Value] = field(default_factory=dict)
    dims: dict[str, Dim] = field(default_factory=dict)
    rest: list[Dim] = field(default_factory=list)  #: what ``...`` of the parameters stands for
    scope: WeightScope = field(default_factory=WeightScope)
    call_span: Span | None = None
    owns_params: bool = False
    weights: set[str] = field(default_factory=set)  #: names of the weights declared so far
    dataset: str | None = None  #: name of the dataset whose items are being elaborated
    loops: int = 0
    decl: ast.Decl | None = None  #: what was called
    item: Value = None  #: what the innermost loop is at
    numbered: dict[tuple[int, str], list[tuple[int, Span]]] = field(default_factory=dict)  #: blocks made in a loop


@dataclass(frozen=True)
class Measuring:
    """What attributes say of measurements: shots for each circuit, and limits for all of them together."""

    shots: int | None = None
    budget: Mapping[str, float] = field(default_factory=dict)


@dataclass
class Instance:
    """A block as it was applied: what checkpoints, summaries and training refer to.

    ``statics``: its static arguments, defaults too; ``inputs``: the values it was applied to.
    """

    path: str
    block: str
    module: str
    statics: Mapping[str, Value] = field(default_factory=dict)
    inputs: tuple[Value, ...] = ()


@dataclass(frozen=True)
class Unsized:
    """A dim whose size something needs that is not known. ``name``: of the dataset in which it stands."""

    dim: Dim
    name: str | None
    places: tuple[Label, ...]


class Context(ABC):
    """What is known and made so far while a program is elaborated; an ``Elaborator`` is one."""

    def __init__(self, program: Program, builder: Builder, sink: Sink, work: Work | None = None) -> None:
        self.program = program
        self.work = work or Work()
        self.builder = builder
        self.sink = sink
        self.frames: list[Frame] = []
        self.params: dict[str, Tensor] = {}
        self.instances: list[Instance] = []
        self.measuring: list[Measuring] = []  #: of what was applied, outermost first
        self.open_dims: dict[str, Dim] = {}
        self.collections: frozenset[str] | None = None  #: ragged dims of a model's inputs, once they are known
        self.nodes = 0
        self.given_up = False
        self.waiting: Unsized | None = None  #: the first dim without a size that something needed
        self.data: Data | None = None  #: the event, in a dataset
        self.named_files: dict[str, str] = {}  #: files that the program names and that were read: their SHA-256
        self.angles = AngleTable()
        self.sharing = 0  #: how many blocks of ``shared`` are open

    @abstractmethod
    def evaluate(self, e: ast.Expr) -> Value:
        """The value of an expression in the current frame; raises ``Reported`` after an error."""

    def value(self, e: ast.Expr) -> Value:
        """The same, of an expression whose value must be known."""
        return known(self.evaluate(e))

    @property
    def frame(self) -> Frame:
        return self.frames[-1]

    def given_size(self, decl: ast.Decl, name: str) -> Dim | None:
        """The dim with the size given from outside: for the main module's dim of that name, or for the only one."""
        given = self.open_dims.get(name)
        if given is None:
            return None
        binding = self.program.main.scope.get(name)
        meant = [binding.decl] if binding is not None else self._dims_named(name)
        return given if len(meant) == 1 and meant[0] is decl else None

    def _dims_named(self, name: str) -> list[ast.Decl]:
        """Dims of that name in any module."""
        decls = (d for m in self.program.modules.values() for d in m.file.decls)
        return [d for d in decls if isinstance(d, ast.DimDecl) and name in d.names]

    def error(self, code: str, span: Span, *labels: Label, notes: Sequence[str] = (), **fields: Any) -> NoReturn:
        """Report and unwind. Inside the library, the user's call is the primary place."""
        self.go_on()
        self.work.left -= ERROR_STEPS
        self.sink.add(diag(code, *self._places(span, labels), notes=notes, **fields))
        self.work.stopped = self.work.stopped or self.sink.overflowed
        raise Reported

    def unsized(self, dim: Dim, span: Span) -> NoReturn:
        """Unwind where the size of ``dim`` is needed. What is checked alone may be given it; a build reports it."""
        if self.waiting is None:
            name = next((f.dataset for f in self.frames if f.dataset), None)
            self.waiting = Unsized(dim.base, name, self._places(span))
        raise Reported

    def _places(self, span: Span, labels: Sequence[Label] = ()) -> tuple[Label, ...]:
        calls = [f.call_span for f in reversed(self.frames) if f.call_span]
        if in_library(span):
            user = next((c for c in calls if not in_library(c)), None)
            if user is not None:
                return (Label(user, "in this call"), Label(span, "needed here"), *labels)
        elif calls and calls[0] != span:
            return (Label(span), *labels, Label(calls[0], "called from here"))
        return (Label(span), *labels)

    def give_up(self, code: str, span: Span, **fields: Any) -> NoReturn:
        """Report a limit of the whole program, at the outermost application; nothing further is elaborated."""
        calls = [f.call_span for f in self.frames if f.call_span]
        try:
            self.error(code, calls[0] if calls and code == "HQ0412" else span, **fields)
        finally:
            self.given_up = True
            self.work.stopped = self.work.stopped or code in ("HQ0412", "HQ0042")

    def go_on(self) -> None:
        """Before what follows an error; raises ``Reported`` once a limit was reached."""
        if self.given_up or self.work.stopped:
            raise Reported

    def spend(self, steps: int, span: Span) -> None:
        """Count work; gives up where there is too much of it."""
        self.work.left -= steps
        if self.work.left < 0:
            self.give_up("HQ0412", span, limit=MAX_STEPS)

    def too_deep(self, decl: ast.Decl, name: str, span: Span, limit: int, help: str | None = None) -> NoReturn:
        """Report calls or definitions in each other that are too many, or one that is in itself."""
        if any(f.decl is decl for f in self.frames):
            self.give_up("HQ0411", span, name=name, help=help)
        self.give_up("HQ0221", span, name=name, limit=limit)

    def listed(self, value: Sequence[Value], span: Span, limit: int = MAX_ITEMS) -> tuple[Value, ...]:
        """The items of a static list or range."""
        if length(value) > limit:
            self.error("HQ0412", span, limit=limit)
        self.spend(1 + length(value) // (1 if isinstance(value, range) else 64), span)
        return tuple(value)

    def size(self, dim: Dim, span: Span) -> int:
        """The fixed size of a dim."""
        if dim.ragged:
            self.error("HQ0211", span, dim=dim)
        if dim.size is None:
            self.unsized(dim, span)
        return dim.size

    def sequence(self, value: Value, span: Span, wanted: str, help: str | None = None) -> tuple[Value, ...] | range:
        """A static list or range, or the numbers of a dim's entries."""
        if isinstance(value, Dim):
            return range(self.size(value, span))
        if not isinstance(value, (tuple, range)):
            self.error("HQ0404", span, wanted=wanted, found=describe(value), help=help)
        return value

    def emit(self, op: str, operands: Sequence[Tensor], type: Type, span: Span | None, **attrs: Hashable) -> Tensor:
        operands = [self.cast(o, e, span) for o, e in zip(operands, _wanted_elems(op, operands), strict=True)]
        known = self.angles.recall(op, operands, type, attrs) if self.sharing else None
        if known is not None:
            return known
        self.nodes += 1
        if span is not None:
            if self.nodes > MAX_NODES:
                self.give_up("HQ0412", span, limit=MAX_NODES)
            self._check_extent(type, span)
        needs = self._needs(op, operands, type, attrs, span) if self.data is not None and span is not None else {}
        result = Tensor(self.builder.emit(op, [o.handle for o in operands], attrs, type, span), type, needs)
        if self.sharing:
            self.angles.remember(op, operands, attrs, result)
        return result

    def _check_extent(self, type: Type, span: Span) -> None:
        if type.unit is not ONE and type.unit.degree > MAX_POWER:
            self.error("HQ0222", span, limit=MAX_POWER)
        if len(type.dims) > MAX_DIMS:
            self.error("HQ0218", span, count=len(type.dims), limit=MAX_DIMS)
        numbers = prod(d.size or 1 for d in type.dims)
        if numbers > MAX_NUMBERS:
            self.error("HQ0219", span, type=type, count=numbers, limit=MAX_NUMBERS)

    def _needs(
        self, op: str, operands: Sequence[Tensor], type: Type, attrs: Mapping[str, Any], span: Span
    ) -> Mapping[Fact, Tensor]:
        """What must hold for a value of an event to be there; reports what never makes sense of objects."""
        assert self.data is not None
        if self.data.word == "cut" and OPS[op].group in OF_MODELS:
            help = "put it in a `model`, and call what `artifact(MODEL)` gives"
            self.error("HQ0409", span, kind="operation", name=op, help=help)
        if pair := self.data.related(type.dims):
            self.error("HQ0662", span, parent=pair[0], sub=pair[1])
        if not any(o.needs for o in operands):
            return {}
        found = carried(op, operands, attrs)
        if isinstance(found, Fact):
            what = f"`{span.text}`" if len(span.text) <= 40 and "\n" not in span.text else "what this needs"
            help = f"say a value inside: `default(…, …)`; or leave entries out, by `where {found.guard}`"
            self.error("HQ0664", span, what=what, why=found.missing, help=help)
        return found

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Inside, the same operation on the same values is one value: the angles of circuits."""
        self.sharing += 1
        try:
            yield
        finally:
            self.sharing -= 1

    def cast(self, x: Tensor, elem: Elem, span: Span | None) -> Tensor:
        """``x`` with another element type."""
        return x if x.type.elem == elem else self.emit("cast", [x], replace(x.type, elem=elem, into=None), span)

    def tensor(self, value: Value, span: Span) -> Tensor:
        """A run-time value: static numbers become constants."""
        match value:
            case Tensor():
                return value
            case bool():
                return self.emit("const", (), Type("bool"), span, value=value)
            case int() if -(1 << 63) <= value < 1 << 63:
                return self.emit("const", (), Type("int"), span, value=value)
            case int():  # beyond a whole number's 64 bits
                return self.emit("const", (), Type("real"), span, value=float(value))
            case float():
                return self.emit("const", (), Type("real"), span, value=value)
            case Quantity(value=v, unit=u):
                return self.emit("const", (), Type("real", unit=u), span, value=v)
            case Dim(size=int(n)):
                return self.emit("const", (), Type("int"), span, value=n)
        if value is UNKNOWN:
            raise Reported
        if isinstance(value, Objects):
            momentum = value.momentum(self, span)
            if momentum is None:
                names = ", ".join(value.names()) or "no values"
                help = f"it has {names}: declare the values that are missing, or make one by `p4(…)`"
                self.error("HQ0663", span, name=value.name, names=names, help=help)
            return momentum
        if isinstance(value, SourceNumber):
            self.error("HQ0913", span, found=f"`{span.text[:60]}`")
        if isinstance(value, Circuit):
            self.error("HQ0510", span, name=value.decl.name)
        return self.error("HQ0301", span, found=describe(value), help=self._call_help(value))

    def _call_help(self, value: Value) -> str | None:
        if isinstance(value, State):
            return "measure it: `expect(Z, state)`, `probs(state)` or `fidelity(state, other)`"
        if isinstance(value, Named):
            compare = "; to compare, write `==`" if len(value) == 1 else ""
            return f"take one of its values by name: `result.{value.names[0]}`{compare}"
        if not isinstance(value, (Function, Builtin)):
            return None
        name = value.decl.name if isinstance(value, Function) else value.name
        declare = f", or declare `branch {name}: …`" if self.frame.dataset else ""
        return f"call it: `{name}(…)`{declare}"

    def weight(self, name: str, type: Type, init: Init, trainable: bool, span: Span) -> Tensor:
        prefix = self.frame.scope.prefix
        path = f"{prefix}.{name}" if prefix else name
        self.spend(len(path) // CHARACTERS_A_STEP, span)
        known = self.params.get(path)
        if known is None:
            attrs: Mapping[str, Any] = {"path": path, "init": (init.kind, *init.args), "trainable": trainable}
            known = self.params[path] = self.emit("param", (), type, span, **attrs)
        elif known.type != type:
            self.error("HQ0410", span, path=path, first=known.type, second=type)
        return known


#: what applies each built-in to its arguments: ``builtins`` fills it in
BUILTINS: dict[str, Callable[[Context, Builtin, Sequence[ast.Arg], Span], Value]] = {}


def known(value: Value) -> Value:
    if value is UNKNOWN:
        raise Reported
    return value


@contextmanager
def bounded(ctx: Context, decl: ast.Decl) -> Iterator[None]:
    """Elaborating ``decl`` inside, expressions that nest too deeply in calls that do are reported."""
    try:
        yield
    except RecursionError:
        ctx.give_up("HQ0042", decl.span)


def in_library(span: Span) -> bool:
    return span.source.path.startswith("std/")


@lru_cache
def snake_case(name: str) -> str:
    """``EdgeConv`` -> ``edge_conv``, ``PFN`` -> ``pfn``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _wanted_elems(op: str, operands: Sequence[Tensor]) -> list[Elem]:
    """The element type each operand must be cast to."""
    elems = [o.type.elem for o in operands]
    if op == "where":
        return [elems[0], *_common(elems[1:], numbers=False)]
    if op in SEGMENT:
        return [*_common(elems[:1], numbers=True), elems[1]]
    match OPS[op].coerce:
        case "real":
            return ["real"] * len(elems)
        case None:
            return elems
        case rule:
            return _common(elems, numbers=rule == "number")


def _common(elems: Sequence[Elem], *, numbers: bool) -> list[Elem]:
    kinds = set(elems)
    alike = len(kinds) == 1 and not (numbers and "bool" in kinds)
    return list(elems) if alike else ["real"] * len(elems)
