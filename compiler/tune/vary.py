# SPDX-License-Identifier: Apache-2.0
"""What varies from trial to trial: consts, static arguments and dims of a program, and options of its training.

``NAME=LOW..HIGH``, both ends included, with ``log`` or ``step S`` after it and a unit where the const has one; or a
list of values, ``NAME=A, B, C``. ``train.lr`` and the like are options of the training.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn

from hepq.compiler.driver.options import Options, value_of
from hepq.compiler.ir.build import Built, NodeBuilder, models_of
from hepq.compiler.train.recipe import Recipe, Resolved
from hepq.core.diagnostics.catalogue import diag, near
from hepq.core.diagnostics.diagnostic import HepqError, Sink
from hepq.core.types import UNITS, Dim
from hepq.lang.declarations.const import settable
from hepq.lang.declarations.train_settings import OPTIMISERS, SCHEDULES, Spec
from hepq.lang.elaborate.context import Frame, Reported
from hepq.lang.elaborate.evaluate import Elaborator
from hepq.lang.elaborate.values import Quantity, Value
from hepq.lang.syntax import ast

if TYPE_CHECKING:
    from optuna.trial import Trial

#: a value as it is given to a trial; lists and texts as they are written
Setting = int | float | str
TRAIN = "train."
#: option of a training -> the names it may be, or the least number, and whether it is whole
_OPTIONS: Mapping[str, Sequence[str] | tuple[float, bool]] = {
    "lr": (0.0, False), "batch": (1, True), "clip": (0.0, False), "C": (0.0, False),
    "optimiser": list(OPTIMISERS), "schedule": list(SCHEDULES),
}  # fmt: skip
_RANGE = re.compile(
    rf"(?P<low>\S+?)\s*\.\.\s*(?P<high>\S+)(?:\s+(?P<unit>{'|'.join(UNITS)}))?"
    r"(?:\s+(?:(?P<log>log)|step\s+(?P<step>\S+)))?"
)


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``, both of them too; ``step``: apart from each other; ``unit``: written after."""

    low: float
    high: float
    whole: bool = False
    log: bool = False
    step: float | None = None
    unit: str = ""

    def __contains__(self, value: object) -> bool:
        number = self._number(value)
        if number is None or not self.low <= number <= self.high:
            return False
        steps = 0.0 if self.step is None else (number - self.low) / self.step
        return abs(steps - round(steps)) < 1e-9

    def given(self, value: Setting) -> Any:
        """As an option, a dim or a const takes it."""
        return f"{value!r} {self.unit}" if self.unit else value

    def suggested(self, trial: Trial, name: str) -> Setting:
        if self.whole:
            step = 1 if self.step is None else int(self.step)
            return trial.suggest_int(name, int(self.low), int(self.high), step=step, log=self.log)
        return trial.suggest_float(name, self.low, self.high, step=self.step, log=self.log)

    def of(self, own: Value) -> Setting | None:
        """A value of the program, if it is one of these, as a trial is given it."""
        number = self._number(own)
        return None if number is None or own not in self else int(number) if self.whole else number

    def _number(self, value: object) -> float | None:
        if isinstance(value, Quantity):
            return value.value / UNITS[self.unit][1] if self.unit else None
        if isinstance(value, Dim):
            value = value.size
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


@dataclass(frozen=True)
class Choice:
    """Values as they are written."""

    texts: tuple[str, ...]

    def given(self, value: Setting) -> Any:
        return value_of(str(value))

    def suggested(self, trial: Trial, name: str) -> Setting:
        return str(trial.suggest_categorical(name, self.texts))

    def of(self, own: Value) -> Setting | None:
        return next((text for text in self.texts if _same(text, own)), None)


@dataclass(frozen=True)
class Varied:
    """``kind``: const, static, dim or train, of which ``name`` is one. ``own``: what the program says, if it is one of
    the values. ``text``: as it was asked for."""

    name: str
    kind: str
    space: Range | Choice
    own: Setting | None
    text: str

    @property
    def title(self) -> str:
        return f"{TRAIN}{self.name}" if self.kind == "train" else self.name


