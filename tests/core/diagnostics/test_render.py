# SPDX-License-Identifier: Apache-2.0
"""Diagnostics as drawn, and as JSON."""

from __future__ import annotations

import io
import json

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from hepq.core.diagnostics.diagnostic import Diagnostic, Label
from hepq.core.diagnostics.render import render, render_text, to_json
from hepq.core.source import Source, Span


def at(source: Source, text: str, words: str = "") -> Label:
    start = source.text.index(text)
    return Label(Span(source, start, start + len(text)), words)


def test_the_whole_picture() -> None:
    main = Source("jets.hepq", "dim a = 2\n\n\n\n\n\n\n\nfn f(x) {\n  y = g(x, b)\n}\n")
    library = Source("std/nn.hepq", "fn g(x: real, y: real) = x\n")
    labels = (at(main, "b", "not known"), at(main, "dim a", "near this"), at(library, "y: real", "needed here"))
    diagnostic = Diagnostic("HQ0101", "unknown name `b`", labels, ("first note\nin two lines",), "did you mean `a`?")
    assert render_text([diagnostic]) == (
        "error[HQ0101]: unknown name `b`\n"
        "  --> jets.hepq:10:12\n"
        "   |\n"
        " 1 | dim a = 2\n"
        "   | ----- near this\n"
        "  ...\n"
        "10 |   y = g(x, b)\n"
        "   |            ^ not known\n"
        "  ::: std/nn.hepq:1:15\n"
        "   |\n"
        " 1 | fn g(x: real, y: real) = x\n"
        "   |               ------- needed here\n"
        "   |\n"
        "   = note: first note\n"
        "           in two lines\n"
        "   = help: did you mean `a`?\n"
    )


def test_a_span_of_several_lines_shows_its_ends() -> None:
    source = Source("a.hepq", "y = f(\n  a,\n  b,\n  c)\n")
    text = render_text([Diagnostic("HQ0001", "t", (at(source, "f(\n  a,\n  b,\n  c)", "here"),), severity="warning")])
    assert text == ("warning[HQ0001]: t\n --> a.hepq:1:5\n  |\n1 | y = f(\n  |     ^^\n ...\n4 |   c)\n  |   ^^ here\n")


def test_tabs_and_wide_characters_are_underlined_where_they_stand() -> None:
    source = Source("a.hepq", "\tx = 日本 + foo # é")
    lines = render_text([Diagnostic("HQ0001", "t", (at(source, "日本"), at(source, "foo")))]).split("\n")
    shown, wide, word = lines[3:6]
    assert cell_len(shown[: shown.index("日")]) == wide.index("^")
    assert wide.count("^") == 4
    assert cell_len(shown[: shown.index("foo")]) == word.index("-")
    assert word.count("-") == 3
    assert "\t" not in shown


def test_a_long_line_is_shown_around_the_place() -> None:
    source = Source("a.hepq", "x" * 5000 + " bad " + "y" * 5000)
    lines = render_text([Diagnostic("HQ0001", "t", (at(source, "bad"),))]).split("\n")
    assert len(lines[3]) < 160
    assert lines[3].index("bad") == lines[4].index("^^^")


def test_nothing_can_steer_the_terminal() -> None:
    source = Source("a\x1b.hepq", "x\x1b[31m \u202e y\0")
    diagnostic = Diagnostic("HQ0007", "found \x1b[2J", (Label(Span(source, 0, 10), "\x07"),), ("\x1b",), "\x9b")
    assert all(c == "\n" or c.isprintable() for c in render_text([diagnostic]))


def test_an_empty_place_and_no_place() -> None:
    source = Source("a.hepq", "")
    assert "  | ^\n" in render_text([Diagnostic("HQ0028", "t", (Label(Span(source, 0, 0)),))])
    assert render_text([Diagnostic("HQ0002", "file not found")]) == "error[HQ0002]: file not found\n"


def test_diagnostics_are_separated_by_an_empty_line() -> None:
    one = Diagnostic("HQ0002", "t")
    assert render_text([one, one]) == "error[HQ0002]: t\n\nerror[HQ0002]: t\n"
    assert render_text([]) == ""


def test_on_a_terminal_it_is_the_same_text_in_colour() -> None:
    source = Source("a.hepq", "dim [a]")
    diagnostic = Diagnostic("HQ0001", "unexpected `[`", (at(source, "[a]"),), help="expected [bold] a name")
    plain, colour = io.StringIO(), io.StringIO()
    render([diagnostic], Console(file=plain, width=20))
    render([diagnostic], Console(file=colour, width=20, force_terminal=True, color_system="standard"))
    assert plain.getvalue() == render_text([diagnostic]) + "\n"
    assert "\x1b[1;31m" in colour.getvalue()


@settings(max_examples=150)
@given(st.text(max_size=60), st.data())
def test_any_place_in_any_text_can_be_drawn(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    drawn = render_text([Diagnostic("HQ0001", "t", (Label(Span(Source("a", text), start, end)),))])
    assert "^" in drawn


def test_json_has_lines_columns_and_offsets() -> None:
    source = Source("a.hepq", "dim a\ndim é")
    diagnostic = Diagnostic("HQ0007", "t", (at(source, "é", "here"),), ("n",), "h")
    assert json.loads(to_json([diagnostic])) == [
        {
            "code": "HQ0007",
            "severity": "error",
            "title": "t",
            "labels": [
                {
                    "path": "a.hepq",
                    "start": {"line": 2, "column": 5, "offset": 10},
                    "end": {"line": 2, "column": 6, "offset": 11},
                    "text": "here",
                }
            ],
            "notes": ["n"],
            "help": "h",
        }
    ]
