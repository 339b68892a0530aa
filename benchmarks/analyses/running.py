# SPDX-License-Identifier: Apache-2.0
"""From the text of an analysis to its result, as `hepqc run` does it: checked, compiled, run in this process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.shared.data import SHARED, Absent
from hepq.compiler.backends.analysis import compiled
from hepq.compiler.driver.analysis import build_analysis
from hepq.core.diagnostics.diagnostic import HepqError, Sink
from hepq.lang.checker import check
from hepq.lang.modules import load
from hepq.runtime.analysis.engine import Options, Run, run
from hepq.runtime.analysis.program import Compiled

#: events and reference histograms of analyses
ANALYSES = (SHARED / "../analysis").resolve()
DATA, REFERENCE = ANALYSES / "data", ANALYSES / "reference"


def there(path: Path) -> Path:
    """``path``; raises ``Absent``."""
    if not path.exists():
        raise Absent(f"no {path}")
    return path


def program(path: Path, text: str | None = None, cached: bool = True) -> Compiled:
    """The only analysis of a program; ``text`` instead of what the file at ``path`` has. Raises HepqError."""
    sink = Sink()
    parsed = load(path, text, sink)
    check(parsed, sink)
    if sink.items:
        raise HepqError(sink.items)
    return compiled(*build_analysis(parsed, sink), program=path.name, cached=cached)


@dataclass(frozen=True)
class Case:
    """A program whose names of files are relative to ``folder``."""

    compiled: Compiled
    folder: Path

    @classmethod
    def of(cls, path: Path, folder: Path, replaced: Sequence[tuple[str, str]] = ()) -> Case:
        """``path``: the program; its text is read with what is ``replaced``, and as if it lay in ``folder``."""
        text = path.read_text(encoding="utf-8")
        for old, new in replaced:
            if old not in text:
                raise ValueError(f"{old!r} is not in {path}")
            text = text.replace(old, new)
        return cls(program(folder / path.name, text), folder)

    def run(self, chunk: int | None = None, n_minus_one: bool = True, skims: Path | None = None) -> Run:
        """On one thread."""
        return run(self.compiled, Options(self.folder, chunk=chunk, n_minus_one=n_minus_one, skims=skims))
