# SPDX-License-Identifier: Apache-2.0
"""Random well-typed IR modules, events and weights for them.

Modules are numerically tame (values of order one) so that back ends can be compared closely.
Inputs are multiples of 1/16: sums and differences of them are exact in float32, so that ops that
jump (``floor``, comparisons, ``knn`` with its ties) can be applied to them and must agree exactly.
Ops that jump are never applied to values that carry rounding error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from hypothesis import strategies as st

from hepq.compiler.ir.infer import RuleError, make
from hepq.compiler.ir.node import Module, Node, topological
from hepq.core.ops import table as ir
from hepq.core.types import Dim, Type
from tests.support import graph_recipes, row_recipes

T = TypeVar("T")
Choose = Callable[[Sequence[T]], T]

PART = Dim("part", bound=8)
TRACK = Dim("track", bound=5)
FEAT, CHAN, CLS = Dim("feat", 3), Dim("chan", 4), Dim("cls", 2)
XY = Dim("xy", 2)
INPUTS = {
    "x": Type("real", (PART, FEAT)),
    "pos": Type("real", (PART, XY)),
    "flag": Type("bool", (PART,)),
    "charge": Type("int", (PART,)),
    "t": Type("real", (TRACK, CHAN)),
    "grid": Type("real", (CHAN, Dim("6", 6))),
    "g": Type("real", (CLS,)),
}
MAX_RANK = 4


@st.composite
def modules(draw: st.DrawFn, steps: int = 14) -> Module:
    """Strategy: ``@given(modules())``."""
    return random_module(draw, steps)


def random_module(draw: st.DrawFn, steps: int = 14) -> Module:
    """For use inside other strategies; ``steps`` bounds the number of random ops."""
    return build_module(lambda options: draw(st.sampled_from(options)), steps)


def seeded_module(seed: int, steps: int = 14) -> Module:
    """The same without hypothesis."""
    rng = np.random.default_rng(seed)
    return build_module(lambda options: options[int(rng.integers(len(options)))], steps)


#: what numbers of detectors are now and then
ODD = (math.nan, math.inf, -math.inf)


def random_events(module: Module, rng: np.random.Generator, n: int, odd: Sequence[float] = ()) -> list[dict[str, Any]]:
    """``n`` events; the first has no entries in any ragged dim, the second is full.

    ``odd``: in every second input or so, one or two numbers are of these.
    """
    events = []
    for i in range(n):
        sizes = {
            d.name: 0 if i == 0 else d.bound if i == 1 else int(rng.integers(0, (d.bound or 0) + 1))
            for d in module.ragged_dims
        }
        events.append({node["name"]: _random_input(node.type, sizes, rng) for node in module.inputs})
    for value in (v for event in events for v in event.values()):
        if odd and value.dtype.kind == "f" and value.size and rng.integers(2):
            count = rng.integers(1, 3)
            value.reshape(-1)[rng.integers(value.size, size=count)] = rng.choice(odd, count)
    return events


def _random_input(type: Type, sizes: dict[str, Any], rng: np.random.Generator) -> Any:
    shape = [d.size if d.size is not None else sizes[d.name] for d in type.dims]
    if type.elem == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if type.elem == "int":
        return rng.integers(-2, 3, shape)
    return rng.integers(-24, 25, shape) / 16


def random_weights(module: Module, rng: np.random.Generator) -> dict[str, Any]:
    """Values of order one; those of a ``var`` are positive. Exact in float32."""
    weights = {}
    for path, node in sorted(module.params.items()):
        shape = [d.size or 0 for d in node.type.dims]
        low = 0.5 if path.endswith("var") else -1.0
        weights[path] = rng.uniform(low, 1.5, shape).astype(np.float32).astype(np.float64)
    return weights


def build_module(choose: Choose[Any], steps: int = 14) -> Module:
    """A module grown op by op; ``choose`` picks one of a sequence."""
    builder = Builder(choose)
    for _ in range(choose(range(2, steps + 1))):
        builder.step()
    return builder.finish()


class Builder:
    def __init__(self, choose: Choose[Any]) -> None:
        self.choose = choose
        self.inputs = [Node("input", (), {"name": n}, t) for n, t in INPUTS.items()]
        self.pool: list[Node] = list(self.inputs)
        self.exact: set[Node] = set(self.inputs)
        self.params = 0

    def step(self) -> None:
        recipe = self.choose(RECIPES)
        try:
            made = recipe(self)
        except RuleError:
            return
        if made is not None and len(made.type.dims) <= MAX_RANK:
            self.pool.append(made)

    def finish(self) -> Module:
        used = {id(o) for n in topological(self.pool) for o in n.operands}
        ends = [n for n in self.pool if id(n) not in used and n.op != "input"] or self.pool[-1:]
        return Module("random", tuple(self.inputs), {f"y{i}": row_recipes.closed(n) for i, n in enumerate(ends)})

    # --- building blocks

    def make(self, op: str, *operands: Node, jumps: bool = False, **attrs: Any) -> Node:
        """A node; exact if it is made from exact values by an op that does not round."""
        if jumps and not all(o in self.exact for o in operands):
            raise RuleError("a jump on a rounded value")
        node = make(op, *operands, **attrs)
        if op not in _ROUNDS and all(o in self.exact for o in operands):
            self.exact.add(node)
        return node

    def param(self, dims: Sequence[Dim], name: str = "w") -> Node:
        self.params += 1
        type = Type("real", tuple(dims))
        return self.make("param", path=f"p{self.params}.{name}", init=("normal", 0.0, 1.0), trainable=True, type=type)

    def const(self, value: float | int | bool) -> Node:
        return self.make("const", value=value)

    def any(self, elem: str = "real", where: Callable[[Node], bool] = lambda n: True) -> Node:
        options = [n for n in self.pool if n.type.elem == elem and where(n)]
        if not options:
            raise RuleError("nothing to choose from")
        # later nodes first: hypothesis shrinks towards the front, and chains are the aim
        return self.choose(options[::-1])  # type: ignore[no-any-return]

    def exactly(self, elem: str = "real", where: Callable[[Node], bool] = lambda n: True) -> Node:
        return self.any(elem, lambda n: n in self.exact and where(n))

    def dim(self, node: Node, where: Callable[[Dim], bool] = lambda d: True) -> Dim:
        options = [d for d in node.type.dims if where(d)]
        if not options:
            raise RuleError("no such dim")
        return self.choose(options)  # type: ignore[no-any-return]

    def small(self, node: Node) -> Node:
        """Squashed into (-1, 1)."""
        return self.make("tanh", node)

    def fresh(self, size: int, *taken: Node) -> Dim:
        dim = Dim(str(size), size)
        while any(n.type.dim(dim) for n in taken):
            dim = dim.prime()
        return dim


_ROUNDS = (ir.UNARY - {"neg", "abs", "floor", "ceil", "sign", "not"}) | {
    "mul", "div", "mod", "pow", "atan2", "hypot", "contract", "reduce_mean", "batch_norm", "param",
}  # fmt: skip

Recipe = Callable[[Builder], "Node | None"]


def _safe(b: Builder, op: str, x: Node) -> Node:
    """``op`` of x, where x is first brought into the op's domain."""
    if op in ("log", "sqrt"):
        x = b.make("add", b.make("abs", b.small(x)), b.const(0.25))
    elif op in ("exp", "expm1", "sinh", "cosh", "tan", "asin", "acos", "atanh", "log1p"):
        x = b.make("mul", b.small(x), b.const(0.75))
    return b.make(op, x)


