# SPDX-License-Identifier: Apache-2.0
"""Files of corrections: schema 2 of correctionlib (https://cms-nanoaod.github.io/correctionlib/schemav2.html).

These models are ours: importing ``correctionlib.schemav2`` takes as long as checking a program does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, TypeAdapter, ValidationError, model_validator

Kind = Literal["string", "int", "real"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Variable(_Model):
    name: str
    type: Kind
    description: str | None = None


class Uniform(_Model):
    n: int = Field(ge=1)
    low: float = Field(allow_inf_nan=False)
    high: float = Field(allow_inf_nan=False)

    @model_validator(mode="after")
    def _ascends(self) -> Uniform:
        if not self.low < self.high:
            raise ValueError("edges do not ascend")
        return self


Edges = list[float | Literal["inf", "+inf", "-inf"]]


def numbers(edges: Edges) -> tuple[float, ...]:
    return tuple(map(float, edges))


def bins_of(edges: Edges | Uniform) -> int:
    return edges.n if isinstance(edges, Uniform) else len(edges) - 1


def _check(axes: list[Edges | Uniform], contents: int) -> None:
    for edges in axes:
        if not isinstance(edges, Uniform):
            found = numbers(edges)
            if len(found) < 2 or not all(a < b for a, b in pairwise(found)):
                raise ValueError("edges do not ascend")
    wanted = math.prod(map(bins_of, axes))
    if contents != wanted:
        raise ValueError(f"{contents} contents of {wanted} bins")


class Binning(_Model):
    nodetype: Literal["binning"]
    input: str
    edges: Edges | Uniform
    content: list[Content]
    flow: Literal["clamp", "error", "wrap"] | Content

    @model_validator(mode="after")
    def _complete(self) -> Binning:
        _check([self.edges], len(self.content))
        return self


class MultiBinning(_Model):
    nodetype: Literal["multibinning"]
    inputs: list[str] = Field(min_length=1)
    edges: list[Edges | Uniform]
    content: list[Content]
    flow: Literal["clamp", "error", "wrap"] | Content

    @model_validator(mode="after")
    def _complete(self) -> MultiBinning:
        if len(self.edges) != len(self.inputs):
            raise ValueError(f"{len(self.edges)} lists of edges for {len(self.inputs)} inputs")
        _check(self.edges, len(self.content))
        return self


class CategoryItem(_Model):
    key: StrictInt | StrictStr
    value: Content


class Category(_Model):
    nodetype: Literal["category"]
    input: str
    content: list[CategoryItem]
    default: Content | None = None

    @model_validator(mode="after")
    def _distinct(self) -> Category:
        if len({item.key for item in self.content}) != len(self.content):
            raise ValueError("a key stands twice")
        return self


class Formula(_Model):
    nodetype: Literal["formula"]
    expression: str
    parser: Literal["TFormula"]
    variables: list[str]
    parameters: list[float] | None = None


class FormulaRef(_Model):
    nodetype: Literal["formularef"]
    index: int = Field(ge=0)
    parameters: list[float]


class Transform(_Model):
    nodetype: Literal["transform"]
    input: str
    rule: Content
    content: Content


class HashPRNG(_Model):
    nodetype: Literal["hashprng"]
    inputs: list[str] = Field(min_length=1)
    distribution: Literal["stdflat", "stdnormal", "normal"]


class LWTNN(_Model):
    nodetype: Literal["lwtnn"]
    opaque: dict[str, Any]
    finalizer: Formula


Node = Binning | MultiBinning | Category | Formula | FormulaRef | Transform | HashPRNG | LWTNN
Content = float | Annotated[Node, Field(discriminator="nodetype")]


class Correction(_Model):
    name: str
    description: str | None = None
    version: int
    inputs: list[Variable]
    output: Variable
    generic_formulas: list[Formula] | None = None
    data: Content


class Compound(_Model):
    """``stack``: corrections that are applied one after the other; the result of each changes ``inputs_update``."""

    name: str
    description: str | None = None
    inputs: list[Variable]
    output: Variable
    inputs_update: list[str]
    input_op: Literal["+", "*", "/"]
    output_op: Literal["+", "*", "/", "last"]
    stack: list[str] = Field(min_length=1)


_ADAPTERS: dict[type, TypeAdapter[Any]] = {Correction: TypeAdapter(Correction), Compound: TypeAdapter(Compound)}


class Malformed(ValueError):
    """What a file of corrections has wrong, in words."""


def names(found: Any) -> dict[str, tuple[type, Any]]:
    """By name, what stands in the JSON of a file, and which model it is of. Raises Malformed."""
    if not isinstance(found, dict) or "corrections" not in found:
        raise Malformed("it has no `corrections`")
    if found.get("schema_version") != 2:
        raise Malformed(f"it is of schema {found.get('schema_version')}; 2 is read")
    listed: dict[str, tuple[type, Any]] = {}
    for key, model in (("corrections", Correction), ("compound_corrections", Compound)):
        items = found.get(key) or []
        if not isinstance(items, list):
            raise Malformed(f"`{key}` is no list")
        for item in items:
            if not isinstance(item, Mapping) or not isinstance(item.get("name"), str):
                raise Malformed(f"one of its `{key}` has no name")
            if item["name"] in listed:
                raise Malformed(f"`{item['name']}` stands in it twice")
            listed[item["name"]] = (model, item)
    return listed


def validated(model: type, name: str, item: Any) -> Any:
    """The correction in an item of ``names``. Raises Malformed."""
    try:
        return _ADAPTERS[model].validate_python(item)
    except ValidationError as errors:
        # of what may be several things, the one that it comes nearest to
        nearest = max(errors.errors(include_url=False), key=lambda e: (len(e["loc"]), e["type"] not in _OTHER_KIND))
        where = ".".join(str(part) for part in nearest["loc"] if isinstance(part, int) or part in _FIELDS)
        text = nearest["msg"].removeprefix("Value error, ")
        raise Malformed(f"`{name}`{f', {where}' if where else ''}: {text[:1].lower()}{text[1:]}") from None


_OTHER_KIND = {"float_type", "list_type", "model_type", "literal_error"}
_FIELDS = {
    field
    for model in (Correction, Compound, Variable, CategoryItem, Uniform, *get_args(Node))
    for field in model.model_fields
}
