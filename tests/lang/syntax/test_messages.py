# SPDX-License-Identifier: Apache-2.0
"""Each hand-written syntax message fires, at the right place, once."""

from __future__ import annotations

import pytest

from hepq.core.diagnostics.catalogue import entries
from hepq.core.diagnostics.diagnostic import Diagnostic, Sink
from hepq.core.source import Source
from hepq.lang.syntax.parser import parse

#: code, program, underlined text
MISTAKES = [
    ("HQ0001", 'checkpoint w for X { "a" = "b" }', "="),
    ("HQ0001", "circuit C(x) { h(q) }", "{"),
    ("HQ0001", 'dataset D { label y = "l" }', "="),
    ("HQ0001", "fn f(x) -> = 3", "="),
    ("HQ0001", "fn f(x) { for i = 0..3 { } }", "="),
    ("HQ0001", "fn f(x) = f(x, y=)", ")"),
    ("HQ0001", "{", "{"),
    ("HQ0001", "3", "3"),
    ("HQ0001", "fn f(x) = x + * 2", "*"),
    ("HQ0001", "fn f(x) = where(x == , 1, 2)", ","),
    ("HQ0001", "fn f(x) = x.2", "2"),
    ("HQ0001", "fn f(x) = x[]", "]"),
    ("HQ0001", "dataset D { foo }", "}"),
    ("HQ0001", "dataset D { branch x }", "}"),
    ("HQ0001", "circuit C(x) on { h(q) }", "{"),
    ("HQ0001", "fn f(x) { return }", "}"),
    ("HQ0001", "dataset D { object x = Jet by Jet.pt where Jet.pt > 3 GeV }", "where"),
    ("HQ0001", "dataset D { object x = Jet take 3 where Jet.pt > 3 GeV }", "where"),
    ("HQ0001", "dataset D { object x = Jet take 3 by Jet.pt }", "by"),
    ("HQ0001", "dataset D { object x: Jet = 3 }", ":"),
    ("HQ0001", "dataset D { object x = Jet as }", "}"),
    ("HQ0001", "collection Jet = Jet { pt: GeV }", "Jet"),
    ("HQ0001", 'collection Jet = "Jet_*" { pt }', "}"),
    ("HQ0001", "analysis A {\nvary jes { Jet.pt = 2 } }", "."),
    ("HQ0001", "analysis A {\nselect x = y }", "select"),
    ("HQ0001", "analysis A {\nhisto x = y in bins(2, 0, 1) }", "histo"),
    ("HQ0014", "dataset D {\nselect count(Jet) > 3 }", "("),
    ("HQ0014", "dataset D {\nobject x Jet }", "Jet"),
    ("HQ0014", "dataset D {\nobject x = Jet take\ninput y = 3 }", "input"),
    ("HQ0022", "collection { pt: GeV }", "collection"),
    ("HQ0022", 'record = "MET_*" { pt: GeV }', "record"),
    ("HQ0020", "object x = Jet", "object"),
    ("HQ0041", "fn f(x) { object y = x }", "object"),
    ("HQ0041", "fn f(x) { select y = x }", "select"),
    ("HQ0041", "fn f(x) { each y }", "each"),
    ("HQ0007", "fn f(x) = x $ 2", "$"),
    ("HQ0007", "fn f(x) = x ‐ 2", "‐"),
    ("HQ0007", "fn f(x) = é", "é"),
    ("HQ0008", 'fn f(x) = "abc', '"abc'),
    ("HQ0009", "fn f(x) {", "{"),
    ("HQ0009", "fn f(x) { y = g(a, b\nz = 3\nreturn z }", "("),
    ("HQ0009", "fn f(x) = g(x, [1, 2", "["),
    ("HQ0009", "fn f(x) = (", "("),
    ("HQ0010", "fn f(x) = x )", ")"),
    ("HQ0010", "fn f(x) = x }", "}"),
    ("HQ0010", "]", "]"),
    ("HQ0011", "fn f(x) = g(x]", "]"),
    ("HQ0013", "def f(x) = 2", "def"),
    ("HQ0013", "class Net { }", "class"),
    ("HQ0013", "fn f(x) { let y = x  return y }", "let"),
    ("HQ0013", "let y = 2", "let"),
    ("HQ0013", "fn f(x) { while x { } }", "while"),
    ("HQ0014", "const R 3", "3"),
    ("HQ0014", "fn f(x) { y 3 }", "3"),
    ("HQ0015", "fn f(x) { y == 3 }", "=="),
    ("HQ0016", "fn f(x) = if a = b then c else d", "="),
    ("HQ0017", "fn f(x) = x ** 2", "**"),
    ("HQ0018", "fn f(x) { y = 20 gev  z = y }", "gev"),
    ("HQ0018", "fn f(x) = g(20 gev)", "gev"),
    ("HQ0018", "fn f(x) { y = x > 3 parsec\nreturn y }", "parsec"),
    ("HQ0019", "import a.{b, c}", "{"),
    ("HQ0019", "from a import *", "*"),
    ("HQ0019", "import a, b", ","),
    ("HQ0019", 'import "a.hepq"', '"a.hepq"'),
    ("HQ0019", "from a import (b, c)", "("),
    ("HQ0020", "return 3", "return"),
    ("HQ0020", "param w: real", "param"),
    ("HQ0020", "x = 3", "x"),
    ("HQ0020", "x: real = 3", "x"),
    ("HQ0020", "f(3)", "f"),
    ("HQ0020", "modle M(x) = x", "modle"),
    ("HQ0022", "fn (x) = 2", "fn"),
    ("HQ0022", "dim <= 3", "dim"),
    ("HQ0023", "fn for(x) = 2", "for"),
    ("HQ0023", "dim or = 3", "or"),
    ("HQ0023", "fn f(if) = 2", "if"),
    ("HQ0024", "fn f(x) = x // c", "//"),
    ("HQ0024", "// comment", "//"),
    ("HQ0024", "/* comment */", "/*"),
    ("HQ0025", "fn f(x) = g('abc')", "'"),
    ("HQ0026", "fn f(x) { y = x; return y }", ";"),
    ("HQ0027", "fn f(x) { x += 1 return x }", "+="),
    ("HQ0028", "const R =", "="),
    ("HQ0028", "fn f(x) = ", "="),
    ("HQ0028", "fn f(x) = x |>", "|>"),
    ("HQ0028", "fn f(x) = if a then b", "b"),
    ("HQ0028", "dim a = ", "="),
    ("HQ0029", "fn f(x) = a && b", "&&"),
    ("HQ0029", "fn f(x) = a || b", "||"),
    ("HQ0029", "fn f(x) = !a", "!"),
    ("HQ0029", "fn f(x) { y := 3 }", ":="),
    ("HQ0029", "fn f(x) => 3", "=>"),
    ("HQ0031", "block B(x) { param w ~ zeros() }", "w"),
    ("HQ0031", "block B(x) { buffer w = 3 }", "w"),
    ("HQ0032", "fn f(x) = g(a b)", "b"),
    ("HQ0032", "fn f(x) = [1 2]", "2"),
    ("HQ0032", "fn f(x y) = 2", "y"),
    ("HQ0033", "fn f(x): return 3", ":"),
    ("HQ0033", "fn f(x) { for i in x: y = 3 }", ":"),
    ("HQ0034", "fn f(x) { if x { y = 2 } }", "if"),
    ("HQ0034", "fn f(x) { if x then y = 2 }", "if"),
    ("HQ0034", "fn f(x) = if x { 2 } else { 3 }", "if"),
    ("HQ0035", "fn f(x) = a < b < c", "<"),
    ("HQ0036", "fn f(x) = x |> g + 2", "+"),
    ("HQ0036", "fn f(x) = x |> g * 2", "*"),
    ("HQ0037", "fn f(x)", ")"),
    ("HQ0037", "fn f(x) x + 1", ")"),
    ("HQ0037", "fn f(x) -> real return x", "real"),
    ("HQ0038", "fn f(x) = 2x", "2x"),
    ("HQ0038", "fn f(x) = .5 * x", ".5"),
    ("HQ0038", "fn f(x) = 1. * x", "1."),
    ("HQ0039", "fn f(x) { x |> g }", "x"),
    ("HQ0039", "fn f(x) { x }", "x"),
    ("HQ0039", "fn f(x) { 3 }", "3"),
    ("HQ0039", "fn f(x) { x + 1 }", "x"),
    ("HQ0039", "fn f(x) { param }", "param"),
    ("HQ0040", "fn f(x) { x[0] = 3 }", "x[0]"),
    ("HQ0040", "fn f(x) { x.y = 3 }", "x.y"),
    ("HQ0041", "dataset D { return 3 }", "return"),
    ("HQ0041", "dataset D { for i in x { } }", "for"),
    ("HQ0041", "model f(x) { input y = 3 }", "input"),
    ("HQ0041", "dataset D { param w: real }", "param"),
]

