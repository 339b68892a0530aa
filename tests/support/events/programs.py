# SPDX-License-Identifier: Apache-2.0
"""Random event programs, events for them, and their compiled code beside the reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from hepq.compiler.ir import interpret
from hepq.compiler.ir.infer import RuleError, make
from hepq.compiler.ir.node import Module, Node, topological
from hepq.compiler.ir.verify import VerifyError, verify
from hepq.compiler.lower.events import lower
from hepq.compiler.targets import cpu
from hepq.core.types import Dim, Type
from hepq.runtime.engine.event_code import EventProgram, EventResult
from tests.support import generate
from tests.support.generate import Builder, Choose

MANY = 2**31 - 1
JET, LEPTON, XY, GRID = Dim("jet", bound=MANY), Dim("lepton", bound=MANY), Dim("xy", 2), Dim("grid", 6)
INPUTS = {
    "pt": Type("real", (JET,)), "phi": Type("real", (JET,)), "flag": Type("bool", (JET,)), "kind": Type("int", (JET,)),
    "pos": Type("real", (JET, XY)), "of": Type("index", (JET,), into=LEPTON), "lpt": Type("real", (LEPTON,)),
    "charge": Type("int", (LEPTON,)), "grid": Type("real", (GRID,)), "met": Type("real"), "run": Type("int"),
}  # fmt: skip


class Events(Builder):
    """As ``Builder``, of event programs: no weights, dims without bounds, and rows."""

    def __init__(self, choose: Choose[Any]) -> None:
        super().__init__(choose)
        self.inputs = [Node("input", (), {"name": n}, t) for n, t in INPUTS.items()]
        self.pool = list(self.inputs)
        self.exact = set(self.inputs)
        self.dims = 0

    def step(self) -> None:
        recipe = self.choose(RECIPES)
        try:
            made = recipe(self)
        except RuleError:
            return
        if made is not None and len(made.type.dims) <= 3 and len([d for d in made.type.dims if d.ragged]) <= 2:
            self.pool.append(made)

    def new(self) -> Dim:
        self.dims += 1
        return Dim(f"d{self.dims}", bound=MANY)

    def ragged(self) -> tuple[Node, Dim]:
        x = self.any(self.choose(["real", "int", "bool"]), lambda n: any(d.ragged for d in n.type.dims))
        return x, self.dim(x, lambda d: d.ragged)

    def over(self, dim: Dim) -> Node:
        return self.any("real", lambda n: n.type.dim(dim) is not None)

    def finish(self) -> Module:
        """Outputs are what nothing reads, summed over dims that no output has."""
        used = {id(o) for n in topological(self.pool) for o in n.operands}
        ends = [n for n in self.pool if id(n) not in used and n.op != "input"] or self.pool[-1:]
        outputs = {f"y{i}": end for i, n in enumerate(ends) if (end := self._flat(n)) is not None}
        return Module("random", tuple(self.inputs), outputs)

    def _flat(self, node: Node) -> Node | None:
        """``node`` with at most one ragged dim, its first, unprimed."""
        ragged = [d for d in node.type.dims if d.ragged]
        if len(ragged) > 1 or any(d.primes for d in ragged):
            over = tuple(d for d in ragged if d.primes or d is not ragged[0])
            if node.type.elem == "index":
                return None
            node = make(
                {"real": "reduce_mean", "int": "reduce_sum", "bool": "reduce_any"}[node.type.elem], node, over=over
            )
        if any(d.primes for d in node.type.dims):
            return None
        dims = sorted(node.type.dims, key=lambda d: not d.ragged)
        return node if list(node.type.dims) == dims else make("transpose", node, type=node.type.with_dims(dims))


def _keys(b: Events) -> tuple[list[Node], Dim]:
    first = b.exactly(b.choose(["real", "int", "bool"]))
    dim = b.dim(first)
    more = [
        b.exactly(b.choose(["real", "int"]), lambda n: n.type.dim(dim) is not None) for _ in range(b.choose([0, 0, 1]))
    ]
    return [first, *more], dim


def _filter(b: Events) -> Node:
    mask = b.any("bool", lambda n: len(n.type.dims) == 1)
    dim = mask.type.dims[0]
    return b.make("filter", mask, dim=dim, dst=b.new() if dim.ragged else Dim(b.new().name, bound=dim.size))


def _cut(b: Events) -> Node:
    """Entries of a one-dimensional value, chosen by a comparison."""
    x = b.exactly(where=lambda n: len(n.type.dims) == 1 and n.type.dims[0].ragged)
    mask = b.make(b.choose(["gt", "lt", "ne"]), x, b.const(b.choose([0.0, 0.5])), jumps=True)
    if b.choose([True, False]):
        mask = b.make("and", mask, b.any("bool", lambda n: [d.key for d in n.type.dims] == [x.type.dims[0].key]))
    return b.make("filter", mask, dim=x.type.dims[0], dst=b.new())


def _argsort(b: Events) -> Node:
    keys, dim = _keys(b)
    kind = b.choose(["all", "itself", "best", "few", "static", "one"])
    size = {"best": 1, "few": 3}.get(kind, MANY if dim.ragged else dim.size or 0)
    bound = min(size, dim.bound or dim.size or 0)
    dst = {"itself": dim, "static": Dim("3", 3), "one": Dim("1", 1)}.get(kind, Dim(b.new().name, bound=bound))
    down = tuple(b.choose([True, False]) for _ in keys)
    return b.make("argsort", *keys, dim=dim, dst=dst, descending=down)


def _combinations(b: Events) -> Node:
    x, dim = b.ragged()
    k = b.choose([2, 2, 3])
    return b.make("combinations", x, dim=dim, dst=b.new(), slot=Dim(str(k), k))


def _unite(b: Events) -> Node:
    (x, d), (y, e) = b.ragged(), b.ragged()
    if d.name == e.name or d.primes or e.primes:
        raise RuleError("a union of one")
    dst, made = b.new(), []
    for part in range(2):
        idx = b.make("unite", x, y, dims=(d, e), part=part, dst=dst)
        made.append(b.make("gather", b.over((d, e)[part]), idx))
    return b.make("add", *made)


def _number(b: Events) -> Node:
    x, dim = b.ragged()
    return b.make("number", b.exactly("int"), x, dim=dim)


def _gather(b: Events) -> Node:
    idx = b.any("index")
    elem = b.choose(["real", "real", "int", "bool", "index"])
    return b.make("gather", b.any(elem, lambda n: n.type.dim(idx.type.into) is not None), idx)  # type: ignore[arg-type]


def _slots(b: Events) -> Node:
    """Something of every combination: a sum over its entries, or one of them."""
    x = b.any(where=lambda n: any(d.name in ("2", "3") and d.ragged is False for d in n.type.dims))
    dim = b.dim(x, lambda d: d.name in ("2", "3"))
    if b.choose([True, False]):
        return b.make("pick", x, dim=dim, index=b.choose(range(dim.size or 0)))
    return b.make("reduce_sum", x, over=(dim,))


def _cumsum(b: Events) -> Node:
    x = b.any(b.choose(["real", "int"]), lambda n: bool(n.type.dims))
    return b.make("cumsum", x, over=b.dim(x))


def _segment(b: Events) -> Node:
    idx = b.any("index", lambda n: bool(n.type.dims))
    x = b.any(b.choose(["real", "int"]), lambda n: all(n.type.dim(d) is not None for d in idx.type.dims))
    return b.make(b.choose(["segment_sum", "segment_max", "segment_min"]), x, idx)


def _index(b: Events) -> Node:
    x = b.any("index", lambda n: len(n.type.dims) == 1)
    return b.make("cast", x, type=Type("int", x.type.dims))


def _any_reduce(b: Events) -> Node:
    x = b.any(b.choose(["real", "int", "bool"]))
    numbers = ["reduce_max", "reduce_min", "reduce_sum", "reduce_prod"]
    op = b.choose(["reduce_any", "reduce_all"] if x.type.elem == "bool" else numbers)
    return b.make(op, x, over=(b.dim(x),))


def _iota(b: Events) -> Node:
    return b.make(b.choose(["iota", "count"]), dim=b.choose([JET, LEPTON, JET.prime(), XY]))


_GENERAL = [
    generate._unary, generate._jump, generate._binary, generate._binary, generate._logic, generate._where,
    generate._rename, generate._transpose, generate._stack, generate._concat, generate._pick, generate._slice,
    generate._unflatten, generate._flatten, generate._contract, generate._reduce,
]  # fmt: skip
_ROWS = [
    _filter, _cut, _cut, _argsort, _combinations, _unite, _number, _gather, _gather, _gather, _slots, _cumsum, _segment,
    _index, _any_reduce, _iota,
]  # fmt: skip
RECIPES: list[Callable[[Any], Node | None]] = [*_GENERAL, *_ROWS, *_ROWS]


def random_program(seed: int, steps: int = 30) -> Module:
    rng = np.random.default_rng(seed)
    builder = Events(lambda options: options[int(rng.integers(len(options)))])
    for _ in range(steps):
        builder.step()
    module = builder.finish()
    kept = {}
    for name, node in module.outputs.items():
        try:
            verify(Module("m", module.inputs, {name: node}))
        except VerifyError:  # a count of a dim that the event makes
            continue
        kept[name] = node
    return Module("random", module.inputs, kept or {"y": make("neg", module.inputs[0])})


def random_events(rng: np.random.Generator, n: int, most: int = 6) -> list[dict[str, Any]]:
    """The first has no entries, NaN and infinities stand here and there."""
    events = []
    for i in range(n):
        sizes = {"jet": 0 if i == 0 else int(rng.integers(0, most)), "lepton": 0 if i == 0 else int(rng.integers(0, 4))}
        event = {}
        for name, type in INPUTS.items():
            shape = [d.size if d.size is not None else sizes[d.name] for d in type.dims]
            event[name] = _values(type, shape, sizes, rng)
        events.append(event)
    return events


def _values(type: Type, shape: list[int], sizes: Mapping[str, int], rng: np.random.Generator) -> Any:
    if type.elem == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if type.elem == "int":
        return rng.integers(-2, 4, shape)
    if type.elem == "index":
        return rng.integers(-1, sizes["lepton"], shape)
    return np.where(rng.uniform(size=shape) < 0.01, np.nan, rng.integers(-24, 25, shape) / 16)


def run(module: Module, events: Sequence[Mapping[str, Any]], target: str = "cpu", **more: Any) -> EventResult:
    code = lower(module, cpu.parse(target))
    return EventProgram(code.library, code.description).run(*columns(module, events), events=len(events), **more)


def columns(module: Module, events: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    dtypes = {"real": np.float64, "bool": bool}
    flat = {
        n["name"]: np.concatenate([np.asarray(e[n["name"]]).reshape(-1) for e in events]).astype(
            dtypes.get(n.type.elem, np.int64)
        )
        for n in module.inputs
    }
    counts = {}
    for node in module.inputs:
        for axis, dim in enumerate(node.type.dims):
            if dim.ragged:
                counts[dim.name] = np.array([np.shape(e[node["name"]])[axis] for e in events])
    return flat, counts


def agree(module: Module, events: Sequence[Mapping[str, Any]], got: EventResult, tolerance: float = 1e-12) -> None:
    """``got`` is what the reference gives: whole numbers and truth values exactly, NaN in the same places."""
    wanted = interpret.run(module, events, {})
    _, counts = columns(module, events)
    counts = {**counts, **got.counts}
    for name, node in module.outputs.items():
        dims = node.type.dims
        each = wanted[name]
        if dims and dims[0].ragged:
            np.testing.assert_array_equal(counts[dims[0].name], [len(v) for v in each], err_msg=f"{name}: {node.op}")
            expected = np.concatenate(each)
        else:
            expected = np.stack(each)
        assert got.outputs[name].dtype == expected.dtype, name
        if node.type.elem == "real":
            np.testing.assert_allclose(
                got.outputs[name], expected, tolerance, tolerance, err_msg=f"{name}: {node.op} {node.type}"
            )
        else:
            np.testing.assert_array_equal(got.outputs[name], expected, err_msg=f"{name}: {node.op} {node.type}")