def _unary(b: Builder) -> Node:
    op = b.choose(sorted(ir.UNARY - {"not", "floor", "ceil", "sign"}))
    return _safe(b, op, b.any())


def _jump(b: Builder) -> Node:
    op = b.choose(["floor", "ceil", "sign", "mod", "trunc", "compare"])
    x = b.exactly()
    if op == "mod":
        return b.make("mod", x, b.const(0.75), jumps=True)
    if op == "trunc":
        return b.make("cast", x, type=Type("int", x.type.dims), jumps=True)
    if op == "compare":
        return b.make(b.choose(sorted(ir.COMPARE)), x, b.exactly(), jumps=True)
    return b.make(op, x, jumps=True)


def _binary(b: Builder) -> Node:
    op = b.choose(["add", "sub", "mul", "min", "max", "div", "pow", "hypot", "atan2"])
    x, y = b.any(), b.any()
    if op == "div":
        y = b.make("add", b.make("abs", y), b.const(0.5))
    elif op == "pow":
        x, y = b.make("add", b.make("abs", b.small(x)), b.const(0.5)), b.small(y)
    elif op in ("mul", "hypot"):
        x = b.small(x)
    elif op == "atan2":
        y = b.make("add", b.make("abs", y), b.const(0.5))
    return b.make(op, x, y)


