# SPDX-License-Identifier: Apache-2.0
"""An analysis as one module for all variations: what is added up over events of one kind of sources.

The state of an event in a cut flow follows from its cuts, one after the other: 0 passed all; 2j + 1 only cut j failed;
2j + 2 cut j failed first and another one later. A fill adds to a cell: of a histogram, where the state is 0; of a cut
flow, the state itself. What two variations have in common is one node, and one fill.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce

from hepq.compiler.ir.build import SharingBuilder
from hepq.compiler.ir.node import Fill, Module, Node
from hepq.compiler.ir.stages import inputs_of
from hepq.core.analyses import NOMINAL
from hepq.core.types import Type
from hepq.lang.declarations.analysis.plan import (
    AxisPlan,
    CorrectionUse,
    CutPlan,
    Entry,
    Evaluated,
    Factors,
    HistogramPlan,
    KindPlan,
    WeightPlan,
    cuts,
    weights,
)
from hepq.lang.elaborate.builder import Tensor
from hepq.runtime.analysis.description import Factor, Filled, Flow, Step

_INT, _REAL, _BOOL = Type("int"), Type("real"), Type("bool")
_COMPARISONS = frozenset(("lt", "le", "gt", "ge", "eq", "ne"))
_LOGICAL = frozenset(("and", "or", "not", "where", "reduce_any", "reduce_all"))


@dataclass(frozen=True)
class Saved:
    """Names of outputs: of a skim's columns, and whether an event is in it."""

    passed: str
    columns: Mapping[str, str]


@dataclass
class Results:
    """Of one variation, by name."""

    histograms: dict[str, Filled] = field(default_factory=dict)
    flows: dict[str, Flow] = field(default_factory=dict)
    saves: dict[str, Saved] = field(default_factory=dict)


@dataclass(frozen=True)
class Filling:
    """``results``: of each variation, the nominal one first. ``checks``: of each of the module's, what it means.
    ``outside``: of each correction, sums that count where the nominal evaluation called it outside of its bins.
    ``calls``: names of the calls of models that each module before gives the inputs of."""

    module: Module
    results: Mapping[str, Results]
    checks: Mapping[str, str]
    outside: Mapping[str, tuple[str, ...]]
    calls: Sequence[Sequence[str]] = ()

    @property
    def idle(self) -> tuple[str, ...]:
        """Variations that change nothing."""
        return tuple(name for name, r in self.results.items() if name != NOMINAL and r == self.results[NOMINAL])


def filling(name: str, plan: KindPlan, disjoint: Sequence[tuple[str, str]], builder: SharingBuilder) -> Filling:
    """``builder``: the one that elaboration made the plan's nodes by."""
    return _Making(plan, builder).made(name, disjoint)


def argument(call: str, branch: str) -> str:
    """Outputs of modules before calls of models: an input,"""
    return f"{call}: {branch}"


def owner(call: str, dim: str) -> str:
    """which entry each of a list is of,"""
    return f"{call}, owner of {dim}"


def index(call: str) -> str:
    """and which entry of the file's collection each one is."""
    return f"{call}, entry"


