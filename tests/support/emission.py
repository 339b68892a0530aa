# SPDX-License-Identifier: Apache-2.0
"""What elaboration emits, built without a program and run in the reference interpreter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from hepq.compiler.ir.build import NodeBuilder
from hepq.compiler.ir.interpret import evaluate
from hepq.compiler.ir.node import Module
from hepq.compiler.ir.verify import verify
from hepq.core.diagnostics.diagnostic import Diagnostic, Sink
from hepq.core.source import Source, Span
from hepq.core.types import ONE as NUMBER
from hepq.core.types import Dim, Elem, Type, Unit
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.context import Reported
from hepq.lang.elaborate.evaluate import Elaborator
from hepq.lang.modules import load
from hepq.lang.syntax.reading import allow_deep_recursion

allow_deep_recursion()  # as every program does; hypothesis wants that while nothing is tested
ROWS = Dim("rows", bound=2**31 - 1)


class Emission:
    """Values over ``rows`` and what is made of them."""

    def __init__(self) -> None:
        self.sink = Sink()
        self.ctx = Elaborator(load(None, "", self.sink), NodeBuilder(), self.sink)
        self.span = Span(Source("emission.hepq", "text"), 0, 4)
        self.inputs: list[Tensor] = []

    def input(self, name: str, elem: Elem = "real", unit: Unit = NUMBER) -> Tensor:
        made = self.ctx.emit("input", (), Type(elem, (ROWS,), unit), self.span, name=name)
        self.inputs.append(made)
        return made

    def module(self, **outputs: Tensor) -> Module:
        made = Module("m", tuple(t.handle for t in self.inputs), {k: t.handle for k, t in outputs.items()})
        verify(made)
        return made

    def run(self, values: Mapping[str, Any], **outputs: Tensor) -> dict[str, Any]:
        """``outputs`` by name: of each of the rows that ``values`` have."""
        module = self.module(**outputs)
        found = evaluate(module, module.outputs.values(), {k: np.asarray(v) for k, v in values.items()}, {})
        return {name: found[node] for name, node in module.outputs.items()}


def reported(act: Callable[[Emission], object]) -> Diagnostic:
    """The one diagnostic that ``act`` gives."""
    made = Emission()
    try:
        act(made)
    except Reported:
        (only,) = made.sink.items
        return only
    raise AssertionError("nothing was reported")
