# SPDX-License-Identifier: Apache-2.0
"""The verifier: is a module well formed? Runs between passes in tests and with ``--verify-each``."""

from __future__ import annotations

from collections.abc import Iterator

from hepq.compiler.ir.infer import RuleError, infer, same_dims
from hepq.compiler.ir.node import Module, Node, made_by
from hepq.core.ops.table import KNOWN
from hepq.core.types import Dim, Type


class VerifyError(Exception):
    """A module breaks rules of the IR; ``problems`` lists all of them."""

    def __init__(self, module: str, problems: list[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(f"module {module} is not well formed:\n" + "\n".join(f"  {p}" for p in problems))


def verify(module: Module) -> None:
    """Raises ``VerifyError`` naming every violation; costs one walk over the module."""
    cycle = _find_cycle(module)
    problems = [cycle] if cycle else [p for rule in (_outputs, _inputs, _nodes, _params, _ragged) for p in rule(module)]
    if problems:
        raise VerifyError(module.name, problems)


def _where(node: Node) -> str:
    return f"{node.op}{f' at {node.span}' if node.span else ''}"


def _find_cycle(module: Module) -> str | None:
    state: dict[Node, bool] = {}
    stack = [(n, False) for n in module.outputs.values()]
    while stack:
        node, leave = stack.pop()
        if leave:
            state[node] = True
        elif node not in state:
            state[node] = False
            stack.append((node, True))
            stack.extend((o, False) for o in node.operands)
            if any(state.get(o) is False for o in node.operands):
                return f"{_where(node)}: depends on itself"
    return None


def _outputs(module: Module) -> Iterator[str]:
    if not module.outputs:
        yield "no outputs"
    for name, where in module.within.items():
        known = name in module.outputs and where in module.outputs
        if not known or module.outputs[where].type != Type("bool"):
            yield f"output {name} is within {where}, which is no truth value of the event"


def _inputs(module: Module) -> Iterator[str]:
    names = [n.attrs.get("name") for n in module.inputs]
    for name in sorted({str(n) for n in names if names.count(n) > 1}):
        yield f"two inputs are named {name}"
    for node in module.inputs:
        if node.op != "input":
            yield f"{_where(node)} is listed as an input"
    for node in module.walk():
        if node.op == "input" and node not in module.inputs:
            yield f"input {node.attrs.get('name')} is used but not declared"


def _nodes(module: Module) -> Iterator[str]:
    for node in module.walk():
        try:
            expected = infer(node.op, node.operands, node.attrs, node.type)
        except RuleError as error:
            yield f"{_where(node)}: {error}"
            continue
        if not _agrees(node.type, expected):
            yield f"{_where(node)}: is {_describe(node.type)}, must be {_describe(expected)}"
        yield from (f"{_where(node)}: {problem}" for problem in _type(node.type))


def _agrees(a: Type, b: Type) -> bool:
    into = (a.into.key if a.into else None) == (b.into.key if b.into else None)
    return a.elem == b.elem and a.unit == b.unit and into and same_dims(a.dims, b.dims)


def _describe(type: Type) -> str:
    return f"{type.elem}[{', '.join(map(str, type.dims))}] in {type.unit}"


def _type(type: Type) -> Iterator[str]:
    for dim in type.dims:
        if dim.open:
            yield f"dim {dim} is open"
        elif dim.ragged and dim.size is not None:
            yield f"dim {dim} is both static and ragged"
        elif (dim.size if dim.bound is None else dim.bound) < 1:  # type: ignore[operator]
            yield f"dim {dim} is empty"
    if type.elem == "complex":
        yield "the tensor dialect has no complex values"
    if (type.elem == "index") != (type.into is not None):
        yield f"{type.elem} with into = {type.into}"


def _params(module: Module) -> Iterator[str]:
    first: dict[str, Node] = {}
    for node in module.walk():
        if node.op == "param" and isinstance(path := node.attrs.get("path"), str):
            other = first.setdefault(path, node)
            if not _agrees(node.type, other.type):
                yield f"param {path} is both {other.type} and {node.type}"


def _ragged(module: Module) -> Iterator[str]:
    given = {d.name: d for d in module.ragged_dims}
    made: dict[str, Dim] = {}
    for node in module.walk():
        own = made_by(node)
        if own is not None:
            made.setdefault(own.name, own)
            if own.name in given:
                yield f"{_where(node)}: makes dim {own}, which inputs have"
    known = given | made
    seen: set[Dim] = set()
    for node in module.walk():
        if node.op in KNOWN and isinstance(asked := node.attrs.get("dim"), Dim) and asked.name in made:
            yield f"{_where(node)}: dim {asked} is made in the event"
        dims = [*node.type.dims, *(v for v in node.attrs.values() if isinstance(v, Dim))]
        for dim in (d.base for d in dims if d.ragged):
            if dim in seen:
                continue
            seen.add(dim)
            if dim.name not in known:
                yield f"{_where(node)}: no input has ragged dim {dim}"
            elif known[dim.name].bound != dim.bound:
                yield f"{_where(node)}: ragged dim {dim} has bounds {known[dim.name].bound} and {dim.bound}"
