# SPDX-License-Identifier: Apache-2.0
"""The formatter: one canonical form, meaning and comments kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.robustness.fuzz import compare, from_grammar
from benchmarks.robustness.programs import Programs
from hepq.core.diagnostics.diagnostic import HepqError, Sink
from hepq.core.source import Source
from hepq.lang.format import layout
from hepq.lang.format.layout import SOFT, SPACE, Comma, group, nest
from hepq.lang.format.program import WIDTH, format_source
from hepq.lang.modules import library_modules
from hepq.lang.syntax.parser import parse

ROOT = Path(__file__).resolve().parents[3]
PROGRAMS = sorted([*(ROOT / "stdlib").glob("*.hepq"), *(ROOT / "examples").rglob("*.hepq")])


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**9))
def test_random_programs_keep_meaning_and_comments(seed: int) -> None:
    text = Programs(Random(seed)).program()
    assert compare(text, format_source(text)) is None


def test_programs_drawn_from_the_grammar_keep_meaning() -> None:
    texts = from_grammar(60, seed=1)
    parsing = [text for text in texts if not _errors(text)]
    assert len(parsing) > len(texts) // 2
    for text in parsing:
        assert compare(text, format_source(text)) is None


def _errors(text: str) -> Sequence[object]:
    sink = Sink()
    parse(Source("t.hepq", text), sink)
    return sink.errors


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda p: p.name)
def test_our_own_programs(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert compare(text, format_source(text)) is None
    assert all(len(line) <= WIDTH for line in format_source(text).split("\n") if "#" not in line)


def test_the_library_was_found() -> None:
    assert len(PROGRAMS) > len(library_modules()) > 2


def test_what_compare_is_for() -> None:
    assert compare("dim a  # c\n", "dim a\n") == "comment lost by fmt"
    assert compare("dim a\n", "dim b\n") == "meaning changed by fmt"
    assert compare("dim a\n", "dim  a\n") == "fmt is not idempotent"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", ""),
        ("\n\n", ""),
        ("dim a dim b\n\n\n\ndim c", "dim a\ndim b\n\ndim c\n"),
        ("import a\ndim b", "import a\n\ndim b\n"),
        ("fn f(x)=x", "fn f(x) = x\n"),
        ("fn f(x)=((x))", "fn f(x) = x\n"),
        ("const x=(a+b)*c-(d-e)", "const x = (a + b) * c - (d - e)\n"),
        ("const x=(a*b)+(c^2)", "const x = a * b + c^2\n"),
        ("const x=(20GeV)^2", "const x = (20 GeV)^2\n"),
        ("const x=20GeV^2", "const x = 20 GeV^2\n"),
        ("const x=-(a^2)", "const x = -a^2\n"),
        ("const x=(-a)^2", "const x = (-a)^2\n"),
        ("const x=(a|>f)+b", "const x = (a |> f) + b\n"),
        ("const x=(a+b)|>f", "const x = a + b |> f\n"),
        ("const x=not(a and b)", "const x = not (a and b)\n"),
        ("const x=(a<b)==c", "const x = (a < b) == c\n"),
        ("const x=(if a then b else c)+1", "const x = (if a then b else c) + 1\n"),
        ("const x=f[ 1,k=2 ](a,b = c)", "const x = f[1, k=2](a, b=c)\n"),
        ("const x=(0)..(n+1)", "const x = 0..n + 1\n"),
        ("const x=[1,2,]", "const x = [1, 2]\n"),
        ("fn f(x:real[...,a]=1)->GeV^-1{return x}", "fn f(x: real[..., a] = 1) -> GeV^-1 {\n  return x\n}\n"),
        ("dataset D{order p by x asc}", "dataset D {\n  order p by x\n}\n"),
        ('dataset D{branch a="a",b="c":real}', 'dataset D {\n  branch a, b = "c": real\n}\n'),
        ("dataset D{}", "dataset D {}\n"),
        (
            "dataset D{object x<=4=Jet as a,b where a.pt>b.pt by x.pt desc,x.eta asc take  2}",
            "dataset D {\n  object x <= 4 = Jet as a, b where a.pt > b.pt by x.pt desc, x.eta take 2\n}\n",
        ),
        ("dataset D{select s=count(Jet)>=2 each Jet}", "dataset D {\n  select s = count(Jet) >= 2\n  each Jet\n}\n"),
        (
            'collection C of Jet="C_*"{pt,m="mass":GeV e=0GeV i:index of Muon by id}',
            'collection C of Jet = "C_*" {\n  pt, m = "mass": GeV\n  e = 0 GeV\n  i: index of Muon by id\n}\n',
        ),
        ("record MET{pt:GeV}", "record MET {\n  pt: GeV\n}\n"),
        ("@a\n@b(c)fn f()=1", "@a\n@b(c)\nfn f() = 1\n"),
        ("fn f(x){h(q)p(x)}", "fn f(x) {\n  h(q)\n  p(x)\n}\n"),
    ],
)
def test_canonical_form(text: str, wanted: str) -> None:
    assert format_source(text) == wanted


def test_long_lists_break_one_item_per_line() -> None:
    name = "a" * 30
    text = f"const x = f({name}, [{name}, {name}], k={name})"
    assert format_source(text) == (f"const x = f(\n  {name},\n  [{name}, {name}],\n  k={name},\n)\n")


def test_long_pipes_break_at_each_stage() -> None:
    stage = "Dense[" + "1" * 18 + "0](aaaaaaaaa)"
    assert format_source(f"fn f(x) = x |> {stage} |> {stage} |> {stage}") == (
        f"fn f(x) =\n  x\n    |> {stage}\n    |> {stage}\n    |> {stage}\n"
    )


def test_long_imports_fill_lines() -> None:
    names = [f"Name{i:02}" for i in range(30)]
    out = format_source(f"from std.nn import {', '.join(names)}")
    assert all(len(line) <= WIDTH for line in out.split("\n"))
    assert out.count("\n") == 3


COMMENTED = """\
# about the file

