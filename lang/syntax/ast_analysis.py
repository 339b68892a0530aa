# SPDX-License-Identifier: Apache-2.0
"""The syntax tree of analyses and fits."""

from __future__ import annotations

from hepq.lang.syntax.ast import (
    Arg,
    Attr,
    Bind,
    BranchItem,
    CorrectionItem,
    Decl,
    Expr,
    NoiseItem,
    ObjectItem,
    SourceItem,
)
from hepq.lang.syntax.node import Node, node


@node
class Numbered(Node):
    """``h``; in a loop ``h[i]``; ``h[weight=w]``."""

    name: str
    args: tuple[Arg, ...] = ()


@node
class RedefineItem(Node):
    """``Jet.pt = f * Jet.pt``"""

    name: str
    field: str
    value: Expr


@node
class CutItem(Node):
    """``cut two_jets = count(jet) >= 2``"""

    name: Numbered
    value: Expr


@node
class WeightItem(Node):
    """``weight pileup = …``: of everything below it."""

    name: Numbered
    value: Expr


@node
class Rebind(Node):
    """``Jet.pt = 1.03 * Jet.pt``: what a name, or a field of one, is instead."""

    target: Expr
    value: Expr


@node
class Direction(Node):
    """``up { … }``"""

    name: str
    rebinds: tuple[Rebind, ...]


@node
class VaryItem(Node):
    """``vary scale { up { … } down { … } }``"""

    name: Numbered
    directions: tuple[Direction, ...]


@node
class AxisItem(Node):
    """``MET.pt in bins(10, 0 GeV, 1 TeV)``"""

    value: Expr
    bins: Expr


@node
class HistItem(Node):
    """``hist met[weight=w] = MET.pt in bins(…), count(jet) in integers(0, 10) per flavour``"""

    name: Numbered
    axes: tuple[AxisItem, ...]
    per: tuple[Expr, ...] = ()


@node
class SaveItem(Node):
    """``save tops = mass=top.mass, pt=top.pt``"""

    name: Numbered
    columns: tuple[Arg, ...]


@node
class RegionItem(Node):
    """``region signal extends base { … }``"""

    name: Numbered
    extends: tuple[str, ...]
    items: tuple[AnalysisEntry, ...]


@node
class LoopItem(Node):
    """``for i in 0..4 { … }``"""

    targets: tuple[str, ...]
    iter: Expr
    items: tuple[AnalysisEntry, ...]


@node
class MarkedItem(Node):
    """``@mc cut truth = …``: of one kind of sources alone."""

    attrs: tuple[Attr, ...]
    item: AnalysisEntry


AnalysisEntry = (
    SourceItem | BranchItem | NoiseItem | CorrectionItem | ObjectItem | Bind | RedefineItem | CutItem | WeightItem
    | VaryItem | HistItem | SaveItem | RegionItem | LoopItem | MarkedItem
)  # fmt: skip


@node
class AnalysisDecl(Decl):
    """``analysis Top { … }``"""

    name: str
    items: tuple[AnalysisEntry, ...]
    attrs: tuple[Attr, ...] = ()


@node
class RateItem(Node):
    """``rate lumi = 1.03``, ``rate qcd[wjets] = 1.5``: a yield that is known to a factor."""

    name: Numbered
    value: Expr


@node
class FitDecl(Decl):
    """``fit Xsec { channels = [signal.mass] … }``"""

    name: str
    items: tuple[Bind | RateItem, ...]
    attrs: tuple[Attr, ...] = ()
