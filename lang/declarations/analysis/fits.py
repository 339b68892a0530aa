# SPDX-License-Identifier: Apache-2.0
"""``fit Xsec { channels = [signal.mass] free = [ttbar] }``: which histograms are fitted, and to what."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

from hepq.core.analyses import NOMINAL
from hepq.core.diagnostics.catalogue import near
from hepq.core.source import Span
from hepq.core.types import ONE, Unit
from hepq.lang.declarations.analysis.plan import AnalysisPlan, AxisPlan
from hepq.lang.elaborate import arithmetic
from hepq.lang.elaborate.context import Context, Reported
from hepq.lang.elaborate.names import static_int
from hepq.lang.elaborate.values import Quantity, describe, is_number
from hepq.lang.modules import name_span
from hepq.lang.syntax import ast
from hepq.lang.syntax.ast_analysis import FitDecl, RateItem

ASIMOV = "asimov"


@dataclass(frozen=True)
class RatePlan:
    name: str
    size: float
    sources: tuple[str, ...]


@dataclass
class FitPlan:
    """``channels``: histograms, or of categories ``histogram.entry``. ``data``: names of sources; none: what all
    simulated ones add up to. ``range`` in base units. ``spans``: where channels and settings stand, by name."""

    name: str
    channels: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    free: tuple[str, ...] = ()
    poi: str = ""
    rebin: int = 1
    range: tuple[float, float] | None = None
    unit: Unit = ONE
    rates: list[RatePlan] = field(default_factory=list)
    spans: dict[str, Span] = field(default_factory=dict)


def elaborate_fit(ctx: Context, decl: FitDecl, plan: AnalysisPlan) -> FitPlan:
    """Raises ``Reported`` after an error."""
    fit, errors = FitPlan(decl.name), len(ctx.sink.errors)
    written: set[str] = set()
    for item in decl.items:
        try:
            if isinstance(item, RateItem):
                fit.rates.append(_rate(ctx, item, fit, plan))
                continue
            name = item.targets[0]
            if len(item.targets) > 1 or item.type is not None or name not in _SETTINGS:
                known = ", ".join(_SETTINGS)
                close = near(name, _SETTINGS)
                ctx.error("HQ0930", item.span, name=name, near=close, help=None if close else f"it has {known}, rate")
            if name in written:
                ctx.error("HQ0903", item.span, what="settings", name=name)
            written.add(name)
            fit.spans[name] = item.value.span
            _SETTINGS[name](ctx, item.value, fit, plan)
        except Reported:
            ctx.go_on()
    if not fit.channels and "channels" not in written:
        ctx.error("HQ0931", name_span(decl.span, decl.name), name=decl.name)
    if len(ctx.sink.errors) > errors:
        raise Reported
    _check_axes(ctx, decl, fit, plan)
    return fit


def _names(e: ast.Expr) -> list[tuple[str, Span]]:
    """Of a list of names, or of one; what is no name is in quotes: ``"sr.pt.true"``."""
    items = e.items if isinstance(e, ast.ListExpr | ast.TupleExpr) else (e,)
    return [(item.value if isinstance(item, ast.String) else item.span.text, item.span) for item in items]


def _among(ctx: Context, e: ast.Expr, known: Sequence[str], what: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for name, span in _names(e):
        if name not in known:
            close = near(name, known)
            help = None if close else f"there are {', '.join(known) or 'none'}"
            ctx.error("HQ0932", span, what=what, name=name, near=close, help=help)
        if name in found:
            ctx.error("HQ0903", span, what=f"{what}s", name=name)
        found[name] = None
    return tuple(found)


def _sources(plan: AnalysisPlan, kind: str) -> list[str]:
    return [s.name for s in plan.sources.values() if s.kind == kind]


def _channels(ctx: Context, e: ast.Expr, fit: FitPlan, plan: AnalysisPlan) -> None:
    fit.channels = _among(ctx, e, list(_fitted(plan)), "histogram")
    fit.spans |= dict(_names(e))


def _data(ctx: Context, e: ast.Expr, fit: FitPlan, plan: AnalysisPlan) -> None:
    if isinstance(e, ast.Name) and e.id == ASIMOV:
        return
    fit.data = _among(ctx, e, _sources(plan, "data"), "source of data")


def _free(ctx: Context, e: ast.Expr, fit: FitPlan, plan: AnalysisPlan) -> None:
    fit.free = _among(ctx, e, _sources(plan, "mc"), "simulated source")


def _poi(ctx: Context, e: ast.Expr, fit: FitPlan, plan: AnalysisPlan) -> None:
    (fit.poi,) = _among(ctx, e, _sources(plan, "mc"), "simulated source")[:1]


def _rebin(ctx: Context, e: ast.Expr, fit: FitPlan, plan: AnalysisPlan) -> None:
    fit.rebin = static_int(ctx, e)
    if fit.rebin < 1:
        ctx.error("HQ0404", e.span, wanted="a whole number above 0", found=describe(fit.rebin))


def _range(ctx: Context, e: ast.Expr, fit: FitPlan, plan: AnalysisPlan) -> None:
    value = ctx.value(e)
    ends = value if isinstance(value, tuple) else ()
    if len(ends) != 2 or not all(is_number(v) or isinstance(v, Quantity) for v in ends):
        ctx.error("HQ0404", e.span, wanted="two ends, as `(110 GeV, 550 GeV)`", found=describe(value))
    numbers = [v.value if isinstance(v, Quantity) else float(v) for v in ends]
    units = [v.unit if isinstance(v, Quantity) else ONE for v in ends]
    if units[0] != units[1]:
        arithmetic.units_differ(ctx, "range", units, e.span, [e.span, e.span])
    if not numbers[0] < numbers[1]:
        ctx.error("HQ0404", e.span, wanted="two ends, the lower first", found=f"{numbers[0]:g} and {numbers[1]:g}")
    fit.range, fit.unit = (numbers[0], numbers[1]), units[0]


def _rate(ctx: Context, item: RateItem, fit: FitPlan, plan: AnalysisPlan) -> RatePlan:
    value = ctx.value(item.value)
    if not is_number(value) or not 0 < value < math.inf or value == 1:
        wanted = "a factor above 0, such as 1.03 for 3 %"
        ctx.error("HQ0404", item.value.span, wanted=wanted, found=describe(value))
    if any(rate.name == item.name.name for rate in fit.rates):
        ctx.error("HQ0903", item.name.span, what="rates", name=item.name.name)
    sources = [
        name for arg in item.name.args for name in _among(ctx, arg.value, _sources(plan, "mc"), "simulated source")
    ]
    return RatePlan(item.name.name, float(value), tuple(sources))


#: settings of a fit
_SETTINGS: dict[str, Callable[[Context, ast.Expr, FitPlan, AnalysisPlan], None]] = {
    "channels": _channels, "data": _data, "free": _free, "poi": _poi, "rebin": _rebin, "range": _range,
}  # fmt: skip


def _histograms(plan: AnalysisPlan) -> Mapping[str, tuple[AxisPlan, ...]]:
    found: dict[str, tuple[AxisPlan, ...]] = {}
    for kind in plan.kinds.values():
        found |= {name: h.axes for name, h in kind.evaluated[NOMINAL].histograms.items()}
    return found


def _fitted(plan: AnalysisPlan) -> Mapping[str, tuple[AxisPlan, ...]]:
    """Axes of bins of all that can be named: histograms, all of their categories; and each of these."""
    found: dict[str, tuple[AxisPlan, ...]] = {}
    for name, axes in _histograms(plan).items():
        bins = tuple(axis for axis in axes if axis.bins is not None)
        categories = [axis.entries or ("false", "true") for axis in axes if axis.bins is None]
        found[name] = bins
        if categories:
            found |= {".".join((name, *entries)): bins for entries in product(*categories)}
    return found


def _check_axes(ctx: Context, decl: FitDecl, fit: FitPlan, plan: AnalysisPlan) -> None:
    """Channels have one axis of bins; what is of interest is free."""
    fitted = _fitted(plan)
    for name in fit.channels:
        axes, where = fitted[name], fit.spans[name]
        if len(axes) != 1:
            ctx.error("HQ0933", where, name=name, problem=f"it has {len(axes)} axes")
        if any(name.startswith(f"{other}.") for other in fit.channels):
            ctx.error("HQ0933", where, name=name, problem="it is in another channel, too")
        if fit.range is not None and axes[0].unit != fit.unit:
            problem = f"it is in units of {axes[0].unit}, and the range of {fit.unit}"
            ctx.error("HQ0933", fit.spans["range"], name=name, problem=problem)
    if fit.poi and fit.poi not in fit.free:
        ctx.error("HQ0933", fit.spans["poi"], name=fit.poi, problem="it is of interest, and not in `free`")
    if not fit.free:
        where = fit.spans.get("free") or name_span(decl.span, decl.name)
        ctx.error("HQ0933", where, name=decl.name, problem="nothing in it is free: `free = [ttbar]`")
