# SPDX-License-Identifier: Apache-2.0
"""A correction of a file, opened and called: its inputs against what the program declares, its values and its range."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from hepq.core.diagnostics.catalogue import near
from hepq.core.source import Span
from hepq.core.types import ONE, Type, Unit
from hepq.lang.elaborate.algebra import Algebra, Operand
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.context import Context
from hepq.lang.elaborate.corrections import schema
from hepq.lang.elaborate.corrections.named_files import read_json
from hepq.lang.elaborate.corrections.tree import Env, Known, Tree
from hepq.lang.elaborate.phrasing import named
from hepq.lang.elaborate.values import Quantity, Value, describe, is_number, is_whole

#: in words, what an input is
_KINDS = {"string": "a text", "int": "a whole number", "real": "a number"}


@dataclass(frozen=True)
class Declared:
    """An input as the program declares it: `pt: GeV`. ``factor``: the unit in base units."""

    name: str
    kind: schema.Kind
    span: Span
    unit: Unit = ONE
    factor: float = 1.0


@dataclass(frozen=True, eq=False)
class Correction:
    """``parts``: of a compound one, the corrections of its stack by name; else itself alone; with what is known of
    them."""

    name: str
    file: str
    inputs: tuple[Declared, ...]
    found: schema.Correction | schema.Compound
    parts: Mapping[str, tuple[schema.Correction, Known]]


@dataclass(frozen=True)
class Applied:
    """``value``: real, a number without unit. ``outside``: bool, where a binning's input was outside of its bins, so
    that a value at an edge or the one for what is outside was taken. ``wrong``: bool, where the file says that there is
    no value; ``value`` is some number there. None: nowhere."""

    value: Tensor
    outside: Tensor | None
    wrong: Tensor | None


def opened(ctx: Context, file: str, name: str, declared: Sequence[Declared], span: Span) -> Correction:
    """The correction ``name`` of ``file``, whose inputs are those that the program declares.

    Reports HQ0941 for a file that cannot be read, HQ0942 for one that holds no corrections, HQ0943 for a name that it
    lacks, HQ0944 for other inputs.
    """
    json = read_json(ctx, file, span)
    try:
        if name not in json.made:
            names = schema.names(json.value)
            if name not in names:
                close = near(name, names)
                help = None if close else f"it has {', '.join(sorted(names)[:12]) or 'none'}"
                ctx.error("HQ0943", span, file=file, name=name, near=close, help=help)
            json.made[name] = _with_parts(names, name)
    except schema.Malformed as problem:
        ctx.error("HQ0942", span, file=file, problem=str(problem))
    made = Correction(name, file, tuple(declared), *json.made[name])
    _check_inputs(ctx, made, span)
    return made


def _with_parts(names: Mapping[str, tuple[type, Any]], name: str) -> tuple[Any, dict[str, tuple[Any, Known]]]:
    read = schema.validated(*_listed(names, name))
    parts = [schema.validated(*_listed(names, part)) for part in getattr(read, "stack", ())] or [read]
    for part in parts:
        if not isinstance(part, schema.Correction):
            raise schema.Malformed(f"`{part.name}` in the stack of `{name}` is compound, too")
    return read, {part.name: (part, Known()) for part in parts}


def _listed(names: Mapping[str, tuple[type, Any]], name: str) -> tuple[type, str, Any]:
    if name not in names:
        raise schema.Malformed(f"it lacks `{name}`, of which others are made")
    model, item = names[name]
    return model, name, item


def _check_inputs(ctx: Context, made: Correction, span: Span) -> None:
    wanted = [f"{variable.name}: {variable.type}" for variable in made.found.inputs]
    help = f"in this order, it takes {', '.join(wanted) or 'nothing'}; a real number may have a unit: `pt: GeV`"
    for one, variable in zip(made.inputs, made.found.inputs, strict=False):
        if one.name != variable.name:
            problem = f"`{one.name}` stands where the file has `{variable.name}`"
            ctx.error("HQ0944", one.span, name=made.name, problem=problem, help=help)
        if one.kind != variable.type:
            problem = f"`{one.name}` is {_KINDS[variable.type]}, not {_KINDS[one.kind]}"
            ctx.error("HQ0944", one.span, name=made.name, problem=problem, help=help)
    if len(made.inputs) != len(made.found.inputs):
        problem = f"{len(made.inputs)} are declared, the file has {len(made.found.inputs)}"
        ctx.error("HQ0944", span, name=made.name, problem=problem, help=help)


def applied(ctx: Context, correction: Correction, arguments: Sequence[tuple[Value, Span]], span: Span) -> Applied:
    """``correction`` of one argument for each of its inputs, in order, over the dims of all of them.

    Reports HQ0945 for an argument of another kind, HQ0946 for a text that the file does not know, HQ0947 for what is
    not computed, HQ0302 for another unit.
    """
    wanted = correction.inputs
    if len(arguments) != len(wanted):
        help = f"it takes {', '.join(one.name for one in wanted) or 'nothing'}"
        problem = f"is given {len(arguments)} arguments, not {len(wanted)}"
        ctx.error("HQ0945", span, name=correction.name, problem=problem, help=help)
    pairs = zip(wanted, arguments, strict=True)
    env = {one.name: _argument(ctx, correction, one, value, where) for one, (value, where) in pairs}
    for one, (_, where) in zip(wanted, arguments, strict=True):
        if one.kind == "string":
            _check_text(ctx, correction, one.name, str(env[one.name]), where)
    trees = {name: Tree(ctx, *part, correction.file, span) for name, part in correction.parts.items()}
    found = correction.found
    value = trees[found.name].applied(env) if isinstance(found, schema.Correction) else _stacked(found, trees, env)
    f = Algebra(ctx, span)
    outside = [flag for tree in trees.values() for flag in tree.outside]
    wrong = [flag for tree in trees.values() for flag in tree.wrong]
    return Applied(f.tensor(value), _any(f, outside), _any(f, wrong))


def _any(f: Algebra, flags: Sequence[Tensor]) -> Tensor | None:
    return reduce(lambda a, b: f("or", a, b), flags) if flags else None


def _argument(ctx: Context, correction: Correction, one: Declared, value: Value, span: Span) -> Operand | str:
    def wrong(what: str, help: str | None = None) -> None:
        problem = f"takes {what} as `{one.name}`, not {describe(value)}"
        ctx.error("HQ0945", span, name=correction.name, problem=problem, help=help)

    if one.kind == "string":
        if not isinstance(value, str):
            wrong("a text that is known when the program is compiled", 'write it in quotes: `"nominal"`')
        return str(value)
    if one.kind == "int":
        if is_whole(value):
            return value
        if not isinstance(value, Tensor) or value.type.elem != "int":
            wrong("a whole number")
        return ctx.tensor(value, span)
    if is_number(value) or isinstance(value, Quantity):
        _check_unit(ctx, correction, one, value.unit if isinstance(value, Quantity) else ONE, span)
        return float(value.value if isinstance(value, Quantity) else value) / one.factor
    if not isinstance(value, Tensor) or value.type.elem not in ("real", "int"):
        wrong("a number")
    x = ctx.tensor(value, span)
    _check_unit(ctx, correction, one, x.type.unit, span)
    pure = ctx.cast(x, "real", span)
    if one.unit.dimensionless and one.factor == 1.0:
        return pure
    base = ctx.tensor(Quantity(one.factor, one.unit), span)
    return ctx.emit("div", [pure, base], Type("real", x.type.dims), span)


def _check_unit(ctx: Context, correction: Correction, one: Declared, unit: Unit, span: Span) -> None:
    if unit != one.unit:
        wanted, found = (named(u) if u.dimensionless else f"a number in {u}" for u in (one.unit, unit))
        problem = f"takes {wanted} as `{one.name}`, not {found}"
        ctx.error("HQ0945", span, name=correction.name, problem=problem)


def _check_text(ctx: Context, correction: Correction, name: str, text: str, span: Span) -> None:
    """Whether any category knows it, or has something for all that it does not know."""
    keys: set[str] = set()
    for part, _ in correction.parts.values():
        nodes: list[Any] = [part.data]
        while nodes:
            node = nodes.pop()
            if isinstance(node, schema.Category) and node.input == name:
                keys |= {item.key for item in node.content if isinstance(item.key, str)}
                if node.default is not None:
                    return
            nodes += _below(node)
    if keys and text not in keys:
        close = near(text, keys)
        help = None if close else f"it has {', '.join(sorted(keys)[:12])}{', …' * (len(keys) > 12)}"
        ctx.error("HQ0946", span, name=correction.name, input=name, text=text, near=close, help=help)


def _below(node: Any) -> list[Any]:
    match node:
        case schema.Binning() | schema.MultiBinning():
            return [n for n in (*node.content, node.flow) if not isinstance(n, (str, float))]
        case schema.Category():
            return [n for n in (*(item.value for item in node.content), node.default) if not isinstance(n, float)]
        case schema.Transform():
            return [node.rule, node.content]
    return []


_OPERATIONS = {"+": "add", "*": "mul", "/": "div"}


def _stacked(found: schema.Compound, trees: Mapping[str, Tree], env: Env) -> Operand:
    """One after the other; each sees inputs that those before it changed."""
    now, total = dict(env), None
    for name in found.stack:
        tree = trees[name]
        if missing := [v for v in tree.kinds if v not in now]:
            tree.bad(f"it takes `{missing[0]}`, which `{found.name}` does not have")
        one = tree.applied({v: now[v] for v in tree.kinds})
        for changed in found.inputs_update:
            before = now.get(changed)
            if before is None or isinstance(before, str):
                tree.bad(f"`{found.name}` changes `{changed}`, which is no number of its inputs")
            now[changed] = tree.f(_OPERATIONS[found.input_op], before, one)
        if total is None or found.output_op == "last":
            total = one
        else:
            total = tree.f(_OPERATIONS[found.output_op], total, one)
    return 0.0 if total is None else total