def _integer(b: Builder) -> Node:
    op = b.choose(["add", "sub", "mul", "min", "max", "mod", "neg", "abs", "sign", "iota", "count", "real"])
    if op in ("iota", "count"):
        return b.make(op, dim=b.choose([PART, TRACK, PART.prime(), CHAN]))
    x = b.any("int")
    if op in ("neg", "abs", "sign"):
        return b.make(op, x)
    if op == "real":
        return b.make("mul", b.make("cast", x, type=Type("real", x.type.dims)), b.const(0.0625))
    if op == "mod":
        return b.make("mod", x, b.const(3))
    if op == "mul":
        x = b.make("sign", x)
    return b.make(op, x, b.any("int"))


def _logic(b: Builder) -> Node:
    op = b.choose(["and", "or", "not", "eq", "int", "reduce_any", "reduce_all"])
    x = b.any("bool")
    if op == "not":
        return b.make("not", x)
    if op == "int":
        return b.make("cast", x, type=Type(b.choose(["int", "real"]), x.type.dims))
    if op.startswith("reduce"):
        return b.make(op, x, over=(b.dim(x),))
    return b.make(op, x, b.any("bool"))


def _where(b: Builder) -> Node:
    return b.make("where", b.any("bool"), b.any(), b.any())


def _rename(b: Builder) -> Node:
    x = b.any()
    dim = b.dim(x)
    return b.make("rename", x, src=dim, dst=dim.prime())


def _transpose(b: Builder) -> Node:
    x = b.any(where=lambda n: len(n.type.dims) > 1)
    return b.make("transpose", x, type=x.type.with_dims(x.type.dims[1:] + x.type.dims[:1]))


def _stack(b: Builder) -> Node:
    xs = [b.any() for _ in range(b.choose([1, 2, 3]))]
    return b.make("stack", *xs, dim=b.fresh(len(xs), *xs))


def _concat(b: Builder) -> Node:
    xs = [b.any(where=lambda n: any(not d.ragged for d in n.type.dims)) for _ in range(b.choose([1, 2, 2, 3]))]
    along = tuple(b.dim(x, lambda d: not d.ragged) for x in xs)
    return b.make("concat", *xs, along=along, dim=b.fresh(sum(d.size or 0 for d in along), *xs))


def _pick(b: Builder) -> Node:
    x = b.any()
    dim = b.dim(x, lambda d: not d.ragged)
    return b.make("pick", x, dim=dim, index=b.choose(range(dim.size or 0)))


def _slice(b: Builder) -> Node:
    x = b.any()
    dim = b.dim(x, lambda d: not d.ragged)
    whole = dim.size or 0
    size = b.choose(range(1, whole + 1))
    return b.make("slice", x, dim=dim, start=b.choose(range(whole - size + 1)), dst=b.fresh(size, x))


