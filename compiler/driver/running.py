# SPDX-License-Identifier: Apache-2.0
"""From a program with an analysis to what runs it: checked, elaborated, compiled; or all of it from the user's cache.

What is kept is used for the same files, byte for byte: the program's, those that it imports, those that it names. Then
neither the language nor the compiler is imported.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from hepq.compiler.driver.own_code import own_code
from hepq.compiler.targets.cpu import resolved
from hepq.core.results_cache import kept
from hepq.runtime.analysis.program import Compiled


@dataclass(frozen=True)
class _Made:
    """``files``: SHA-256 by path; None: of files that were not found again, so that this is not used again."""

    compiled: bytes
    files: Mapping[str, str] | None

    def fits(self) -> bool:
        return self.files is not None and all(_sha256(path) == found for path, found in self.files.items())


def compiled_program(
    path: Path, name: str | None = None, files: Mapping[str, Sequence[str]] | None = None, target: str = "cpu"
) -> Compiled:
    """The analysis ``name`` of a program, or its only one. ``files``: of sources, by name, instead of the program's,
    from the working directory.

    Raises HepqError with everything that is wrong; DataError HQ0966 for a source that it does not have.
    """
    # models are named in it by their paths from here
    key = "\n".join((os.getcwd(), str(path), name or "", str(resolved(target)), own_code()))
    made = kept("analysis", key.encode(), lambda: _made(path, name, target), _Made.fits)
    compiled = Compiled.from_bytes(made.compiled)
    given = {n: tuple(f if "://" in f else os.path.abspath(f) for f in of) for n, of in (files or {}).items()}
    return compiled.with_files(given)


def _made(path: Path, name: str | None, target: str) -> _Made:
    from hepq.compiler.backends.analysis import compiled
    from hepq.compiler.driver.analysis import build_from_files
    from hepq.core.diagnostics.diagnostic import HepqError, Sink
    from hepq.lang.checker import check
    from hepq.lang.modules import load

    sink = Sink()
    program = load(path, None, sink)
    check(program, sink)
    if sink.errors:
        raise HepqError(sink.items)
    analysis, modules, named = build_from_files(program, sink, name, target)
    sources = (module.file.span.source for module in program.modules.values())
    read = {os.path.abspath(s.path): sha256(s.text.encode()).hexdigest() for s in sources if os.path.isfile(s.path)}
    read |= {os.path.abspath(path.parent / file): found for file, found in named.items()}
    stages = (stage for one in analysis.programs.values() for stage in one.models)
    read |= {call.path: call.sha256 for stage in stages for call in stage.calls}
    made = _Made(compiled(analysis, modules, target, path.name).to_bytes(), read)
    return made if made.fits() else _Made(made.compiled, None)


def _sha256(path: str) -> str:
    try:
        return sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return ""
