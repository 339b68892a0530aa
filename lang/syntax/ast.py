# SPDX-License-Identifier: Apache-2.0
"""The syntax tree. Spans and comments do not take part in equality: ``parse(fmt(p)) == p``."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from hepq.lang.syntax.node import Node as Node
from hepq.lang.syntax.node import node

# --- expressions ---------------------------------------------------------------------------


@node
class Name(Node):
    """``x``, ``part``, ``part'`` (primes are kept in ``id``)."""

    id: str


@node
class Int(Node):
    value: int
    text: str = field(compare=False, default="")


@node
class Float(Node):
    value: float
    text: str = field(compare=False, default="")


@node
class Quantity(Node):
    """``20 GeV``, ``1.2 mm^2``: number and unit are one token."""

    value: float
    unit: str
    power: int = 1
    text: str = field(compare=False, default="")


@node
class String(Node):
    value: str


@node
class Bool(Node):
    value: bool


@node
class ListExpr(Node):
    items: tuple[Expr, ...]


@node
class TupleExpr(Node):
    """``(a, b)``; a single parenthesised expression leaves no node."""

    items: tuple[Expr, ...]


@node
class NamedExpr(Node):
    """``(cls=a, mass=b)``: some item has a name; that all have one is checked later."""

    items: tuple[Arg, ...]


@node
class Arg(Node):
    name: str | None
    value: Expr


@node
class Field(Node):
    """``base.name``"""

    base: Expr
    name: str


@node
class Index(Node):
    """``base[args]``: static arguments of a function or block, or an element of a static list."""

    base: Expr
    args: tuple[Arg, ...]


@node
class Call(Node):
    """``fn(args)``"""

    fn: Expr
    args: tuple[Arg, ...]


@node
class Unary(Node):
    op: Literal["-", "not"]
    operand: Expr


@node
class Binary(Node):
    """Arithmetic ``+ - * / % ^``, comparison ``== != < <= > >=``, ``and or``."""

    op: str
    left: Expr
    right: Expr


@node
class Pipe(Node):
    """``value |> fn``: ``fn(value)``; ``value |> fn(y)``: ``fn(value, y)``."""

    value: Expr
    fn: Expr


@node
class Range(Node):
    """``lo..hi``, half open."""

    lo: Expr
    hi: Expr


@node
class If(Node):
    cond: Expr
    then: Expr
    orelse: Expr


Expr = (
    Name | Int | Float | Quantity | String | Bool | ListExpr | TupleExpr | NamedExpr | Field | Index | Call | Unary
    | Binary | Pipe | Range | If
)  # fmt: skip


# --- types, parameters ----------------------------------------------------------------------


@node
class TypeExpr(Node):
    """``real[part, feat]``, ``GeV^2``, ``real[..., chan]`` (``rest``: any further dims come first)."""

    name: str
    power: int = 1
    dims: tuple[Expr, ...] = ()
    rest: bool = False
    of: str | None = None  #: of an ``index``: the collection whose entries it numbers
    by: str | None = None  #: that collection's field that has the same number, rather than its place


@node
class Param(Node):
    name: str
    type: TypeExpr | None
    default: Expr | None


# --- statements -----------------------------------------------------------------------------


@node
class Bind(Node):
    """``a, b: type = value``"""

    targets: tuple[str, ...]
    type: TypeExpr | None
    value: Expr


@node
class ParamDecl(Node):
    """``param w: real[in, out] ~ normal(0, 1)``; ``buffer`` instead of ``param``: not trained."""

    name: str
    type: TypeExpr
    init: Expr | None
    buffer: bool = False


@node
class LocalDim(Node):
    """``dim head = 8`` inside a body."""

    name: str
    size: Expr


@node
class For(Node):
    targets: tuple[str, ...]
    iter: Expr
    body: tuple[Stmt, ...]


@node
class Return(Node):
    value: Expr


@node
class Do(Node):
    """A call for its effect: a gate, ``cx(q[0], q[1])``."""

    call: Expr


Stmt = Bind | ParamDecl | LocalDim | For | Return | Do


# --- declarations ---------------------------------------------------------------------------


class Decl(Node):
    """A declaration; ``lang/declarations`` has a file for each kind."""


@node
class Attr(Node):
    """``@invariant(permute(part))``"""

    name: str
    args: tuple[Arg, ...]


@node
class Import(Decl):
    """``import a.b as c``"""

    path: tuple[str, ...]
    alias: str | None


@node
class FromImport(Decl):
    """``from a.b import x, y``"""

    path: tuple[str, ...]
    names: tuple[str, ...]


@node
class DimDecl(Decl):
    """``dim a, b`` (open), ``dim xy = 2``, ``dim part <= 128`` (ragged), ``dim cls = [QCD, Hbb]``."""

    names: tuple[str, ...]
    op: Literal["=", "<="] | None
    value: Expr | None


@node
class ConstDecl(Decl):
    name: str
    type: TypeExpr | None
    value: Expr


@node
class FnDecl(Decl):
    """``fn``, ``block`` or ``model``; ``body`` is a single expression (``= e``) or statements."""

    kind: Literal["fn", "block", "model"]
    name: str
    statics: tuple[Param, ...]
    params: tuple[Param, ...]
    ret: TypeExpr | None
    body: Expr | tuple[Stmt, ...]
    attrs: tuple[Attr, ...] = ()


