# SPDX-License-Identifier: Apache-2.0
"""Where a compilation goes wrong: the first pass, or node of the target's code, that differs from the reference.

Golden events go through every stage beside the interpreter. After a pass, that interprets the pass's module. Of code,
nodes become outputs: all at once, each compared with its own operation on what the code gave for its operands. An error
that this does not show, because the operation is then no longer compiled with those around it, is found by bisection,
one node at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.compiler.driver.compilation import Compilation
from hepq.compiler.driver.rebuilt import compilation
from hepq.compiler.golden.vectors import inputs_of
from hepq.compiler.ir import whole
from hepq.compiler.ir.infer import make
from hepq.compiler.ir.interpret import evaluate, run_event
from hepq.compiler.ir.node import Module, Node, made_dims
from hepq.compiler.ir.verify import VerifyError, verify
from hepq.compiler.passes.base import Static, Weights
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.core.source import Span
from hepq.runtime.artifact.artifact import GOLDEN, Artifact
from hepq.runtime.artifact.golden import Golden
from hepq.runtime.events.batch import prepare
from hepq.runtime.events.columns import Raw
from hepq.runtime.model import Model

Arrays = Mapping[str, NDArray[Any]]
#: what a value may be off by, beside ``tolerance``: so many times what float32 makes of the same operation
ROUNDING = 8
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Difference:
    """The first stage that differs, in which way; in code, at which node."""

    stage: str
    found: str
    node: Node | None = None

    @property
    def span(self) -> Span | None:
        """Where the program has the node; of one that a pass made, the nearest that it is made of."""
        nodes = [] if self.node is None else [self.node]
        for node in nodes:
            if node.span is not None:
                return node.span
            nodes.extend(o for o in node.operands if o not in nodes)
        return None


@dataclass(frozen=True)
class Bisection:
    """``agree``: the stages before the ``difference``; all of them, if there is none."""

    events: int
    agree: tuple[str, ...]
    difference: Difference | None


def bisect(program: Compilation) -> Bisection:
    """Of a checked program."""
    return _Search(program, program.golden[0].raw).run()


def bisect_artifact(artifact: Artifact, tell: Callable[[str], None] | None = None) -> Bisection:
    """Of the program and weights in an artifact, on its golden events; then of the file itself."""
    code = artifact.manifest.code
    program = compilation(artifact, "cpu" if code is None else code.target, tell)
    search = _Search(program, Golden.from_bytes(artifact.members[GOLDEN]).raw)

    def replay() -> None:
        checks = Model(artifact, threads=1).verify().checks
        if wrong := [f"{c.check} of {c.output} by {c.largest:.1e}" for c in checks if not c.ok]:
            raise _Differs(artifact.path.name, f"{', '.join(wrong)}, which is not so when it is compiled here")
        search.agree.append(artifact.path.name)

    return search.run(replay)


class _Differs(Exception):
    def __init__(self, stage: str, found: str, node: Node | None = None) -> None:
        self.difference = Difference(stage, found, node)


@dataclass(frozen=True)
class _Probe:
    """How a node becomes an output: as it is, or its ``shown`` sum where it has more ragged dims than an output may."""

    node: Node
    shown: Node

    @property
    def whole(self) -> bool:
        return self.shown is self.node or (self.shown.op == "transpose" and self.shown.operands[0] is self.node)


class _Search:
    def __init__(self, program: Compilation, raw: Raw) -> None:
        self.program, self.source, self.backend = program, program.source, program.target
        self.agree: list[str] = []
        self.tolerance = program.target.tolerance(program)
        schema = program.schema
        batch = prepare(schema, raw)
        #: by number, inputs at true multiplicity
        self.events = {i: inputs_of(self.source, schema, batch, i) for i in range(raw.events) if not batch.unscored[i]}

    def run(self, replay: Callable[[], None] | None = None) -> Bisection:
        difference = None
        try:
            self._passes()
            self._code()
            (replay or self._written)()
        except _Differs as found:
            difference = found.difference
        return Bisection(len(self.events), tuple(self.agree), difference)

    # --- passes

    def _passes(self) -> None:
        program = self.program
        module, weights = program.subject.with_features(self.source), program.weights
        wanted = {i: run_event(self.source, event, weights) for i, event in self.events.items()}
        rough = {i: run_event(self.source, event, weights, np.float32) for i, event in self.events.items()}
        for one in self.backend.passes:
            program.tell(f"after {one.name}")
            module, weights = one(module, weights)
            stage = f"pass {one.name}"
            try:
                verify(module)
            except VerifyError as error:
                raise _Differs(stage, error.problems[0]) from error
            for i, event in self.events.items():
                found = run_event(module, event, weights)
                for name, value in wanted[i].items():
                    if apart := self._apart(self.source.outputs[name], found[name], value, rough[i][name]):
                        raise _Differs(stage, f"output `{name}` of golden event {i} by {apart:.1e}")
            self.agree.append(stage)

    # --- code

    def _code(self) -> None:
        module, weights = self.backend.compiled(self.program), self.program.optimised.weights
        if module is None:
            return
        stage = f"code for {self.program.options.target}"
        self.program.tell(stage)
        run = self.backend.runner(module, weights)
        for i, event in self.events.items():
            if self._outputs_differ(module, weights, event, run(event)):
                node, apart = self._node(module, weights, event)
                raise _Differs(stage, f"`{node.op}` of golden event {i} by {apart:.1e}", node)
        self.agree.append(stage)

    def _outputs_differ(self, module: Module, weights: Weights, event: Arrays, found: Arrays) -> float:
        """The largest difference that is more than rounding."""
        wanted, rough = (run_event(module, event, weights, dtype) for dtype in (np.float64, np.float32))
        return max((self._apart(module.outputs[n], found[n], wanted[n], rough[n]) for n in wanted), default=0.0)

    def _node(self, module: Module, weights: Weights, event: Arrays) -> tuple[Node, float]:
        """The first node that differs in an event whose outputs do."""
        probes = list(_probes(module))
        return self._by_operation(module, weights, event, probes) or self._by_halves(module, weights, event, probes)

    def _by_operation(
        self, module: Module, weights: Weights, event: Arrays, probes: list[_Probe]
    ) -> tuple[Node, float] | None:
        self.program.tell(f"{len(probes)} nodes at once")
        made = self.backend.runner(_showing(module, probes), weights)(event)
        shown = {probe.node: (probe, made[f"probe{k}"]) for k, probe in enumerate(probes)}
        values: dict[Node, NDArray[Any]] = {}
        rough: dict[Node, NDArray[Any]] = {}
        for node in module.walk():
            values[node] = evaluate(module, [node], event, weights, np.float64, values)[node]
            rough[node] = evaluate(module, [node], event, weights, np.float32, rough)[node]
            if node not in shown:
                continue
            probe, found = shown[node]
            wanted = evaluate(module, [probe.shown], event, weights, np.float64, values)[probe.shown]
            roughly = evaluate(module, [probe.shown], event, weights, np.float32, rough)[probe.shown]
            if apart := self._apart(probe.shown, found, wanted, roughly):
                return node, apart
            if probe.whole:
                back = [probe.shown.type.dims.index(d) for d in node.type.dims]
                values[node] = found.transpose(back).astype(wanted.dtype)
                rough[node] = values[node].astype(roughly.dtype)
        return None

    def _by_halves(self, module: Module, weights: Weights, event: Arrays, probes: list[_Probe]) -> tuple[Node, float]:
        """With one node as an output at a time, taking it that all after a wrong one are wrong."""
        low, high = 0, len(probes) - 1
        worst = {high: self._outputs_differ(module, weights, event, self.backend.runner(module, weights)(event))}
        while low < high:
            middle = (low + high) // 2
            self.program.tell(f"node {middle + 1} of {len(probes)}")
            seen = _showing(module, probes[middle : middle + 1])
            alone = Module(module.name, module.inputs, {"probe0": seen.outputs["probe0"]})
            worst[middle] = self._outputs_differ(alone, weights, event, self.backend.runner(seen, weights)(event))
            low, high = (low, middle) if worst[middle] else (middle + 1, high)
        return probes[high].node, worst[high]

    # --- the file

    def _written(self) -> None:
        """Reading of events, what measures circuits, and whatever else the file adds to the code."""
        with TemporaryDirectory() as folder:
            try:
                self.program.written(Path(folder, self.program.path.name))
            except HepqError as error:
                if not {d.code for d in error.diagnostics} & {"HQ0761", "HQ0765"}:
                    raise
                raise _Differs("the file", error.diagnostics[0].title) from error
        self.agree.append("the file")

    def _apart(self, node: Node, found: NDArray[Any], wanted: NDArray[Any], rough: NDArray[Any]) -> float:
        """The largest difference where it is more than rounding, else 0; ``rough``: what is wanted, in float32."""
        if found.shape != wanted.shape:
            return np.inf
        if whole.exact(node) and np.array_equal(wanted, rough):
            off = np.where(found == wanted, 0.0, np.maximum(1.0, np.abs(found.astype(np.float64) - wanted)))
            return float(off.max(initial=0.0))
        found, wanted, rough = (np.clip(x.astype(np.float64), -_LARGEST, _LARGEST) for x in (found, wanted, rough))
        with np.errstate(all="ignore"):
            off = np.where(np.isnan(found) & np.isnan(wanted), 0.0, np.abs(found - wanted))
            noise = np.nan_to_num(np.abs(rough - wanted), nan=np.inf, posinf=np.inf).max(initial=0.0)
            scale = max(1.0, float(np.nan_to_num(np.abs(wanted), posinf=0.0).max(initial=0.0)))
        largest = float(np.nan_to_num(off, nan=np.inf).max(initial=0.0))
        return largest if largest > self.tolerance * scale + ROUNDING * noise else 0.0


def _probes(module: Module) -> Iterator[_Probe]:
    """Nodes that depend on the event and can become outputs, operands first."""
    static, made = Static(), made_dims(module)
    for node in module.walk():
        if node.operands and not static(node) and (shown := _shown(node, made)) is not None:
            yield _Probe(node, shown)


def _shown(node: Node, made: Collection[str]) -> Node | None:
    """``node`` with no ragged dim but the first, of inputs: others summed over, the one that stays comes first."""
    ragged = [d for d in node.type.dims if d.ragged]
    keep = next((d for d in ragged if not d.primes and d.name not in made), None)
    over = tuple(d for d in ragged if d is not keep)
    if over:
        if node.type.elem != "real":
            return None
        node = make("reduce_sum", node, over=over)
    if keep is not None and node.type.dims[0] is not keep:
        return make("transpose", node, type=node.type.with_dims((keep, *(d for d in node.type.dims if d is not keep))))
    return node


def _showing(module: Module, probes: list[_Probe]) -> Module:
    return Module(
        module.name, module.inputs, {**module.outputs, **{f"probe{k}": p.shown for k, p in enumerate(probes)}}
    )
