# SPDX-License-Identifier: Apache-2.0
"""Diagnostics: what a user reads when a program or its data is wrong.

A diagnostic is made from an entry of the closed catalogue (``core/diagnostics/catalogue.py``) by code,
so that every message has a page in ``docs/diagnostics`` and a golden example.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from string import Formatter
from typing import Literal

from hepq.core.source import Span

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


@dataclass(frozen=True)
class Entry:
    """``title`` and ``help`` are templates; ``why`` explains the rule on the code's page."""

    title: str
    why: str
    help: str | None = None
    severity: Severity = "error"

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the template fields, in order of first use."""
        text = self.title + (self.help or "")
        return tuple(dict.fromkeys(name for _, name, _, _ in Formatter().parse(text) if name))

    def filled(
        self, code: str, labels: Sequence[Label] = (), notes: Sequence[str] = (), help: str | None = None,
        **fields: object,
    ) -> Diagnostic:  # fmt: skip
        """The diagnostic; ``help`` replaces the entry's own. Raises KeyError for a missing template field."""
        if help is None and self.help is not None:
            help = self.help.format(**fields)
        return Diagnostic(code, self.title.format(**fields), tuple(labels), tuple(notes), help, self.severity)


#: how many more diagnostics there are
MORE = "HQ0043"
NOT_SHOWN = Entry(
    "{more} more message{s}, not shown",
    "The first mistakes of a text are worth mending before the others are read.",
    "mend those above, and check again",
)


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
        self.more += 1
        self.items[self.limit :] = [NOT_SHOWN.filled(MORE, more=self.more, s="s" * (self.more > 1))]

    @property
    def errors(self) -> list[Diagnostic]:
        return [d for d in self.items if d.severity == "error"]
