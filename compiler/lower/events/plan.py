# SPDX-License-Identifier: Apache-2.0
"""What is computed once and kept, what is computed where it is read, and in which loops.

Kept are values that cost something and are read in several loops, or more than once in one: at the other entry of a
pair, at an entry that an index names. What is elementwise over an input's dim alone is computed for a whole block of
events at once, in vectors. Everything else is a *task* of one event; tasks over one dim that wait for nothing share a
loop.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from hepq.compiler.ir.node import Module, Node
from hepq.compiler.lower.events import guards
from hepq.compiler.lower.events.conditions import ALWAYS, Guard, either
from hepq.compiler.lower.events.dims import Dims
from hepq.compiler.lower.events.roots import Adding, Check, End, Outputs, Root, ends, read_at_once
from hepq.compiler.lower.events.tables import Tables
from hepq.core.ops.table import ELEMENTWISE, OPS, REDUCE, SEGMENT
from hepq.core.types import Dim

Key = tuple[str, int]


#: from this weight on a value that is read again is kept
HEAVY = 6
#: what a function costs, or a loop
CALL = 20
#: from this weight on one of two values is computed only where it is taken
LAZY = 2 * CALL
#: from this weight on values over an input's dim are computed for single events where not every event needs them
LATE = 20
#: of writing an output, of adding to a fill
_END = 4
_WEIGHTS = {"div": 3, "sqrt": 4, "mod": 5, "bin": 6, "noise": 12}
#: weight of the tasks that one function does
STAGE = 8000
#: nodes inside each other: expressions are written by recursion
DEEPEST = 60
#: chosen or computed in memory, always
_KEPT = ("argsort", "cumsum", *sorted(SEGMENT))
ROOTED = (*_KEPT, "filter", "combinations")


@dataclass
class Plan:
    """``ends``: what all of it is for. ``kept``: nodes with memory; ``flat``: those that are computed for a block of
    events, by their dim's name.

    ``guards``: when a node is needed; ``asked``: of what guards are conditions; ``late``: those of ``flat`` that are
    computed event by event all the same, as they are not always needed.

    ``tasks``: groups of kept nodes, and of outputs, that share a loop, in order. ``weights``: of computing a node and
    all that it is computed from; ``inline``: where what is kept is read.
    """

    module: Module
    dims: Dims
    tables: Tables
    ends: Sequence[End]
    kept: set[Node] = field(default_factory=set)
    guards: dict[Node, Guard] = field(default_factory=dict)
    asked: set[Node] = field(default_factory=set)
    late: set[Node] = field(default_factory=set)
    flat: dict[str | None, list[Node]] = field(default_factory=dict)
    tasks: list[tuple[Root, ...]] = field(default_factory=list)
    weights: dict[Node, int] = field(default_factory=dict)
    inline: dict[Node, int] = field(default_factory=dict)

    def is_flat(self, node: Node) -> bool:
        return node.op == "input" or node in self.flat.get(flat_dim(node), ())

    def is_ready(self, node: Node) -> bool:
        """Before any event is begun?"""
        return self.is_flat(node) and node not in self.late

    def guard(self, root: Root) -> Guard:
        """When a task is done."""
        if isinstance(root, Node):
            return self.guards[root]
        return either(root.terms if isinstance(root, Adding) else [root.when])

    def weight(self, node: Node) -> int:
        """Of computing ``node`` where it is read."""
        return 1 if node in self.kept else self.inline[node]

    def load(self, root: Root) -> int:
        """The weight of a task's body."""
        if isinstance(root, Node):
            return self.inline[root]
        several = len(root.weights) if isinstance(root, Adding) else 1
        return sum(map(self.weight, read_at_once(self.module, root))) + _END * max(1, several)

    def stages(self) -> list[list[tuple[Root, ...]]]:
        """Tasks for one function each: LLVM's time grows faster than a function."""
        stages: list[list[tuple[Root, ...]]] = [[]]
        total = 0
        for group in self.tasks:
            load = sum(map(self.load, group))
            if stages[-1] and total + load > STAGE:
                stages.append([])
                total = 0
            stages[-1].append(group)
            total += load
        return stages


def make_plan(module: Module) -> Plan:
    found = ends(module)
    plan = Plan(module, Dims.of(module), Tables.of(module), found, asked=guards.asked(module, found))
    _weigh(plan)
    _keep(plan)
    _shorten(plan)
    _weigh_inline(plan)
    plan.guards = guards.guards(module, found, lambda node: _needs(plan, node))
    _flatten(plan)
    _delay(plan)
    _schedule(plan)
    return plan