def _unflatten(b: Builder) -> Node:
    x = b.any()
    dim = b.dim(x, lambda d: d.size in (4, 6))
    inner = b.fresh((dim.size or 0) // 2, x)
    return b.make("unflatten", x, dim=dim, into=(Dim("half", 2), inner))


def _flatten(b: Builder) -> Node:
    def pairs(n: Node) -> list[tuple[Dim, Dim]]:
        return [(p, q) for p, q in zip(n.type.dims, n.type.dims[1:], strict=False) if p.size and q.size]

    x = b.any(where=lambda n: bool(pairs(n)))
    outer, inner = b.choose(pairs(x))
    return b.make("flatten", x, dims=(outer, inner), dst=b.fresh(outer.size * inner.size, x))


def _dense(b: Builder) -> Node:
    x = b.any()
    dim = b.dim(x, lambda d: not d.ragged)
    out = b.fresh(b.choose([1, 2, 5]), x)
    w = b.param((out, dim) if b.choose([True, False]) else (dim, out))
    y = b.make("contract", *((x, w) if b.choose([True, False]) else (w, x)), over=(dim,))
    y = b.make("mul", y, b.const(1 / math.sqrt(dim.size or 1)))
    return b.make("add", y, b.param((out,), "b")) if b.choose([True, False]) else y


def _contract(b: Builder) -> Node:
    x = b.any()
    dim = b.dim(x)
    y = b.any(where=lambda n: n.type.dim(dim) is not None)
    return b.make("mul", b.make("contract", b.small(x), b.small(y), over=(dim,)), b.const(0.25))


def _reduce(b: Builder) -> Node:
    op = b.choose(["reduce_sum", "reduce_mean", "reduce_max", "reduce_min"])
    x = b.any()
    over = {b.dim(x) for _ in range(b.choose([1, 1, 2]))}
    y = b.make(op, x, over=tuple(d for d in x.type.dims if d in over))
    return b.make("mul", y, b.const(0.25)) if op == "reduce_sum" else y


def _window(b: Builder) -> Node:
    """Windows along one or two dims, or what a convolution makes of them: summed with a channel or for each."""
    y = x = b.any()
    along, wins = [b.dim(x)], list[Dim]()
    along += [d for d in x.type.dims if d not in along][: b.choose([0, 1])]
    for i, dim in enumerate(along):
        win, pad = Dim(f"win{i}", b.choose([1, 2, 3])), b.choose([0, 1, 2])
        stride = 1 if dim.ragged else b.choose([1, 2])
        dst = dim if dim.ragged else b.fresh(max(1, ((dim.size or 0) + 2 * pad - (win.size or 0)) // stride + 1), x, y)
        y, wins = b.make("window", y, dim=dim, win=win, stride=stride, pad=pad, dst=dst), [*wins, win]
    if (kind := b.choose(["window", "sum", "group", "apart"])) == "window":
        return y
    channel = [d for d in x.type.dims if not d.ragged and d not in along][:1] if kind != "apart" else []
    weight = b.param((*b.choose([[], [b.fresh(b.choose([2, 4]), y)]]), *channel, *wins))
    over = (*(channel if kind == "sum" else []), *wins)
    return b.make("mul", b.make("contract", y, weight, over=over), b.const(0.25))


def _batch_norm(b: Builder) -> Node:
    x = b.any()
    channel = b.dim(x, lambda d: not d.ragged)
    stats = [b.param((channel,), name) for name in ("w", "b", "mean", "var")]
    return b.make("batch_norm", x, *stats, channel=channel, eps=1e-5, momentum=0.1)


def _dropout(b: Builder) -> Node:
    return b.make("dropout", b.any(), p=0.25) if b.choose([True, False]) else b.make("stop_gradient", b.any())


def _trivial(b: Builder) -> Node:
    """Things a constant folder should remove."""
    x = b.any()
    kind = b.choose(["times_one", "plus_zero", "const", "cast", "same_again", "param_only"])
    if kind == "times_one":
        return b.make("mul", x, b.const(1.0))
    if kind == "plus_zero":
        return b.make("add", b.const(0.0), x)
    if kind == "const":
        return b.make("add", x, b.make("exp", b.const(0.5)))
    if kind == "cast":
        return b.make("cast", x, type=x.type)
    if kind == "same_again":
        return b.make("sub", b.make("sin", x), b.make("mul", b.make("sin", x), b.const(0.5)))
    dim = b.dim(x, lambda d: not d.ragged)
    return b.make("add", x, b.make("exp", b.small(b.param((dim,)))))


RECIPES: list[Recipe] = [
    _unary, _jump, _binary, _binary, _integer, _logic, _where, _rename, _transpose, _stack, _concat, _pick, _slice,
    _unflatten, _flatten, _dense, _dense, _contract, _reduce, _reduce, *graph_recipes.RECIPES,
    *row_recipes.RECIPES, _window, _batch_norm, _dropout, _trivial,
]  # fmt: skip
