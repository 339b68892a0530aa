# SPDX-License-Identifier: Apache-2.0
"""Settings of a training: what each takes, known when the program is compiled."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hepq.core.diagnostics.catalogue import near
from hepq.lang.elaborate.context import Context
from hepq.lang.elaborate.values import Value, describe, is_number, is_whole
from hepq.lang.elaborate.work import MAX_COUNT
from hepq.lang.syntax import ast

#: optimiser -> its arguments and their defaults
OPTIMISERS: dict[str, dict[str, float]] = {
    "sgd": {"lr": 1e-2, "momentum": 0.9, "decay": 0.0},
    "adam": {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
    "adamw": {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "decay": 0.01},
    "radam": {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "decay": 0.0},
    "ranger": {"lr": 1e-3, "beta1": 0.95, "beta2": 0.999, "eps": 1e-5, "decay": 0.0, "every": 6.0, "pull": 0.5},
}
#: schedule -> its arguments and their defaults
SCHEDULES: dict[str, dict[str, float]] = {
    "constant": {"warmup": 0.0},
    "cosine": {"warmup": 0.0, "floor": 0.0},
    "one_cycle": {"rise": 0.3, "first": 0.04, "last": 4e-6},
    "flat_decay": {"flat": 0.7, "last": 0.01},
}


@dataclass(frozen=True)
class Spec:
    """``adamw(lr=1e-3)``: a name and all its arguments."""

    name: str
    args: tuple[tuple[str, float], ...]

    def __getitem__(self, name: str) -> float:
        return dict(self.args)[name]

    def replaced(self, **args: float) -> Spec:
        return Spec(self.name, tuple((dict(self.args) | args).items()))

    @staticmethod
    def default(name: str, table: Mapping[str, Mapping[str, float]], **args: float) -> Spec:
        return Spec(name, tuple((dict(table[name]) | args).items()))


def spec(table: Mapping[str, Mapping[str, float]], what: str) -> Callable[[Context, ast.Expr], Spec]:
    """A reader of ``name(argument=number, …)``, or of the name alone."""

    def read(ctx: Context, e: ast.Expr) -> Spec:
        fn, args = (e.fn, e.args) if isinstance(e, ast.Call) else (e, ())
        if not isinstance(fn, ast.Name) or fn.id not in table:
            name = fn.id if isinstance(fn, ast.Name) else fn.span.text
            close = near(name, table)
            ctx.error("HQ0652", fn.span, what=what, name=name, near=close,
                      help=None if close else f"there are: {', '.join(table)}")  # fmt: skip
        found = dict(table[fn.id])
        for a in args:
            if a.name not in found:
                close = near(a.name or "", found)
                ctx.error("HQ0652", a.span, what=f"argument of `{fn.id}`", name=a.name or a.span.text, near=close,
                          help=None if close else f"it takes: {', '.join(found)}")  # fmt: skip
            found[a.name] = number(0)(ctx, a.value)
        return Spec(fn.id, tuple(found.items()))

    return read


def number(low: float, high: float = float("inf")) -> Callable[[Context, ast.Expr], float]:
    """A reader of finite numbers, both ends included."""

    def read(ctx: Context, e: ast.Expr) -> float:
        value = ctx.value(e)
        if not is_number(value) or not (low <= value <= high and math.isfinite(value)):
            wanted = f"a number from {low:g}" + (f" to {high:g}" if high < float("inf") else " on")
            ctx.error("HQ0651", e.span, wanted=wanted, found=describe(value))
        return float(value)

    return read


def whole(low: int) -> Callable[[Context, ast.Expr], int]:
    def read(ctx: Context, e: ast.Expr) -> int:
        value = ctx.value(e)
        if not is_whole(value) or not low <= value <= MAX_COUNT:
            upper = "on" if not isinstance(value, int) or value < low else f"to {MAX_COUNT}"
            ctx.error("HQ0651", e.span, wanted=f"a whole number from {low} {upper}", found=describe(value))
        return value

    return read


def choice(*names: str) -> Callable[[Context, ast.Expr], str]:
    def read(ctx: Context, e: ast.Expr) -> str:
        found = e.id if isinstance(e, ast.Name) else e.span.text
        if found not in names:
            ctx.error("HQ0651", e.span, wanted=" or ".join(f"`{n}`" for n in names), found=f"`{found}`")
        return found

    return read


def text(ctx: Context, e: ast.Expr) -> str:
    value = ctx.value(e)
    if not isinstance(value, str):
        ctx.error("HQ0651", e.span, wanted='a text, such as "start.safetensors"', found=describe(value))
    return value


def patterns(ctx: Context, e: ast.Expr) -> tuple[str, ...]:
    """Names of weights, ``*`` standing for anything."""
    value = ctx.value(e)
    items = value if isinstance(value, tuple) else (value,)
    if not all(isinstance(i, str) for i in items):
        ctx.error("HQ0651", e.span, wanted='names of weights, such as ["edge_conv*"]', found=describe(value))
    return items


def factors(ctx: Context, e: ast.Expr) -> tuple[tuple[str, float], ...]:
    """Names of weights, each with a factor."""
    value = ctx.value(e)
    items = value if isinstance(value, tuple) else ()
    if not items or not all(_is_factor(i) for i in items):
        wanted = 'weights and factors, such as [("edge_conv*", 0.1)]'
        ctx.error("HQ0651", e.span, wanted=wanted, found=describe(value))
    return tuple((name, float(factor)) for name, factor in items)


def _is_factor(value: Value) -> bool:
    return (
        isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str)
        and is_number(value[1]) and 0 <= value[1] < math.inf
    )  # fmt: skip


#: settings that gradient descent alone heeds
DESCENT = (
    "optimiser", "schedule", "epochs", "batch", "patience", "clip", "precision", "start", "replace", "freeze", "scale",
)  # fmt: skip
#: setting -> reader of its value
SETTINGS: dict[str, Callable[[Context, ast.Expr], Any]] = {
    "optimiser": spec(OPTIMISERS, "optimiser"),
    "schedule": spec(SCHEDULES, "schedule"),
    "epochs": whole(1),
    "batch": whole(1),
    "validation": number(0, 0.9),
    "patience": whole(1),
    "clip": number(0),
    "class_weight": choice("none", "balanced"),
    "precision": choice("single", "mixed"),
    "signal": lambda ctx, e: e.id if isinstance(e, ast.Name) else text(ctx, e),
    "start": text,
    "replace": patterns,
    "freeze": patterns,
    "scale": factors,
}