def read(node: Node) -> Iterable[Node]:
    """Operands whose numbers ``node`` reads; of the others only the dims matter."""
    return {"number": node.operands[:1], "unite": (), "combinations": (), "iota": ()}.get(node.op, node.operands)


def _own_weight(node: Node) -> int:
    if node.op in REDUCE or node.op == "contract":
        return CALL
    return _WEIGHTS.get(node.op, 1 if OPS[node.op].cheap or node.op not in ELEMENTWISE else CALL)


def _weigh(plan: Plan) -> None:
    for node in plan.module.walk():
        inner = 0 if node.op in ROOTED else sum(plan.weights[o] for o in read(node))
        plan.weights[node] = min(10**6, _own_weight(node) + inner)


def _weigh_inline(plan: Plan) -> None:
    for node in plan.module.walk():
        own = CALL if node.op in ROOTED else _own_weight(node)
        plan.inline[node] = min(10**6, own + sum(map(plan.weight, read(node))))


def _keep(plan: Plan) -> None:
    nodes = list(plan.module.walk())
    roots: dict[Node, set[Hashable]] = defaultdict(set)
    again: dict[Node, bool] = defaultdict(bool)
    for end in plan.ends:
        for i, node in enumerate(read_at_once(plan.module, end)):
            roots[node].add((end, i) if isinstance(end, Adding) and len(end.weights) > 1 else end)
    vectors = _in_vectors(plan)
    for node in reversed(nodes):
        if node in vectors or _is_kept(plan, node, len(roots[node]) > 1 or again[node]):
            plan.kept.add(node)
        kept = node in plan.kept
        for position, operand in enumerate(node.operands):
            if operand in read(node):
                roots[operand] |= {node} if kept else roots[node]
                again[operand] |= _again(node, position) or (again[node] and not kept)


def _in_vectors(plan: Plan) -> set[Node]:
    """What is kept so that it is computed for a block of events: cells of columns that every event fills, and costly
    values of columns that are looked up."""
    given = {d.key for d in plan.module.ragged_dims}
    flat: set[Node] = set()
    added = [e for e in plan.ends if isinstance(e, Adding)]
    wanted = {e.cell: HEAVY for e in added if either(e.terms) == ALWAYS}
    for node in plan.module.walk():
        if node.op in ("const", "input") or _at_its_own_entry(plan, node, flat):
            flat.add(node)
        if node.op == "gather":
            wanted.setdefault(node.operands[0], CALL)
    return {
        n for n, least in wanted.items()
        if n in flat and plan.weights[n] >= least and len(n.type.dims) <= 1 and all(d.key in given for d in n.type.dims)
    }  # fmt: skip


def _is_kept(plan: Plan, node: Node, often: bool) -> bool:
    if node.op == "input" or node.op in _KEPT or node in plan.asked:
        return True
    if node.op in ("filter", "combinations"):
        return node["dst"].name not in plan.dims.virtual
    if node.type.elem == "index" or any(d.name in plan.dims.virtual for d in node.type.dims if d.ragged):
        return False
    if node.op in REDUCE or node.op == "contract":
        return often or not node.type.dims
    if node.op not in ELEMENTWISE:
        return False
    return often and plan.weights[node] >= HEAVY


def _again(node: Node, position: int) -> bool:
    """May ``node``'s loop read an entry of its operand more than once?"""
    operand = node.operands[position]
    own = {d.key for d in operand.type.dims}
    if node.op == "gather":
        idx = node.operands[1]
        return position == 0 and not (idx.op in ("filter", "argsort", "unite") and len(idx.type.dims) == 1)
    if node.op in ("pick", "slice", "rename", "transpose", "flatten", "unflatten", "concat"):
        return False
    loops = [*node.type.dims, *(node["over"] if node.op in REDUCE or node.op == "contract" else ())]
    if node.op == "stack":
        loops = loops[:-1]
    if node.op in ROOTED:
        loops = [d for o in node.operands for d in o.type.dims]
    return any(d.key not in own and d.size != 1 for d in loops)


def _shorten(plan: Plan) -> None:
    """Memory in the midst of long chains."""
    depth: dict[Node, int] = {}
    for node in plan.module.walk():
        depth[node] = 1 + max((depth[o] for o in node.operands if o not in plan.kept), default=0)
        if depth[node] > DEEPEST and node.op in ELEMENTWISE and _is_kept(plan, node, True):
            plan.kept.add(node)


def flat_dim(node: Node) -> str | None:
    """The name of the dim of a value over one dim of an event; None: of a value of the event."""
    return node.type.dims[0].name if node.type.dims else None


