# SPDX-License-Identifier: Apache-2.0
"""The parser: trees, spans, comments, recovery, safety on hostile text."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lark import Lark

from benchmarks.robustness.programs import Programs
from hepq.core.diagnostics.diagnostic import Diagnostic, Sink
from hepq.core.source import Source, Span
from hepq.core.types import UNITS
from hepq.lang.syntax import ast, parser
from hepq.lang.syntax.parser import parse
from hepq.lang.syntax.reading import MAX_BYTES, MAX_NESTING, read_source


def parsed(text: str) -> ast.File:
    sink = Sink()
    file = parse(Source("t.hepq", text), sink)
    assert not sink.errors, sink.errors[0]
    return file


def problems(text: str) -> list[Diagnostic]:
    sink = Sink()
    parse(Source("t.hepq", text), sink)
    return sink.items


def expression(text: str) -> ast.Expr:
    (decl,) = parsed(f"const c = {text}").decls
    assert isinstance(decl, ast.ConstDecl)
    return decl.value


def shape(e: ast.Expr) -> str:
    """An expression with every grouping written out."""
    match e:
        case ast.Binary(op=op, left=a, right=b):
            return f"({shape(a)} {op} {shape(b)})"
        case ast.Pipe(value=a, fn=b):
            return f"({shape(a)} |> {shape(b)})"
        case ast.Range(lo=a, hi=b):
            return f"({shape(a)} .. {shape(b)})"
        case ast.Unary(op=op, operand=a):
            return f"({op} {shape(a)})"
        case ast.If(cond=c, then=a, orelse=b):
            return f"(if {shape(c)} {shape(a)} {shape(b)})"
    return e.span.text


@pytest.mark.parametrize(
    ("text", "grouped"),
    [
        ("a + b * c", "(a + (b * c))"),
        ("a - b - c", "((a - b) - c)"),
        ("-x^2", "(- (x ^ 2))"),
        ("2^-1^x", "(2 ^ (- (1 ^ x)))"),
        ("a + b |> f", "((a + b) |> f)"),
        ("a |> f |> g", "((a |> f) |> g)"),
        ("a |> f < b", "((a |> f) < b)"),
        ("0..n + 1", "(0 .. (n + 1))"),
        ("not a and b or c", "(((not a) and b) or c)"),
        ("not a == b", "(not (a == b))"),
        ("if a then b else c + 1", "(if a b (c + 1))"),
        ("if a then b else if c then d else e", "(if a b (if c d e))"),
        ("(a + b) * c", "((a + b) * c)"),
        ("-a * b", "((- a) * b)"),
        ("20 GeV ^ 2", "(20 GeV ^ 2)"),
    ],
)
def test_precedence(text: str, grouped: str) -> None:
    assert shape(expression(text)) == grouped


def test_numbers_and_quantities() -> None:
    assert expression("1.5e3") == ast.Float(1500.0, span=expression("1").span)
    quantity = expression("1.2 mm^-2")
    assert (quantity.value, quantity.unit, quantity.power) == (1.2, "mm", -2)  # type: ignore[union-attr]


def test_every_unit_is_known_to_the_lexer() -> None:
    for unit in UNITS:
        assert isinstance(expression(f"3 {unit}"), ast.Quantity), unit


def test_a_type_has_named_dims_rest_power_and_expressions() -> None:
    (decl,) = parsed("fn f(x: GeV^2[part, part'], y: real[..., 4 * chan], z: GeV^-1, w: real[...]) = x").decls
    assert isinstance(decl, ast.FnDecl)
    x, y, z, w = (p.type for p in decl.params)
    assert x is not None
    assert (x.name, x.power, x.rest) == ("GeV", 2, False)
    assert [d.id for d in x.dims if isinstance(d, ast.Name)] == ["part", "part'"]
    assert y is not None
    assert y.rest
    assert isinstance(y.dims[0], ast.Binary)
    assert z is not None
    assert z.power == -1
    assert w is not None
    assert w.rest
    assert w.dims == ()


PROGRAM = """\
import a.b as c
from std.nn import Dense, BatchNorm
dim part <= 128    dim xy = 2    dim feat, chan    dim cls = [QCD, Hbb]
const R: real = 0.8
@invariant(permute(part))
block Dense[out: dim, bias: bool = true](x: real[..., in]) -> real[..., out] {
  param weight: real[out, in] ~ xavier_uniform()
  buffer running: real[in] ~ constant(0)
  dim head = heads
  a, b: T = e
  for i, j in pairs { y = i }
  return e
  std.cx[2](q[0], q[1])
}
model M(pos: real[part, xy]) -> real[cls] = pos
circuit Z(x: real[wire]) on q: qubit[wire] { h(q[i])  p(2 * x[i], q[i]) }
dataset D {
  source jets = root("jets/*.root", tree = "tree")
  branch charge = "Muon.charge", pt: real[part]
  order part by pt desc
  order part by pt
  policy nan = drop
  p = p4(px = px)
  input x: real[part, feat] = stack(a, b)
  label y: cls = "label_*"
}
checkpoint weaver for M { "mod.{s}" -> "norm.{s}" }
"""


def test_every_kind_of_declaration_and_item() -> None:
    file = parsed(PROGRAM)
    imported, names, *dims = file.decls[:6]
    assert isinstance(imported, ast.Import)
    assert (imported.path, imported.alias) == (("a", "b"), "c")
    assert isinstance(names, ast.FromImport)
    assert names.names == ("Dense", "BatchNorm")
    assert [(d.names, d.op) for d in dims if isinstance(d, ast.DimDecl)] == [
        (("part",), "<="), (("xy",), "="), (("feat", "chan"), None), (("cls",), "="),
    ]  # fmt: skip
    block = file.decls[7]
    assert isinstance(block, ast.FnDecl)
    assert (block.kind, block.name, [a.name for a in block.attrs]) == ("block", "Dense", ["invariant"])
    assert isinstance(block.body, tuple)
    kinds = [type(s) for s in block.body]
    assert kinds == [ast.ParamDecl, ast.ParamDecl, ast.LocalDim, ast.Bind, ast.For, ast.Return, ast.Do]
    assert [s.buffer for s in block.body if isinstance(s, ast.ParamDecl)] == [False, True]
    circuit, dataset, checkpoint = file.decls[9:]
    assert isinstance(circuit, ast.CircuitDecl)
    assert len(circuit.body) == 2
    assert isinstance(dataset, ast.DatasetDecl)
    branch, descending, ascending = dataset.items[1:4]
    assert isinstance(branch, ast.BranchItem)
    assert branch.branches == (("charge", "Muon.charge"), ("pt", "pt"))
    assert isinstance(descending, ast.OrderItem)
    assert isinstance(ascending, ast.OrderItem)
    assert (descending.descending, ascending.descending) == (True, False)
    assert checkpoint == ast.CheckpointDecl(
        "weaver", "M", (ast.MapEntry("mod.{s}", "norm.{s}", span=file.span),), span=file.span
    )


def test_item_words_are_ordinary_names_elsewhere() -> None:
    items = "source branch order policy input label param buffer asc desc by on in as"
    items += " object select each where take of collection record"
    items += " analysis region correction cut weight vary hist per save extends fit rate"
    for word in f"{items} dim fn block model dataset circuit import const".split():
        parsed(f"fn f({word}: real) {{ y = {word} + y.{word}(a={word})\n {word}, z = 1\n {word}(y) return {word} }}")
        parsed(f"dataset D {{ y = {word}\n {word} = 2\n order part by x\n {word} = 3 }}")


def nodes(value: object) -> Iterator[ast.Node]:
    if isinstance(value, ast.Node):
        yield value
        for field in dataclasses.fields(value):
            yield from nodes(getattr(value, field.name))
    elif isinstance(value, tuple):
        for item in value:
            yield from nodes(item)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9))
def test_spans_nest_and_cover_what_they_name(seed: int) -> None:
    text = Programs(Random(seed)).program()
    file = parsed(text)
    for node in nodes(file.decls):
        assert 0 <= node.span.start < node.span.end <= len(text)
        assert not node.span.text[0].isspace()
        assert not node.span.text[-1].isspace()
        for child in (getattr(node, f.name) for f in dataclasses.fields(node) if f.name != "span"):
            for c in child if isinstance(child, tuple) else (child,):
                if isinstance(c, ast.Node):
                    assert node.span.start <= c.span.start <= c.span.end <= node.span.end
        if isinstance(node, ast.Name):
            assert node.span.text == node.id


def test_comments_keep_text_place_and_line() -> None:
    file = parsed('# one\nconst a = "# not one"  # two  \n')
    assert [(c.text, c.own_line, c.span.text) for c in file.comments] == [
        ("# one", True, "# one"), ("# two", False, "# two  "),
    ]  # fmt: skip


def test_one_run_reports_every_bad_declaration_and_keeps_the_good_ones() -> None:
    text = "fn a(x) = x +\nfn b(x) = x\n@attr\nblock c(x) {\n  return (x\n}\n"
    text += "dim d, e =\nmodel f(x) = x\nfrom m import {g}\n"
    sink = Sink()
    file = parse(Source("t.hepq", text), sink)
    assert [d.name for d in file.decls if isinstance(d, ast.FnDecl)] == ["b", "f"]
    assert [d.labels[0].span.source.line_col(d.labels[0].span.start)[0] for d in sink.items] == [1, 6, 7, 9]
    assert file.lost >= {"a", "c", "d", "e"}


def test_a_missing_brace_costs_one_declaration() -> None:
    sink = Sink()
    file = parse(Source("t.hepq", "fn a(x) {\n  y = x\n\nfn b(x) = x\n"), sink)
    assert [d.code for d in sink.items] == ["HQ0009"]
    assert file.lost == {"a"}
    assert len(file.decls) == 1


def test_spans_after_recovery_are_those_of_the_file() -> None:
    sink = Sink()
    file = parse(Source("t.hepq", "fn a( = 1\n\nfn b(x) = yy\n"), sink)
    body = file.decls[0].body  # type: ignore[attr-defined]
    assert isinstance(body, ast.Name)
    assert str(body.span) == "t.hepq:3:11"


@pytest.mark.parametrize("text", ["y = x\n  (h(y))", "y = x\n[0]"])
def test_a_bracket_that_continues_a_line_is_warned_about(text: str) -> None:
    (warning,) = problems(f"fn f(x) {{ {text}\n return y }}")
    assert (warning.code, warning.severity) == ("HQ0012", "warning")


def test_brackets_within_a_line_are_not_warned_about() -> None:
    assert not problems("fn f(x) {\n  y = x(\n    [1,\n    (2)]\n  )[0]\n  return y\n}")


@pytest.mark.parametrize("n", [MAX_NESTING + 1, 5000])
@pytest.mark.parametrize(
    ("left", "right"),
    [("(", ")"), ("[", "]"), ("f(", ")"), ("-", ""), ("x + ", ""), ("", ".y"), ("if a then b else ", ""), ("2 ^ ", "")],
)
def test_too_deep_nesting_is_one_error(left: str, right: str, n: int) -> None:
    text = f"fn f(x) = {left * n}x{right * n}\n"
    assert [d.code for d in problems(text)] == ["HQ0006"]


def test_nesting_below_the_limit_is_fine() -> None:
    n = MAX_NESTING // 2
    assert not problems(f"fn f(x) = {'(' * n}x{')' * n}")


@pytest.mark.parametrize("number", ["9" * 5000, "9223372036854775808", "1e999", "1e999 GeV", "-" + "9" * 30])
def test_numbers_out_of_range(number: str) -> None:
    assert [d.code for d in problems(f"const x = {number}")] == ["HQ0021"]


def test_the_largest_number_is_in_range() -> None:
    assert expression("9223372036854775807") == ast.Int(2**63 - 1, span=parsed("").span)


@pytest.mark.parametrize(
    "text", ["", " \n\t", "# only a comment", "\0", "\ufeff", "}" * 500, '"' * 501, "@" * 500, "fn " * 500, "\x1b[31m"]
)
def test_no_text_raises(text: str) -> None:
    parse(Source("t.hepq", text), Sink())


@settings(max_examples=150, deadline=None)
@given(st.text() | st.binary().map(lambda b: b.decode("latin-1")))
def test_no_random_text_raises(text: str) -> None:
    parse(Source("t.hepq", text), Sink())


def test_time_grows_linearly_with_many_errors() -> None:
    def seconds(n: int) -> float:
        start = time.perf_counter()
        problems("fn f(x) = x +\n" * n)
        return time.perf_counter() - start

    seconds(10)
    assert seconds(1600) < 16 * max(seconds(200), 0.01)


# --- reading files


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"\x89PNG\r\n\xff", "HQ0004"), (b"dim a = \xe9", "HQ0004"), (b"x" * (MAX_BYTES + 1), "HQ0005")],
)
def test_unreadable_contents(tmp_path: Path, data: bytes, code: str) -> None:
    (tmp_path / "a.hepq").write_bytes(data)
    sink = Sink()
    assert read_source(tmp_path / "a.hepq", sink) is None
    assert [d.code for d in sink.items] == [code]


def test_unreadable_paths(tmp_path: Path) -> None:
    for path, code in ((tmp_path, "HQ0003"), (tmp_path / "none.hepq", "HQ0002"), (Path("a\0b"), "HQ0030")):
        sink = Sink()
        assert read_source(path, sink) is None
        assert [d.code for d in sink.items] == [code]


def test_windows_line_ends_and_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "a.hepq").write_bytes(b"\xef\xbb\xbfdim a = 1\r\ndim b\r\n")
    source = read_source(tmp_path / "a.hepq", Sink())
    assert source is not None
    assert source.text == "dim a = 1\ndim b\n"


# --- the grammar's cache


@pytest.fixture
def fresh_grammar() -> Iterator[None]:
    parser.grammar.cache_clear()
    yield
    parser.grammar.cache_clear()


@pytest.mark.usefixtures("fresh_grammar")
@pytest.mark.parametrize("damage", [b"", b"garbage", None])
def test_a_damaged_cache_is_rebuilt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes | None) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    parsed("dim a")
    (cached,) = (tmp_path / "hepq").iterdir()
    whole = cached.read_bytes()
    cached.write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    parser.grammar.cache_clear()
    parsed("dim a")


@pytest.mark.usefixtures("fresh_grammar")
def test_an_unwritable_cache_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    parsed("dim a")


def test_the_grammar_is_strictly_lalr() -> None:
    text = (Path(__file__).parents[3] / "grammar" / "hepq.lark").read_text(encoding="utf-8")
    assert Lark(text, parser="lalr", strict=True).terminals


def test_a_span_prints_its_place() -> None:
    assert str(Span(Source("a.hepq", "x\ny"), 2, 3)) == "a.hepq:2:1"


def test_values_in_parentheses_may_have_names() -> None:
    both = expression("(a=1, b=2)")
    assert isinstance(both, ast.NamedExpr)
    assert [i.name for i in both.items] == ["a", "b"]
    assert isinstance(expression("(a=1)"), ast.NamedExpr)
    assert expression("(a=1,)") == expression("(a=1)")
    mixed = expression("(1, b=2)")
    assert isinstance(mixed, ast.NamedExpr)
    assert [i.name for i in mixed.items] == [None, "b"]
    assert isinstance(expression("(1, 2,)"), ast.TupleExpr)
    assert isinstance(expression("(1)"), ast.Int)