#: reported by other means: reading files, brackets at a line's beginning, depth, range of numbers, limits
ELSEWHERE = {f"HQ00{n:02}" for n in (2, 3, 4, 5, 6, 12, 21, 30, 42, 43, 44, 45)}


def problems(text: str) -> list[Diagnostic]:
    sink = Sink()
    parse(Source("t.hepq", text), sink)
    return sink.items


@pytest.mark.parametrize(("code", "text", "place"), MISTAKES)
def test_the_message_names_the_mistake(code: str, text: str, place: str) -> None:
    (found,) = problems(text)
    assert (found.code, found.labels[0].span.text) == (code, place)


@pytest.mark.parametrize(("code", "text", "place"), MISTAKES)
def test_a_good_declaration_below_survives(code: str, text: str, place: str) -> None:
    sink = Sink()
    file = parse(Source("t.hepq", text + "\nfn after(x) = x\n"), sink)
    assert [getattr(d, "name", None) for d in file.decls] == ["after"]
    assert len(sink.items) == 1


def test_every_syntax_code_is_shown_above_or_elsewhere() -> None:
    syntax = {code for code in entries() if code.startswith("HQ00")}
    assert syntax == {code for code, _, _ in MISTAKES} | ELSEWHERE


@pytest.mark.parametrize(
    ("text", "help"),
    [
        ("fn f(x) = x > 20 gev", "did you mean `GeV`?"),
        ("analysis A { region r {\nfilter x = y } }", "in an analysis it is `cut NAME = …`"),
        (
            "analysis A { hist h = x in (2, 0, 1) }",
            "bins stand behind `in`: `hist NAME = … in bins(20, 0 GeV, 100 GeV)`",
        ),
        (
            "analysis A {\nvary jes up { Jet.pt = 2 } }",
            "a variation has directions in braces: `vary NAME { up { … } down { … } }`",
        ),
        ("modle M(x) = x", "did you mean `model`?"),
        ("fn f(x) { for i = 0..3 { } }", "expected `in`"),
        ("circuit C(x) { h(q) }", "expected `on`"),
        ("fn f(x) = x + * 2", "expected an expression"),
        ("fn f(x) = if a then b", "expected `else`"),
        ("dataset D { label y = 2 }", "expected `:`"),
        ("fn f(x) { x += 2 }", "write the operation out: `x = x + …`"),
        ("fn f(x) = a && b", "write `and`"),
    ],
)
def test_the_help_says_what_to_write(text: str, help: str) -> None:
    (found,) = problems(text)
    assert found.help == help