import a # trailing
fn f(  # opening
  x,   # of x
  # before y
  y   # of y
  # last
) { # body

  # first

  z = x +  # of x again
      y    # of y again
  w = [ # list
  ]
  u = x
    |> g  # of g
    # before h
    |> h
  for i in z { # loop
  }
  # end of body
} # after
# end of file
"""

CANONICAL = """\
# about the file

import a  # trailing

fn f(  # opening
  x,  # of x
  # before y
  y,  # of y
  # last
) {  # body
  # first

  z = x  # of x again
    + y  # of y again
  w = [  # list
  ]
  u = x
    |> g  # of g
    # before h
    |> h
  for i in z {  # loop
  }
  # end of body
}  # after
# end of file
"""


def test_comments_stay_where_they_belong() -> None:
    assert format_source(COMMENTED) == CANONICAL
    assert format_source(CANONICAL) == CANONICAL


def test_a_comment_with_no_line_of_its_own_moves_before_the_statement() -> None:
    assert format_source("const x = # why\n  1") == "# why\nconst x = 1\n"


def test_windows_line_ends_become_ours() -> None:
    assert format_source("dim a\r\n# c\r\ndim b\r\n") == "dim a\n# c\ndim b\n"


def test_syntax_errors_are_raised_with_their_diagnostics() -> None:
    with pytest.raises(HepqError) as caught:
        format_source("dim a =\nfn f(x) = x +", "a.hepq")
    assert [d.code for d in caught.value.diagnostics] == ["HQ0028", "HQ0028"]
    assert "a.hepq:1:7" in str(caught.value)


def test_a_program_with_a_warning_is_formatted() -> None:
    assert format_source("fn f(x) {\n y = x\n (z)\n return y }") == "fn f(x) {\n  y = x(z)\n  return y\n}\n"


def test_layout_breaks_the_outer_group_first() -> None:
    inner = group("(", nest(SOFT, "bbbb", ",", SPACE, "cccc", Comma()), SOFT, ")")
    docs = [group("f(", nest(SOFT, "aaaa", ",", SPACE, inner, Comma()), SOFT, ")")]
    assert layout.layout(docs, 30) == "f(aaaa, (bbbb, cccc))"
    assert layout.layout(docs, 20) == "f(\n  aaaa,\n  (bbbb, cccc),\n)"
    assert layout.layout(docs, 10) == "f(\n  aaaa,\n  (\n    bbbb,\n    cccc,\n  ),\n)"


SHORT, TALL, IMPORT = "dim a = 1\n", "fn f(x) {\n  return x\n}\n", "from std.nn import Dense\n"


@pytest.mark.parametrize(
    ("above", "below", "blank"),
    [(SHORT, SHORT, False), (SHORT, TALL, True), (TALL, SHORT, True), (TALL, TALL, True), (IMPORT, SHORT, True),
     (SHORT, IMPORT, True), (IMPORT, IMPORT, False), (IMPORT, TALL, True)],
)  # fmt: skip
@pytest.mark.parametrize("comment", ["", "# about it\n", "# one\n# two\n"])
def test_blank_lines_between_declarations(above: str, below: str, blank: bool, comment: str) -> None:
    below = below.replace("f(", "g(").replace("dim a", "dim b").replace("Dense", "MLP")
    gap = "\n" if blank else ""
    assert format_source(above + comment + below) == above + gap + comment + below
    assert format_source(above + "\n" + comment + below) == above + "\n" + comment + below
    assert format_source(above + "\n\n\n" + comment + below) == above + "\n" + comment + below
    if comment.count("\n") == 2:  # a blank line between comments is kept, and is enough
        split = comment.replace("\n", "\n\n", 1)
        assert format_source(above + split + below) == above + split + below