@node
class CircuitDecl(Decl):
    """``circuit A[reps: int = 2](x: real[wire]) on q: qubit[wire] { … }``"""

    name: str
    statics: tuple[Param, ...]
    params: tuple[Param, ...]
    register: Param
    body: tuple[Stmt, ...]
    attrs: tuple[Attr, ...] = ()


@node
class FieldItem(Node):
    """``pt, mass: GeV``: (name in the program, name in the file) pairs."""

    branches: tuple[tuple[str, str | None], ...]
    type: TypeExpr


@node
class FormulaItem(Node):
    """``mass = 105.7 MeV``: a value that a file lacks, of other fields."""

    name: str
    value: Expr


@node
class CollectionDecl(Decl):
    """``collection Jet = "Jet_*" { pt: GeV }``: a list in each event; or, ``of`` another, in each of its entries.

    ``pattern``: branches of the file, ``*`` standing for the field.
    """

    name: str
    of: str | None
    pattern: str | None
    fields: tuple[FieldItem | FormulaItem, ...]
    attrs: tuple[Attr, ...] = ()


@node
class RecordDecl(Decl):
    """``record MET = "MET_*" { pt: GeV }``: one in each event."""

    name: str
    pattern: str | None
    fields: tuple[FieldItem | FormulaItem, ...]
    attrs: tuple[Attr, ...] = ()


@node
class SourceItem(Node):
    """``source jets = root("jets/*.root", tree="tree")``"""

    name: str
    value: Expr


@node
class BranchItem(Node):
    """``branch px = "part_px", part_py: GeV[part] else 0 GeV``: (name in the program, name in the file) pairs.

    ``default``: what a file without it holds.
    """

    branches: tuple[tuple[str, str], ...]
    type: TypeExpr
    default: Expr | None = None


@node
class OrderItem(Node):
    """``order part by hypot(px, py) desc``: sorted so, then cut at the dim's bound."""

    dim: str
    key: Expr
    descending: bool


@node
class PolicyItem(Node):
    """``policy nan = drop``"""

    name: str
    value: Expr


@node
class InputItem(Node):
    """``input x: real[part, feat] = stack(…)``: feeds the model's parameter of that name."""

    name: str
    type: TypeExpr | None
    value: Expr


@node
class LabelEntry(Node):
    """``b: flav == 5`` or ``b: [5, 15]``, of the class ``name``."""

    name: str
    value: Expr
    quoted: bool = False


@node
class LabelItem(Node):
    """``label y: cls = "label_*"``: one branch per entry of the dim, ``*`` stands for the entry.

    ``label y: cls = flav in {light: 0, b: [5, 15]}``: a number, and those of each class. ``label y: cls = {b: flav ==
    5, light: otherwise}``: no ``value``, a rule for each class.
    """

    name: str
    dim: str
    value: Expr | None
    entries: tuple[LabelEntry, ...] = ()


@node
class Key(Node):
    """What entries are ordered by."""

    value: Expr
    descending: bool


@node
class ObjectItem(Node):
    """``object jet <= 8 = Jet where Jet.pt > 30 GeV by Jet.pt desc take 4``; ``parts``: names after ``as``."""

    name: str
    bound: Expr | None
    value: Expr
    parts: tuple[str, ...]
    where: Expr | None
    keys: tuple[Key, ...]
    take: Expr | None


@node
class SelectItem(Node):
    """``select two_jets = count(jet) >= 2``: events for which it is false are left out, and counted."""

    name: str
    value: Expr


@node
class EachItem(Node):
    """``each FatJet``: the model is applied to each entry, not to each event."""

    name: str


@node
class CorrectionItem(Node):
    """``correction sf(pt: GeV) = correctionlib("file.json", "name")``"""

    name: str
    params: tuple[Param, ...]
    value: Expr


DatasetEntry = (
    SourceItem
    | BranchItem
    | CorrectionItem
    | OrderItem
    | PolicyItem
    | InputItem
    | LabelItem
    | ObjectItem
    | SelectItem
    | EachItem
    | Bind
)


@node
class DatasetDecl(Decl):
    name: str
    items: tuple[DatasetEntry, ...]
    attrs: tuple[Attr, ...] = ()


@node
class MapEntry(Node):
    """``"edge_convs.{i}.sc.weight" -> "edge_conv{i}.dense3.weight"``"""

    theirs: str
    ours: str


@node
class CheckpointDecl(Decl):
    """``checkpoint weaver for ParticleNet { … }``: how a published state_dict names the block's weights."""

    name: str
    block: str
    entries: tuple[MapEntry, ...]
    attrs: tuple[Attr, ...] = ()


@node
class NoiseItem(Node):
    """``noise z: real[latent] ~ normal()``: new numbers for each event, each time it is seen."""

    name: str
    type: TypeExpr
    init: Expr


@node
class StepItem(Node):
    """``step critic { loss = … }``: what the weights of one block are moved by."""

    name: str
    items: tuple[Bind, ...]


TrainEntry = NoiseItem | StepItem | Bind


@node
class TrainDecl(Decl):
    """``train Top { … }``: a dataset, a loss, and how to make it small."""

    name: str
    items: tuple[TrainEntry, ...]
    attrs: tuple[Attr, ...] = ()


@node
class Comment(Node):
    """``# text``; ``own_line`` when nothing precedes it on its line."""

    text: str
    own_line: bool


@node
class File(Node):
    decls: tuple[Decl, ...]
    comments: tuple[Comment, ...] = field(default=(), compare=False)
    lost: frozenset[str] = field(default=frozenset(), compare=False)  #: names of declarations with syntax errors