def varied(built: Built, resolved: Resolved, given: Options, asked: Sequence[str]) -> tuple[Varied, ...]:
    """What ``asked`` texts say of a training. ``resolved``: its recipe; ``given``: values that stay.

    Raises HepqError: HQ0780 for names that nothing has, HQ0781 for what is no range or list of values.
    """
    known = _known(built, resolved)
    found: dict[str, Varied] = {}
    for text in asked:
        name, mark, values = (part.strip() for part in text.partition("="))
        if not (mark and name and values):
            _refuse(name or text, values or text, "write `NAME=LOW..HIGH`, or `NAME=A, B, C`")
        if name not in known:
            close = near(name, known)
            raise HepqError(
                [diag("HQ0780", name=name, near=close, help=None if close else f"there are: {_some(known)}")]
            )
        if name in found:
            _refuse(name, values, "it is said twice")
        if name in given.statics or name in given.dims:
            _refuse(name, values, f"it has one value, by `--{'set' if name in given.statics else 'dim'} {name}=…`")
        thing = known[name]
        space = _space(name, thing, values)
        found[name] = Varied(thing.name, thing.kind, space, space.of(thing.own), f"{name}={values}")
    return tuple(found.values())


def applied(
    those: Sequence[Varied], settings: Mapping[str, Setting], options: Options, recipe: Recipe, resolved: Resolved
) -> tuple[Options, Recipe]:
    """Options and recipe of a trial, with ``settings`` by title; ``resolved``: the recipe as the program has it."""
    dims, statics = dict(options.dims), dict(options.statics)
    for one in those:
        value = one.space.given(settings[one.title])
        if one.kind == "dim":
            dims[one.name] = value
        elif one.kind != "train":
            statics[one.name] = value
        elif one.name == "optimiser":
            own = resolved.optimiser
            recipe = replace(recipe, optimiser=own if value == own.name else Spec.default(value, OPTIMISERS))
        elif one.name == "schedule":
            own = resolved.schedule
            recipe = replace(recipe, schedule=own if value == own.name else Spec.default(value, SCHEDULES))
        else:
            field = "rate" if one.name == "lr" else one.name
            recipe = replace(recipe, **{field: value})
    return replace(options, dims=dims, statics=statics), recipe


@dataclass(frozen=True)
class _Known:
    """Something that could vary. ``type``: as declared; ``own``: its value in the program, if there is one."""

    name: str
    kind: str
    type: str | None
    own: Value


def _known(built: Built, resolved: Resolved) -> dict[str, _Known]:
    """By the names that are asked for: what is said last hides what is said before, as in the program."""
    program = built.program
    found: dict[str, _Known] = {}
    for name, value in _trained(built, resolved).items():
        found[f"{TRAIN}{name}"] = _Known(name, "train", None, value)
    for decl in program.main.file.decls:
        if isinstance(decl, ast.DimDecl) and decl.op != "<=" and not isinstance(decl.value, ast.ListExpr):
            for name in decl.names:
                size = None if decl.value is None else _evaluated(built, program.main.name, decl.value)
                found[name] = _Known(name, "dim", "int", size)
    for name, const in settable(program).items():
        own = _evaluated(built, program.main.scope[name].module, const.value)
        found[name] = _Known(name, "const", const.type.name if const.type else None, own)
    for name, model in models_of(program).items():
        if name == _model_of(built):
            for p in model.statics:
                own = None if p.default is None else _evaluated(built, program.main.scope[name].module, p.default)
                found[p.name] = _Known(p.name, "static", p.type.name if p.type else None, own)
    return found


def _model_of(built: Built) -> str:
    """The model that a training binds, or the one that is trained on its labels."""
    plan = built.training
    return built.plan.name if plan is None else plan.blocks.get("", "")


def _trained(built: Built, resolved: Resolved) -> dict[str, Value]:
    """Options of the training that there are, and their values."""
    from hepq.compiler.hybrid.kernel import find_kernel

    kernel = find_kernel(built)
    if kernel is not None and kernel.instance is not None:
        return {"C": resolved.C if resolved.C is not None else kernel.instance.statics["C"]}
    return {
        "lr": resolved.optimiser["lr"], "batch": resolved.batch, "clip": resolved.clip,
        "optimiser": resolved.optimiser.name, "schedule": resolved.schedule.name,
    }  # fmt: skip


def _evaluated(built: Built, module: str, e: ast.Expr) -> Value:
    """The value of an expression of a program that is right; None if it is known in its place alone."""
    ctx = Elaborator(built.program, NodeBuilder(), Sink())
    ctx.frames.append(Frame(module))
    try:
        return ctx.value(e)
    except Reported:
        return None


