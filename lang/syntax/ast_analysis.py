# SPDX-License-Identifier: Apache-2.0
"""The syntax tree of analyses and fits."""

from __future__ import annotations

from dataclasses import dataclass

from hepq.lang.syntax.ast import (
    Arg,
    Attr,
    Bind,
    BranchItem,
    CorrectionItem,
    Decl,
    Expr,
    Node,
    NoiseItem,
    ObjectItem,
    SourceItem,
)


@dataclass(frozen=True)
class Numbered(Node):
    """``h``; in a loop ``h[i]``; ``h[weight=w]``."""

    name: str
    args: tuple[Arg, ...] = ()


@dataclass(frozen=True)
class RedefineItem(Node):
    """``Jet.pt = f * Jet.pt``"""

    name: str
    field: str
    value: Expr


@dataclass(frozen=True)
class CutItem(Node):
    """``cut two_jets = count(jet) >= 2``"""

    name: Numbered
    value: Expr


@dataclass(frozen=True)
class WeightItem(Node):
    """``weight pileup = …``: of everything below it."""

    name: Numbered
    value: Expr


@dataclass(frozen=True)
class Rebind(Node):
    """``Jet.pt = 1.03 * Jet.pt``: what a name, or a field of one, is instead."""

    target: Expr
    value: Expr


@dataclass(frozen=True)
class Direction(Node):
    """``up { … }``"""

    name: str
    rebinds: tuple[Rebind, ...]


@dataclass(frozen=True)
class VaryItem(Node):
    """``vary scale { up { … } down { … } }``"""

    name: Numbered
    directions: tuple[Direction, ...]


@dataclass(frozen=True)
class AxisItem(Node):
    """``MET.pt in bins(10, 0 GeV, 1 TeV)``"""

    value: Expr
    bins: Expr


@dataclass(frozen=True)
class HistItem(Node):
    """``hist met[weight=w] = MET.pt in bins(…), count(jet) in integers(0, 10) per flavour``"""

    name: Numbered
    axes: tuple[AxisItem, ...]
    per: tuple[Expr, ...] = ()


@dataclass(frozen=True)
class SaveItem(Node):
    """``save tops = mass=top.mass, pt=top.pt``"""

    name: Numbered
    columns: tuple[Arg, ...]


@dataclass(frozen=True)
class RegionItem(Node):
    """``region signal extends base { … }``"""

    name: Numbered
    extends: tuple[str, ...]
    items: tuple[AnalysisEntry, ...]


@dataclass(frozen=True)
class LoopItem(Node):
    """``for i in 0..4 { … }``"""

    targets: tuple[str, ...]
    iter: Expr
    items: tuple[AnalysisEntry, ...]


@dataclass(frozen=True)
class MarkedItem(Node):
    """``@mc cut truth = …``: of one kind of sources alone."""

    attrs: tuple[Attr, ...]
    item: AnalysisEntry


AnalysisEntry = (
    SourceItem | BranchItem | NoiseItem | CorrectionItem | ObjectItem | Bind | RedefineItem | CutItem | WeightItem
    | VaryItem | HistItem | SaveItem | RegionItem | LoopItem | MarkedItem
)  # fmt: skip


@dataclass(frozen=True)
class AnalysisDecl(Decl):
    """``analysis Top { … }``"""

    name: str
    items: tuple[AnalysisEntry, ...]
    attrs: tuple[Attr, ...] = ()


@dataclass(frozen=True)
class RateItem(Node):
    """``rate lumi = 1.03``, ``rate qcd[wjets] = 1.5``: a yield that is known to a factor."""

    name: Numbered
    value: Expr


@dataclass(frozen=True)
class FitDecl(Decl):
    """``fit Xsec { channels = [signal.mass] … }``"""

    name: str
    items: tuple[Bind | RateItem, ...]
    attrs: tuple[Attr, ...] = ()
