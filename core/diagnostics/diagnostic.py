# SPDX-License-Identifier: Apache-2.0
"""Diagnostics: what a user reads when a program or its data is wrong.

A diagnostic is made from the closed catalogue (``core/diagnostics/catalogue.py``) by code, so that
every message has a page in ``docs/diagnostics`` and a golden example.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from hepq.core.source import Span

#: the code that says how many more diagnostics there are
MORE = "HQ0043"
Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Label:
    """An underlined span with a few words under it; the first of a diagnostic is primary."""

    span: Span
    text: str = ""


@dataclass(frozen=True)
class Diagnostic:
    code: str
    title: str
    labels: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    help: str | None = None
    severity: Severity = "error"

    def __str__(self) -> str:
        where = f"{self.labels[0].span}: " if self.labels else ""
        return f"{where}{self.severity}[{self.code}]: {self.title}"


class HepqError(Exception):
    """Raised by the public API when a program has errors; carries every diagnostic."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n".join(str(d) for d in self.diagnostics))


@dataclass
class Sink:
    """Collects diagnostics, each (code, span) once; of those beyond ``limit`` the last of ``items`` says how many."""

    limit: int = 100
    items: list[Diagnostic] = field(default_factory=list)
    more: int = 0
    _seen: set[tuple[str, object, int, int]] = field(default_factory=set)

    def add(self, diagnostic: Diagnostic) -> None:
        if diagnostic.labels:
            span = diagnostic.labels[0].span
            key = (diagnostic.code, id(span.source), span.start, span.end)
            if key in self._seen:
                return
            self._seen.add(key)
        if self.full:
            self.skip()
        else:
            self.items.append(diagnostic)

    @property
    def full(self) -> bool:
        return len(self.items) >= self.limit

    @property
    def overflowed(self) -> bool:
        """Whether there is so much wrong that looking further helps nobody."""
        return self.more >= self.limit

    def skip(self) -> None:
        """Count a diagnostic that is not shown."""
        from hepq.core.diagnostics.catalogue import diag

        self.more += 1
        self.items[self.limit :] = [diag(MORE, more=self.more, s="s" * (self.more > 1))]

    @property
    def errors(self) -> list[Diagnostic]:
        return [d for d in self.items if d.severity == "error"]
