# SPDX-License-Identifier: Apache-2.0
"""The type rule of every IR op: operand count, attributes, result type.

``infer`` is a function of (op, operands, attrs); the verifier recomputes every node's type with it.
Where the IR leaves a choice to the node (a leaf's type, the target of a cast, the order of an
elementwise result's dims), the node's own ``declared`` type decides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hepq.compiler.ir import node
from hepq.compiler.ir import type_rules as rules
from hepq.compiler.ir import type_rules_quantum as quantum
from hepq.compiler.ir.node import Node
from hepq.compiler.ir.type_rules import Attrs, Rule, RuleError, require, same_dims
from hepq.core.circuits import Circuit
from hepq.core.source import Span
from hepq.core.types import Dim, Type

__all__ = ["RULES", "RuleError", "infer", "make", "same_dims"]


def infer(op: str, operands: Sequence[Node], attrs: Attrs, declared: Type | None = None) -> Type:
    """Type of ``op`` on ``operands``. Raises ``RuleError`` saying which rule is broken."""
    if op not in RULES:
        raise RuleError(f"unknown op {op!r}")
    count, kinds, rule = RULES[op]
    if len(operands) != count if count is not None else not operands:
        raise RuleError(f"takes {count or 'at least 1'} operand(s), has {len(operands)}")
    if missing := kinds.keys() - attrs.keys():
        raise RuleError(f"lacks attribute {', '.join(sorted(missing))}")
    if extra := attrs.keys() - kinds.keys():
        raise RuleError(f"has unknown attribute {', '.join(sorted(extra))}")
    for name, kind in kinds.items():
        if not kind(attrs[name]):
            raise RuleError(f"attribute {name} = {attrs[name]!r} is of the wrong kind")
    type = rule(operands, attrs, declared)
    require(len({d.key for d in type.dims}) == len(type.dims), f"a dim occurs twice in {type}")
    return type


def make(op: str, *operands: Node, type: Type | None = None, span: Span | None = None, **attrs: Any) -> Node:
    """A node with its type inferred (``type`` is the declared type). Raises ``RuleError``."""
    return Node(op, operands, attrs, infer(op, operands, attrs, type), span)


# --- the table ------------------------------------------------------------------------------

Kind = Callable[[Any], bool]


def _is(*types: type) -> Kind:
    return lambda v: isinstance(v, types) and (bool in types or not isinstance(v, bool))


_DIM, _INT, _NUM, _STR = _is(Dim), _is(int), _is(int, float), _is(str)


def _dims(v: Any) -> bool:
    return isinstance(v, tuple) and all(isinstance(d, Dim) for d in v) and len({d.key for d in v}) == len(v)


def _along(v: Any) -> bool:
    return isinstance(v, tuple) and all(isinstance(d, Dim) for d in v)


def _pair(v: Any) -> bool:
    return _dims(v) and len(v) == 2


def _init(v: Any) -> bool:
    sizes = {"constant": 1, "uniform": 2, "normal": 2, "xavier_uniform": 0, "kaiming_uniform": 0}
    return isinstance(v, tuple) and len(v) > 0 and sizes.get(v[0]) == len(v) - 1 and all(map(_NUM, v[1:]))


def _observables(v: Any) -> bool:
    return isinstance(v, tuple) and len(v) > 0 and all(isinstance(terms, tuple) for terms in v)


_CIRCUIT = _is(Circuit)

#: op -> (operand count, None = any; attribute name -> kind; type rule)
RULES: dict[str, tuple[int | None, dict[str, Kind], Rule]] = {
    "input": (0, {"name": _STR}, rules.leaf),
    "param": (0, {"path": _STR, "init": _init, "trainable": _is(bool)}, rules.param),
    "const": (0, {"value": _is(bool, int, float)}, rules.const),
    "iota": (0, {"dim": _DIM}, rules.iota),
    "count": (0, {"dim": _DIM}, rules.count),
    **{op: (1, {}, rules.unary(op)) for op in node.UNARY},
    **{op: (2, {}, rules.binary(op)) for op in node.BINARY},
    "where": (3, {}, rules.where),
    "cast": (1, {}, rules.cast),
    "rename": (1, {"src": _DIM, "dst": _DIM}, rules.rename),
    "transpose": (1, {}, rules.transpose),
    "stack": (None, {"dim": _DIM}, rules.stack),
    "concat": (None, {"along": _along, "dim": _DIM}, rules.concat),
    "pick": (1, {"dim": _DIM, "index": _INT}, rules.pick),
    "slice": (1, {"dim": _DIM, "start": _INT, "dst": _DIM}, rules.slice_),
    "unflatten": (1, {"dim": _DIM, "into": _pair}, rules.unflatten),
    "flatten": (1, {"dims": _pair, "dst": _DIM}, rules.flatten),
    "contract": (2, {"over": _dims}, rules.contract),
    **{op: (1, {"over": _dims}, rules.reduce(op)) for op in node.REDUCE},
    "knn": (1, {"over": _DIM, "coord": _DIM, "nbr": _DIM, "short": _STR}, rules.knn),
    "gather": (2, {}, rules.gather),
    "window": (1, {"dim": _DIM, "win": _DIM, "stride": _INT, "pad": _INT, "dst": _DIM}, rules.window),
    "batch_norm": (5, {"channel": _DIM, "eps": _NUM, "momentum": _NUM}, rules.batch_norm),
    "dropout": (1, {"p": _NUM}, rules.dropout),
    "stop_gradient": (1, {}, rules.stop_gradient),
    "fidelity": (2, {"left": _CIRCUIT, "right": _CIRCUIT}, quantum.fidelity),
    "expect": (1, {"circuit": _CIRCUIT, "observables": _observables, "dim": _is(Dim, type(None))}, quantum.expect),
    "probs": (1, {"circuit": _CIRCUIT, "dim": _DIM}, quantum.probs),
    "sample": (1, {"circuit": _CIRCUIT, "dim": _DIM, "shots": _INT}, quantum.sample),
}