def _flatten(plan: Plan) -> None:
    given = {d.key for d in plan.module.ragged_dims}
    flat: set[Node] = set()
    for node in plan.module.walk():
        dims = node.type.dims
        simple = not dims or (len(dims) == 1 and dims[0].key in given)
        if node.op == "const":
            flat.add(node)
        elif simple and (node.op == "input" or _at_its_own_entry(plan, node, flat)):
            flat.add(node)
            if node in plan.kept and node.op != "input":
                plan.flat.setdefault(flat_dim(node), []).append(node)


def _at_its_own_entry(plan: Plan, node: Node, flat: set[Node]) -> bool:
    """Elementwise, of flat values over just its dim."""
    own = [d.key for d in node.type.dims]
    return (
        node.op in ELEMENTWISE
        and node not in plan.tables.at
        and all(o in flat and (o.op == "const" or [d.key for d in o.type.dims] == own) for o in node.operands)
    )


def _delay(plan: Plan) -> None:
    """What costs much and is not always needed is no longer computed for all events of a block, nor what reads it."""
    delayed: set[Node] = set()
    for node in plan.module.walk():
        waits = any(o in delayed for o in read(node))
        if node not in plan.kept or not plan.is_ready(node) or node.op == "input":
            late = waits
        else:
            late = waits or (plan.inline[node] >= LATE and plan.guards.get(node) != ALWAYS)
            if late and node.type.dims:
                plan.late.add(node)
            elif late:
                plan.flat[None].remove(node)
        if late:
            delayed.add(node)


# --- order


def _schedule(plan: Plan) -> None:
    left: list[Root] = [n for n in plan.module.walk() if n in plan.kept and n in plan.guards and not plan.is_ready(n)]
    left += plan.ends
    waits: dict[Root, set[Root]] = {r: {n for n in read_by(plan, r) if not plan.is_ready(n)} for r in left}
    done: set[Root] = set()
    guard = ALWAYS
    while left:
        ready = [r for r in left if waits[r] <= done]
        first = next((r for r in ready if plan.guard(r) == guard), ready[0])
        guard = plan.guard(first)
        dim = loop_dim(plan, first)
        group = [first]
        if dim is not None:
            load = plan.load(first)
            for root in left:
                same = root is not first and plan.guard(root) == guard and _same_loop(loop_dim(plan, root), dim)
                if same and waits[root] <= done:
                    load += plan.load(root)
                    if load <= STAGE:
                        group.append(root)
        plan.tasks.append(tuple(group))
        done.update(group)
        left = [r for r in left if r not in done]


def _same_loop(a: Dim | None, b: Dim) -> bool:
    return a is not None and a.name == b.name


def loop_dim(plan: Plan, root: Root) -> Dim | None:
    """The ragged dim that the outermost loop of a task is over; None if it is done without others."""
    if isinstance(root, (Outputs, Adding)):
        return root.dim
    if isinstance(root, Check) or root in plan.late:
        return None
    if root.op in ("filter", "argsort"):
        return root["dim"] if len(root.type.dims) == 1 and root["dim"].ragged else None
    if root.op in ("combinations", "cumsum"):
        return None
    if root.op in SEGMENT:
        dims = root.operands[1].type.dims
    else:
        dims = root.type.dims or (root["over"] if root.op in REDUCE or root.op == "contract" else ())
    return dims[0] if dims and dims[0].ragged else None


def read_by(plan: Plan, root: Root) -> Iterator[Node]:
    """Kept nodes that the task reads, or in whose dims it loops, and what says whether it is done."""
    todo = list(_needs(plan, root)) if isinstance(root, Node) else read_at_once(plan.module, root)
    todo += [condition.of for term in plan.guard(root) for condition in term]
    seen: set[Node] = set()
    while todo:
        node = todo.pop()
        if node in seen or node is root:
            continue
        seen.add(node)
        if node not in plan.kept:
            todo += _needs(plan, node)
            continue
        yield node
        # the loops of a reader are over this node's dims
        todo += _makers(plan, node)


def _needs(plan: Plan, node: Node) -> Iterator[Node]:
    yield from read(node)
    yield from _makers(plan, node)


def _makers(plan: Plan, node: Node) -> Iterator[Node]:
    for dim in (*mentioned(node), *(d for o in node.operands for d in o.type.dims)):
        maker = plan.dims.maker(dim)
        if maker is not None and maker is not node:
            yield maker


def mentioned(node: Node) -> Iterator[Dim]:
    """Dims of its type and of its attributes."""
    yield from node.type.dims
    if node.type.into is not None:
        yield node.type.into
    for attr in node.attrs.values():
        yield from (d for d in (attr if isinstance(attr, tuple) else (attr,)) if isinstance(d, Dim))
