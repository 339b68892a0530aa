# SPDX-License-Identifier: Apache-2.0
"""Diagnostics as a person reads them, with the source underlined, and as an editor reads them, in JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import groupby

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from hepq.core.diagnostics.diagnostic import Diagnostic, Label
from hepq.core.source import Source, Span

_TAB = 4
_WIDTH = 140  #: columns of a source line that are shown
_BEFORE = 60  #: of them, columns before the underlined part when the line is longer
_COLOURS = {"error": "bold red", "warning": "bold yellow"}


def render(diagnostics: Iterable[Diagnostic], console: Console) -> None:
    """Print every diagnostic, each followed by an empty line."""
    for diagnostic in diagnostics:
        for line in _lines(diagnostic):
            console.print(line, soft_wrap=True)
        console.print()


def render_text(diagnostics: Iterable[Diagnostic]) -> str:
    """The same as plain text, identical on every terminal."""
    return "\n".join("".join(line.plain.rstrip() + "\n" for line in _lines(d)) for d in diagnostics)


def to_json(diagnostics: Iterable[Diagnostic]) -> str:
    """A JSON list; lines and columns count from 1, offsets from 0."""
    return json.dumps([_record(d) for d in diagnostics], ensure_ascii=False, indent=2)


def _record(d: Diagnostic) -> dict[str, object]:
    labels = [
        {
            "path": label.span.source.path,
            "start": _position(label.span.source, label.span.start),
            "end": _position(label.span.source, label.span.end),
            "text": label.text,
        }
        for label in d.labels
    ]
    return {
        "code": d.code, "severity": d.severity, "title": d.title, "labels": labels, "notes": list(d.notes),
        "help": d.help,
    }  # fmt: skip


def _position(source: Source, offset: int) -> dict[str, int]:
    line, column = source.line_col(offset)
    return {"line": line, "column": column, "offset": offset}


def _lines(d: Diagnostic) -> list[Text]:
    colour = _COLOURS[d.severity]
    out = [Text.assemble((f"{d.severity}[{d.code}]", colour), (f": {_clean(d.title)}", "bold"))]
    margin = max([len(str(_last_line(label.span))) for label in d.labels], default=1)
    for i, (_, group) in enumerate(groupby(_by_source(d.labels), key=lambda label: id(label.span.source))):
        out += _excerpt(list(group), d.labels[0], "-->" if i == 0 else ":::", margin, colour)
    if d.labels and (d.notes or d.help):
        out.append(Text(" " * (margin + 1) + "|", "blue"))
    for note in d.notes:
        out += _remark("note", note, margin)
    if d.help:
        out += _remark("help", d.help, margin)
    return out


def _by_source(labels: Sequence[Label]) -> list[Label]:
    """Labels of one source together, the primary label's source first."""
    order: list[int] = list(dict.fromkeys(id(label.span.source) for label in labels))
    return sorted(labels, key=lambda label: order.index(id(label.span.source)))


def _remark(kind: str, text: str, margin: int) -> list[Text]:
    first, *rest = text.split("\n")
    lines = [Text.assemble(" " * (margin + 1), ("= ", "blue"), (f"{kind}: ", "bold"), _clean(first))]
    return lines + [Text(" " * (margin + 3 + len(kind) + 2) + _clean(line)) for line in rest]


def _excerpt(labels: list[Label], primary: Label, arrow: str, margin: int, colour: str) -> list[Text]:
    source = labels[0].span.source
    line, column = source.line_col(labels[0].span.start)
    gutter = Text(" " * (margin + 1) + "|", "blue")
    out = [Text.assemble(" " * margin, (arrow, "blue"), f" {_clean(source.path)}:{line}:{column}"), gutter]
    marks = sorted(
        ((n, a, b, text, label is primary) for label in labels for n, a, b, text in _marks(label)),
        key=lambda mark: (mark[0], not mark[4]),
    )
    previous = None
    for number, group in groupby(marks, key=lambda mark: mark[0]):
        items = list(group)
        if previous is not None and number > previous + 1:
            out.append(Text(" " * margin + "...", "blue"))
        previous = number
        raw = source.line(number)
        start, end = _window(raw, items[0][1])
        shown = ("…" if start else "") + _flat(raw[start:end]) + ("…" if end < len(raw) else "")
        out.append(Text.assemble((f"{number:>{margin}} | ", "blue"), shown))
        for _, a, b, text, is_primary in items:
            a, b = (min(max(x, start), end) for x in (a, b))
            indent = cell_len(_flat(raw[start:a])) + (1 if start else 0)
            width = max(1, cell_len(_flat(raw[start:b])) - cell_len(_flat(raw[start:a])))
            style = colour if is_primary else "bold blue"
            underline = ("^" if is_primary else "-") * width + (f" {_clean(text)}" if text else "")
            out.append(Text.assemble((f"{'':>{margin}} | ", "blue"), " " * indent, (underline, style)))
    return out


def _marks(label: Label) -> list[tuple[int, int, int, str]]:
    """(line, first column, last column, text) of each line to underline, columns from 0.

    A span over many lines shows its first and its last; the text stands at the last.
    """
    span = label.span
    first, column = span.source.line_col(span.start)
    last = _last_line(span)
    if first == last:
        end = span.end - span.source.line_starts[last - 1]
        return [(first, column - 1, min(end, len(span.source.line(last))), label.text)]
    tail = span.source.line(last)
    end = span.end - span.source.line_starts[last - 1]
    head = (first, column - 1, len(span.source.line(first).rstrip()), "")
    return [head, (last, len(tail) - len(tail.lstrip()), min(end, len(tail)), label.text)]


def _last_line(span: Span) -> int:
    return span.source.line_col(max(span.start, span.end - 1))[0]


def _window(line: str, column: int) -> tuple[int, int]:
    """The part of a long line to show around a column."""
    if len(line) <= _WIDTH:
        return 0, len(line)
    start = max(0, min(column - _BEFORE, len(line) - _WIDTH))
    return start, min(len(line), start + _WIDTH)


def _flat(text: str) -> str:
    """Text of a source line as shown: tabs as spaces, nothing that could steer a terminal."""
    out, column = [], 0
    for char in text:
        shown = " " * (_TAB - column % _TAB) if char == "\t" else _visible(char)
        out.append(shown)
        column += cell_len(shown)
    return "".join(out)


def _clean(text: str) -> str:
    return "".join(map(_visible, text))


def _visible(char: str) -> str:
    return char if char.isprintable() else "\N{REPLACEMENT CHARACTER}"