def _space(name: str, thing: _Known, text: str) -> Range | Choice:
    names = _OPTIONS[thing.name] if thing.kind == "train" else None
    if ".." in text:
        if isinstance(names, list) or thing.type in ("bool", "string", "list", "fn", "block", "circuit"):
            _refuse(name, text, f"it takes no numbers: write its values, `{name}=A, B`")
        numbers = _range(name, thing, text)
        found: Range | Choice = numbers
        low, high = numbers.low, numbers.high
    else:
        texts = tuple(_split(text))
        if len(set(texts)) < 2 or "" in texts or len(set(texts)) < len(texts):
            _refuse(name, text, f"two values at least, each once: `{name}=A, B`; or `{name}=LOW..HIGH`")
        if isinstance(names, list):
            if odd := [t for t in texts if t not in names]:
                _refuse(name, text, f"`{odd[0]}` is none of {', '.join(names)}")
            return Choice(texts)
        values = [value_of(t) for t in texts]
        if names is None and thing.kind != "dim":
            return Choice(texts)
        if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
            _refuse(name, text, "it takes numbers")
        if (thing.type == "int" or (names and names[1])) and not all(isinstance(v, int) for v in values):
            _refuse(name, text, "it takes whole numbers")
        low, high = min(values), max(values)
        found = Choice(texts)
    if isinstance(names, tuple) and (low <= 0 or low < names[0]):
        _refuse(name, text, f"it is {'1 at least' if names[1] else 'above 0'}")
    if thing.kind == "dim" and not 1 <= low <= high <= 1 << 24:
        _refuse(name, text, "the size of a dim is 1 at least, and 2^24 at most")
    return found


def _range(name: str, thing: _Known, text: str) -> Range:
    match = _RANGE.fullmatch(text)
    if match is None:
        _refuse(name, text, "write `LOW..HIGH`, then a unit where the const has one, then `log` or `step SIZE`")
    low, high = (_finite(name, text, match[end]) for end in ("low", "high"))
    unit, step = match["unit"] or "", match["step"]
    size = None if step is None else _finite(name, text, step)
    if low >= high:
        _refuse(name, text, f"{match['low']} is not below {match['high']}")
    if match["log"] and low <= 0:
        _refuse(name, text, "the logarithm of its lower end is no number: begin above 0")
    if size is not None and not 0 < size <= high - low:
        _refuse(name, text, f"a step of {step} does not lead from {match['low']} to {match['high']}")
    _check_unit(name, thing, text, unit)
    whole = _is_whole(thing, (match["low"], match["high"], *((step,) if step else ())))
    if whole and any(n is not None and n != int(n) for n in (low, high, size)):
        _refuse(name, text, "it takes whole numbers")
    if size is not None:
        high = low + size * math.floor((high - low) / size + 1e-9)
    return Range(low, high, whole, bool(match["log"]), size, unit)


def _check_unit(name: str, thing: _Known, text: str, unit: str) -> None:
    own = thing.own
    needed = isinstance(own, Quantity) or (thing.type in UNITS and UNITS[thing.type][0] != UNITS["rad"][0])
    if needed and not unit:
        _refuse(name, text, f"it has a unit: `{name}={text.split()[0]} {thing.type or 'GeV'}`")
    if unit and (thing.kind != "const" or not needed or (isinstance(own, Quantity) and UNITS[unit][0] != own.unit)):
        _refuse(name, text, f"it is not of the unit {unit}")


def _is_whole(thing: _Known, written: Sequence[str]) -> bool:
    if thing.kind == "train":
        limit = _OPTIONS[thing.name]
        return isinstance(limit, tuple) and bool(limit[1])
    if thing.type is not None:
        return thing.type in ("int", "dim")
    return not isinstance(thing.own, float | Quantity) and all(re.fullmatch(r"[-+]?\d+", w) for w in written)


def _finite(name: str, text: str, number: str) -> float:
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        _refuse(name, text, f"`{number}` is not a number")
    return value


def _split(text: str) -> list[str]:
    """At commas outside brackets and quotes."""
    return [part.strip() for part in re.split(r',(?![^\[(]*[\])])(?=(?:[^"]*"[^"]*")*[^"]*$)', text)]


def _same(text: str, own: Value) -> bool:
    """Whether the program could have written ``own`` so."""
    if isinstance(own, Quantity):
        number, _, unit = text.partition(" ")
        known = UNITS.get(unit.strip())
        value = value_of(number)
        return known is not None and known[0] == own.unit and isinstance(value, int | float) and math.isclose(
            value * known[1], own.value)  # fmt: skip
    if isinstance(own, Dim):
        own = own.size
    value, written = value_of(text), _plain(own)
    return bool(value == written) and isinstance(value, bool) == isinstance(written, bool)


def _plain(value: Value) -> Any:
    return [_plain(v) for v in value] if isinstance(value, tuple) else value


def _some(names: Mapping[str, _Known]) -> str:
    """Those of the program first."""
    return ", ".join(sorted(names, key=lambda name: name.startswith(TRAIN)))


def _refuse(name: str, text: str, reason: str) -> NoReturn:
    raise HepqError([diag("HQ0781", name=name, text=text, reason=reason)])
