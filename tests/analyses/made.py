# SPDX-License-Identifier: Apache-2.0
"""Analyses of texts, run by the reference interpreter on events in memory or in files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hepq.compiler.driver.analysis import build_analysis
from hepq.compiler.golden.sums import summed
from hepq.compiler.ir.node import Module
from hepq.compiler.ir.verify import verify
from hepq.core.analyses import Kind
from hepq.core.diagnostics.diagnostic import Sink
from hepq.core.diagnostics.render import render_text
from hepq.lang.checker import check
from hepq.lang.modules import load
from hepq.runtime.analysis.description import Analysis
from hepq.runtime.analysis.results import Result, SourceRead

#: an event as files have it, by branch
Event = Mapping[str, Any]


@dataclass(frozen=True)
class Made:
    analysis: Analysis
    modules: Mapping[Kind, Module]

    def run(self, events: Mapping[str, Sequence[Event]], sumw: Mapping[str, float] | None = None) -> Result:
        """``events`` of each source."""
        read = {}
        for source in self.analysis.sources:
            own = [self.inputs(source.kind, event, key) for key, event in enumerate(events[source.name])]
            sums = summed(self.modules[source.kind], own)
            read[source.name] = SourceRead(sums, len(own), (sumw or {}).get(source.name))
        return Result(self.analysis, read)

    def inputs(self, kind: Kind, event: Event, key: int = 0) -> dict[str, Any]:
        program = self.analysis.programs[kind]
        found: dict[str, Any] = {} if program.key is None else {program.key: np.int64(key)}
        for b in program.branches:
            values = np.asarray(event[b.branch])
            found[b.name] = values.astype(np.float64) * b.factor if b.elem == "real" else values
        return found


def made(text: str, path: str = "analysis.hepq") -> Made:
    """Of a program without mistakes."""
    sink = Sink()
    program = load(Path(path), text, sink)
    check(program, sink)
    assert not sink.items, render_text(sink.items)
    analysis, modules = build_analysis(program, sink)
    for module in modules.values():
        verify(module)
    return Made(analysis, modules)


def of_file(path: Path, branches: Sequence[str], tree: str = "Events") -> list[Event]:
    import uproot

    with uproot.open(path) as file:
        arrays = file[tree].arrays(list(branches))
    columns = {name: arrays[name] for name in branches}
    return [{name: np.asarray(column[i]) for name, column in columns.items()} for i in range(len(arrays))]
