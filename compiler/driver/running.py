# SPDX-License-Identifier: Apache-2.0
"""From a program with an analysis to what runs it: checked, elaborated, compiled or taken from the cache."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os.path import abspath
from pathlib import Path

from hepq.compiler.backends.analysis import compiled
from hepq.compiler.driver.analysis import build_analysis
from hepq.core.diagnostics.diagnostic import HepqError, Sink
from hepq.lang.checker import check
from hepq.lang.modules import load
from hepq.runtime.analysis.program import Compiled


def compiled_program(
    path: Path, name: str | None = None, files: Mapping[str, Sequence[str]] | None = None, target: str = "cpu"
) -> Compiled:
    """The analysis ``name`` of a program, or its only one. ``files``: of sources, by name, instead of the program's,
    from the working directory.

    Raises HepqError with everything that is wrong; DataError HQ0966 for a source that it does not have.
    """
    sink = Sink()
    program = load(path, None, sink)
    check(program, sink)
    if sink.errors:
        raise HepqError(sink.items)
    analysis, modules = build_analysis(program, sink, name)
    made = compiled(analysis, modules, target, path.name)
    return made.with_files({n: tuple(f if "://" in f else abspath(f) for f in of) for n, of in (files or {}).items()})