class _Making:
    def __init__(self, plan: KindPlan, builder: SharingBuilder) -> None:
        self.plan, self.make = plan, builder.make
        self.outputs: dict[Node, str] = {}
        self.saved: dict[Node, str] = {}
        self.within: dict[str, set[str]] = defaultdict(set)
        self.fills: dict[tuple[int, Node, Node | None, Node | None], Fill] = {}
        self.checks: dict[Node, tuple[str, str]] = {}
        self.nothing = self.make("const", type=_INT, value=-1)

    def made(self, name: str, disjoint: Sequence[tuple[str, str]]) -> Filling:
        results = {variation: self._evaluated(e, disjoint) for variation, e in self.plan.evaluated.items()}
        outside: dict[str, tuple[str, ...]] = {}
        for variation, evaluated in self.plan.evaluated.items():
            for use in evaluated.corrections:
                self._in_range(use)
                if variation == NOMINAL and use.outside is not None:
                    outside[use.name] = tuple(dict.fromkeys((*outside.get(use.name, ()), self._outside(use))))
        outputs = {called: node for found in (self.outputs, self.saved) for node, called in found.items()}
        outputs |= {called: node for node, (called, _) in self.checks.items()}
        read = inputs_of(self.plan, outputs, {})
        checks = dict(self.checks.values())
        within = {column: passed for column, (passed, *more) in self.within.items() if not more and passed != column}
        calls = self._calls(read)
        before = tuple(self._stage(f"{name}, models {i}", names) for i, names in enumerate(calls))
        fills = tuple(self.fills.values())
        module = Module(name, read, outputs, {}, fills, tuple(checks), within, before)
        return Filling(module, results, checks, outside, calls)

    def _evaluated(self, evaluated: Evaluated, disjoint: Sequence[tuple[str, str]]) -> Results:
        found = Results()
        for name, region in evaluated.regions.items():
            found.flows[name] = self._flow(region.entries)
        for name, histogram in evaluated.histograms.items():
            found.histograms[name] = self._histogram(histogram)
        for name, save in evaluated.saves.items():
            passed = self._saved(self._passed(save.above) or self.make("const", type=_BOOL, value=True))
            columns = {column: self._saved(x.handle) for column, x in save.columns.items()}
            found.saves[name] = Saved(passed, columns)
            for column in columns.values():
                self.within[column].add(passed)
        for pair in disjoint:
            if all(region in evaluated.regions for region in pair):
                both = self._all([p for r in pair if (p := self._passed(evaluated.regions[r].entries)) is not None])
                assert both is not None, "regions without cuts are not disjoint"
                self._check(self.make("not", both), f"no event is in both {pair[0]} and {pair[1]}")
        return found

    # --- models

    def _calls(self, read: Iterable[Node]) -> list[list[str]]:
        """Names of calls whose results are read, and of those that they need, these first."""
        by_result = {result: name for name, call in self.plan.calls.items() for result in call.outputs}
        level: dict[str, int] = {}

        def of(name: str) -> int:
            if name not in level:
                inputs = inputs_of(self.plan, self._arguments(name), {})
                level[name] = max((of(by_result[n["name"]]) + 1 for n in inputs if n["name"] in by_result), default=0)
            return level[name]

        for node in read:
            if node["name"] in by_result:
                of(by_result[node["name"]])
        return [[n for n, i in level.items() if i == depth] for depth in range(max(level.values(), default=-1) + 1)]

    def _arguments(self, name: str) -> dict[str, Node]:
        """Outputs of the module before a call: its inputs, and which entries they are of."""
        call = self.plan.calls[name]
        found = {argument(name, branch): x.handle for branch, (x, _) in call.inputs.items()}
        found |= {owner(name, dim): x.handle for dim, x in call.owners.items()}
        return found if call.index is None else {**found, index(name): call.index.handle}

    def _stage(self, name: str, calls: Iterable[str]) -> Module:
        outputs = {n: node for call in calls for n, node in self._arguments(call).items()}
        return Module(name, inputs_of(self.plan, outputs, {}), outputs)

    # --- states of cut flows

    def _states(self, entries: Sequence[Entry]) -> list[Node]:
        """Before the first cut, and after each."""
        states = [self.make("const", type=_INT, value=0)]
        for j, cut in enumerate(cuts(tuple(entries))):
            holds = self._condition(cut) or self.make("const", type=_BOOL, value=True)
            states.append(self.make("cut", states[-1], holds, number=j))
        return states

    def _condition(self, cut: CutPlan) -> Node | None:
        own = [] if cut.condition is None else [cut.condition.handle]
        return self._all([*own, *self._scalars(cut.holds)])

    def _passed(self, entries: Sequence[Entry]) -> Node | None:
        """Whether an event passes all cuts, if there are any."""
        return self._is(self._states(entries)[-1], 0) if cuts(tuple(entries)) else None

    def _flow(self, entries: tuple[Entry, ...]) -> Flow:
        states, found = self._states(entries), cuts(entries)
        cells = 2 * len(found) + 1
        raw = self._fill(cells, states[-1])
        nan = [self._nan(j, cut, states[j]) for j, cut in enumerate(found)]
        absent = [self._absent(self._scalars(cut.holds), states[j], j) for j, cut in enumerate(found)]
        steps: dict[int, Filled] = {0: Filled(sums=raw)} if weights(entries) else {}
        above = 0
        for i, entry in enumerate(entries):
            if isinstance(entry, CutPlan):
                above += 1
            elif i + 1 == len(entries) or isinstance(entries[i + 1], CutPlan):
                last, so_far = not weights(entries[i + 1 :]), weights(entries[: i + 1])
                steps[above] = self._step(so_far, states[-1], above, cells, last=last)
                if last:
                    holds = self._scalars(h for w in so_far for h in w.holds)
                    absent.append(self._absent(holds, states[-1], len(found)))
        made = tuple(Step(first=first, filled=filled) for first, filled in steps.items())
        return Flow(raw=raw, steps=made, nan=_there(nan), absent=_there(absent))

    def _step(self, weights: Sequence[WeightPlan], state: Node, above: int, cells: int, *, last: bool) -> Filled:
        """Weighted counts of states: of events that passed the first cuts ``above``; the last ones of all that failed
        one cut alone, too."""
        factors, weight = self._product(weights)
        if weight is None:
            return _filled(self._fill(cells, state), factors)
        wanted = [self._is(state, 0), self._more(state, 2 * above), *([self._odd(state)] if last else [])]
        conditions = [self._either(wanted)]
        if last:
            conditions += [h for w in weights for h in self._scalars(w.holds)]
        return _filled(self._fill(cells, self._where(self._all(conditions), state), weight), factors)

    def _nan(self, j: int, cut: CutPlan, before: Node) -> str | None:
        """Counts events that come to a cut in which what it compares is not a number."""
        if cut.condition is None:
            return None
        odd = [self._any(self.make("ne", x, x)) for x in _compared(cut.condition.handle)]
        if not odd:
            return None
        both = self._all([self._is(before, 0), self._either(odd)])
        return self._fill(j + 1, self._where(both, self.make("const", type=_INT, value=j)))

    def _absent(self, holds: Sequence[Node], state: Node, cuts: int) -> str | None:
        """Counts, by the only cut that they failed, events for which something is not there."""
        there = self._all(holds)
        if there is None or not cuts:
            return None
        half = self.make("mul", self.make("cast", state, type=_REAL), self.make("const", type=_REAL, value=0.5))
        both = self._all([self._odd(state), self.make("not", there)])
        return self._fill(cuts, self._where(both, self.make("cast", half, type=_INT)))

    # --- corrections

    def _outside(self, use: CorrectionUse) -> str:
        """Counts entries for which a correction takes a value at an edge of its bins, or that for what is outside."""
        assert use.outside is not None
        flag = self._all([use.outside.handle, *(x.handle for x in use.outside.needs.values())])
        cell = self._where(flag, self.make("const", type=_INT, value=0))
        return self._fill(1, cell, when=self._passed(use.above))

    def _in_range(self, use: CorrectionUse) -> None:
        if use.wrong is not None:
            fine = self.make("not", use.wrong.handle)
            passed = self._passed(use.above)
            for condition in (*([] if passed is None else [passed]), *(x.handle for x in use.wrong.needs.values())):
                fine = self.make("or", fine, self.make("not", condition))
            self._check(self._each(fine), f"correction {use.name} has a value")

    # --- histograms

    def _histogram(self, h: HistogramPlan) -> Filled:
        cell: Node | None = None
        inside: list[tuple[str, Node]] = []
        for axis in h.axes:
            number, known = self._number(axis)
            if known is not None:
                inside.append((axis.name, known))
            if cell is None:
                cell = number
                continue
            cell = self.make("add", self.make("mul", cell, self.make("const", type=_INT, value=axis.extent)), number)
        assert cell is not None, "a histogram has axes"
        holds = [x.handle for x in h.holds] + ([] if h.weight is None else [x.handle for x in h.weight.holds])
        passed = self._passed(h.above)
        for name, known in inside:
            self._in_category(f"{h.name}: {name}", known, passed, holds)
        there = self._all([*holds, *(known for _, known in inside)])
        if there is not None:
            cell = self._where(there, cell)
        factors, weight = self._product([*weights(h.above), *([] if h.weight is None else [h.weight])])
        if weight is not None and weight.type.dims and not cell.type.dims:
            flag = self.make("eq", weight, weight)
            cell = self.make("where", flag, cell, cell)
        return _filled(self._fill(h.cells, cell, weight, passed), factors)

    def _number(self, axis: AxisPlan) -> tuple[Node, Node | None]:
        """Which bin, from 0 on, the underflow first; of categories, whether it is in any."""
        first = axis.values[0].handle
        if axis.bins is not None:
            return self._plus_one(self.make("bin", first, axis=axis.bins)), None
        if not axis.entries:
            return self.make("cast", first, type=_INT), None
        n = len(axis.entries)
        if len(axis.values) == 1:
            least, end = (self.make("const", type=_INT, value=v) for v in (0, n))
            return first, self._all([self.make("ge", first, least), self.make("lt", first, end)])
        number = self.nothing
        for i in range(n - 1, -1, -1):
            one = self.make("const", type=_INT, value=i)
            number = self.make("where", axis.values[i].handle, one, number)
        inside = self._either([x.handle for x in axis.values])
        return number, inside

    def _in_category(self, name: str, inside: Node, passed: Node | None, holds: Sequence[Node]) -> None:
        fine = inside
        for condition in (*([] if passed is None else [passed]), *holds):
            fine = self.make("or", fine, self.make("not", condition))
        self._check(self._each(fine), f"{name}: in one of its categories")

    def _product(self, weights: Sequence[WeightPlan]) -> tuple[Factors, Node | None]:
        """Constants are factors; the others are multiplied in order."""
        factors, weight = Factors(), None
        for w in weights:
            factors = factors * w.factors
            if w.value is None:
                continue
            number, node = self._apart(w.value.handle)
            factors = factors * Factors(number)
            if node is not None:
                weight = node if weight is None else self.make("mul", weight, node)
        return factors, weight

    def _apart(self, x: Node) -> tuple[float, Node | None]:
        """A product as a constant and the rest."""
        if x.op == "const" and not x.type.dims:
            return float(x["value"]), None
        if x.op == "neg":
            number, rest = self._apart(x.operands[0])
            return -number, rest
        if x.op not in ("mul", "div"):
            return 1.0, x
        (first, a), (second, b) = (self._apart(o) for o in x.operands)
        if a is x.operands[0] and b is x.operands[1]:
            return 1.0, x
        if x.op == "mul":
            return first * second, self.make("mul", a, b) if a is not None and b is not None else a or b
        if b is None and second:
            return first / second, a
        if a is not None and b is not None and second:
            return first / second, self.make("div", a, b)
        return 1.0, x

    # --- pieces

    def _fill(self, cells: int, cell: Node, weight: Node | None = None, when: Node | None = None) -> str:
        key = (cells, cell, weight, when)
        if key not in self.fills:
            names = [None if node is None else self._output(node) for node in (cell, weight, when)]
            assert names[0] is not None
            self.fills[key] = Fill(f"sums{len(self.fills)}", cells, names[0], names[1], names[2])
        return self.fills[key].name

    def _output(self, node: Node) -> str:
        return self.outputs.setdefault(node, f"value{len(self.outputs)}")

    def _saved(self, node: Node) -> str:
        """An output that is handed out, as those of fills are not."""
        return self.saved.setdefault(node, f"column{len(self.saved)}")

    def _check(self, node: Node, meaning: str) -> None:
        self.checks.setdefault(node, (f"check{len(self.checks)}", meaning))

    def _scalars(self, holds: Iterable[Tensor]) -> list[Node]:
        """Of the event: where all entries have it."""
        return [self._each(x.handle) for x in holds]

    def _each(self, x: Node) -> Node:
        return self.make("reduce_all", x, over=x.type.dims) if x.type.dims else x

    def _any(self, x: Node) -> Node:
        return self.make("reduce_any", x, over=x.type.dims) if x.type.dims else x

    def _all(self, conditions: Sequence[Node]) -> Node | None:
        different = list(dict.fromkeys(conditions))
        return reduce(lambda a, b: self.make("and", a, b), different) if different else None

    def _either(self, conditions: Sequence[Node]) -> Node:
        return reduce(lambda a, b: self.make("or", a, b), conditions)

    def _where(self, condition: Node | None, cell: Node) -> Node:
        assert condition is not None
        return self.make("where", condition, cell, self.nothing)

    def _is(self, state: Node, number: int) -> Node:
        return self.make("eq", state, self.make("const", type=_INT, value=number))

    def _more(self, state: Node, number: int) -> Node:
        return self.make("gt", state, self.make("const", type=_INT, value=number))

    def _odd(self, state: Node) -> Node:
        two, one = (self.make("const", type=_INT, value=v) for v in (2, 1))
        return self.make("eq", self.make("mod", state, two), one)

    def _plus_one(self, x: Node) -> Node:
        return self.make("add", x, self.make("const", type=_INT, value=1))


def _there(names: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name is not None))


def _compared(condition: Node) -> list[Node]:
    """Real values whose comparisons a condition is made of."""
    found: dict[Node, None] = {}
    seen: set[Node] = set()
    waiting = [condition]
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        if node.op in _COMPARISONS:
            found |= {o: None for o in reversed(node.operands) if o.type.elem == "real" and o.op != "const"}
        elif node.op in _LOGICAL:
            waiting += [o for o in node.operands if o.type.elem == "bool"]
    return list(found)


def _filled(sums: str, factors: Factors) -> Filled:
    xsec, events, sumw = factors.powers
    return Filled(sums=sums, factor=Factor(number=factors.number, xsec=xsec, events=events, sumw=sumw))
