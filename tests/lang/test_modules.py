# SPDX-License-Identifier: Apache-2.0
"""Modules: where names come from, and what is said when they come from nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from hepq.core.diagnostics.diagnostic import Sink
from hepq.core.source import Source, Span
from hepq.lang.modules import MAIN, Program, library_modules, load, name_span
from hepq.lang.syntax import ast


def loaded(folder: Path, search: tuple[Path, ...] = (), **modules: str) -> tuple[Program, list[str]]:
    """The program whose main file is ``main``; every diagnostic as ``line:column code``."""
    for name, text in modules.items():
        path = folder.joinpath(*name.split("__")).with_suffix(".hepq")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    sink = Sink()
    program = load(folder / "main.hepq", None, sink, search)
    places = [d.labels[0].span for d in sink.items]
    return program, [
        "{}:{} {}".format(*s.source.line_col(s.start), d.code) for s, d in zip(places, sink.items, strict=True)
    ]


def test_imported_names_lead_to_their_declarations(tmp_path: Path) -> None:
    program, said = loaded(
        tmp_path,
        main="from a import f\nimport sub.b as b\nimport sub.c\ndim d\nfn g(x) = f(x)\n",
        a="fn f(x) = x\n",
        sub__b="from c import h\n",
        sub__c="fn h(x) = x\n",
    )
    assert said == []
    scope = program.main.scope
    assert (scope["f"].module, scope["f"].entry) == ("a", "f")
    assert isinstance(scope["f"].decl, ast.FnDecl)
    assert (scope["b"].module, scope["g"].module, scope["d"].module) == ("sub.b", MAIN, MAIN)
    assert isinstance(scope["b"].decl, ast.Import)
    assert program.modules["sub.b"].scope["h"].decl is program.modules["c"].scope["h"].decl
    assert scope["c"].module == "c", "one file is one module, whoever imports it"


def test_a_name_passes_through_several_modules(tmp_path: Path) -> None:
    program, said = loaded(tmp_path, main="from a import f", a="from b import f", b="fn f(x) = x")
    assert said == []
    assert program.main.scope["f"].module == "b"


def test_text_without_a_file() -> None:
    sink = Sink()
    program = load(None, "from std.nn import Dense\nfrom other import x", sink)
    assert [d.code for d in sink.items] == ["HQ0105"]
    assert program.main.scope["Dense"].module == "std.nn"
    assert program.main.file.lost == {"x"}


def test_search_folders_come_after_the_own_folder(tmp_path: Path) -> None:
    for folder in ("here", "lib"):
        (tmp_path / folder).mkdir()
    (tmp_path / "lib" / "a.hepq").write_text("fn f(x) = x")
    (tmp_path / "lib" / "b.hepq").write_text("fn wrong(x) = x")
    text = "from a import f\nfrom b import g"
    program, said = loaded(tmp_path / "here", (tmp_path / "lib",), main=text, b="fn g(x) = x")
    assert said == []
    assert {"f", "g"} <= set(program.main.scope)


def test_the_prelude_is_below_explicit_names_and_not_in_the_library(tmp_path: Path) -> None:
    program, said = loaded(tmp_path, main="fn relu(x) = x")
    assert said == []
    assert program.main.scope["relu"].module == MAIN
    assert program.main.scope["softmax"].module == "std.nn"
    assert "pt" not in program.modules["std.nn"].scope


@pytest.mark.parametrize("name", library_modules())
def test_the_library_loads_without_a_word(name: str) -> None:
    sink = Sink()
    load(None, f"import {name} as m", sink)
    assert sink.items == []


@pytest.mark.parametrize(
    ("main", "said"),
    [
        ("dim a\nfn a(x) = x", ["2:4 HQ0102"]),
        ("dim a, b, a", ["1:5 HQ0102"]),
        ("fn Dense(x) = x\nfrom std.nn import Dense", ["2:20 HQ0102"]),
        ("from std.nn import Dense\nfrom std.nn import Dense", []),
        ("import std.nn as a\nimport std.hep as a", ["2:19 HQ0102"]),
        ("from std.nn import Dnse", ["1:20 HQ0106"]),
        ("from std.nnn import x", ["1:6 HQ0105"]),
        ("from none import x, y\nfn f(v) = x", ["1:6 HQ0105"]),
        (f"import {'x' * 5000}", ["1:8 HQ0105"]),
        ("fn f(x, x) = x", ["1:9 HQ0108"]),
        ("block f[x: int](x: real) = x", ["1:17 HQ0108"]),
        ("circuit c(q) on q: qubit[2] { h(q) }", ["1:17 HQ0108"]),
        ("checkpoint a for f { }\ncheckpoint a for g { }", []),
    ],
)
def test_clashes_and_missing_things(tmp_path: Path, main: str, said: list[str]) -> None:
    assert loaded(tmp_path, main=main)[1] == said


def test_suggestions(tmp_path: Path) -> None:
    (tmp_path / "taggers.hepq").write_text("fn f(x) = x")
    sink = Sink()
    load(tmp_path / "m.hepq", "from tagers import f\nfrom std.nn import dense\nfrom std.nm import x", sink)
    wanted = ["did you mean `taggers`?", "did you mean `Dense`?", "did you mean `std.nn`?"]
    assert [d.help for d in sink.items] == wanted


@pytest.mark.parametrize(
    ("modules", "cycle"),
    [
        ({"main": "import a", "a": "import a"}, "a → a"),
        ({"main": "import a", "a": "import b", "b": "from a import x"}, "a → b → a"),
        ({"main": "from a import f", "a": "from main import g"}, "main → a → main"),
    ],
)
def test_circular_imports(tmp_path: Path, modules: dict[str, str], cycle: str) -> None:
    for name, text in modules.items():
        (tmp_path / f"{name}.hepq").write_text(text)
    sink = Sink()
    load(tmp_path / "main.hepq", None, sink)
    circular = [d for d in sink.items if d.code == "HQ0107"]
    assert [cycle in d.title for d in circular] == [True]


def test_a_broken_module_is_reported_once_where_it_is_broken(tmp_path: Path) -> None:
    program, said = loaded(tmp_path, main="from a import f, g\n", a="fn f(x) = x +\nfn g(x) = x\n")
    assert said == ["1:13 HQ0028"]
    assert program.main.file.lost == {"f"}
    assert "g" in program.main.scope


def test_a_module_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.hepq").write_bytes(b"\xff\xfe")
    (tmp_path / "main.hepq").write_text("from a import f")
    sink = Sink()
    program = load(tmp_path / "main.hepq", None, sink)
    assert [d.code for d in sink.items] == ["HQ0004"]
    assert program.main.file.lost == {"f"}


def test_a_main_file_that_cannot_be_read(tmp_path: Path) -> None:
    sink = Sink()
    program = load(tmp_path / "none.hepq", None, sink)
    assert [d.code for d in sink.items] == ["HQ0002"]
    assert program.main.file.decls == ()


def test_name_span_finds_whole_words() -> None:
    source = Source("a", "fn xx(x', x) = x")
    assert name_span(Span(source, 0, 16), "x").start == 10
    assert name_span(Span(source, 0, 16), "absent") == Span(source, 0, 16)


@pytest.mark.parametrize(("count", "more"), [(1, ""), (12, ""), (13, ", …")])
def test_what_a_module_has_is_listed_up_to_twelve(tmp_path: Path, count: int, more: str) -> None:
    names = [f"f{i}" for i in range(count)]
    (tmp_path / "a.hepq").write_text("".join(f"fn {name}(x) = x\n" for name in names))
    (tmp_path / "main.hepq").write_text("from a import something")
    sink = Sink()
    load(tmp_path / "main.hepq", None, sink)
    assert [d.help for d in sink.items] == [f"it has {', '.join(names[:12])}{more}"]


def test_an_imported_dataset_has_the_names_of_its_own_module(tmp_path: Path) -> None:
    from hepq.compiler.ir.build import build

    program, said = loaded(
        tmp_path,
        main="from a import Events\nfn twice(x: real) -> real = 0 * x\nmodel M(y: real) -> real = y\n",
        a='fn twice(x: real) -> real = 2 * x\ndataset Events {\n  source e = root("a.root")\n  branch x: real\n'
        "  input y = twice(x)\n}\n",
    )
    assert said == []
    (output,) = build(program, Sink()).module.outputs.values()
    assert output.op == "mul"
    assert {o["value"] for o in output.operands if o.op == "const"} == {2.0}


def test_a_model_that_is_only_imported_has_the_names_of_its_own_module(tmp_path: Path) -> None:
    from hepq.compiler.ir.build import build

    program, said = loaded(
        tmp_path,
        main="from a import M\n",
        a="dim xy = 2\nconst FACTOR = 3\nfn scaled(x: real[xy]) -> real[xy] = FACTOR * x\n"
        "model M(x: real[xy]) -> real[xy] = scaled(x)\n",
    )
    assert said == []
    (output,) = build(program, Sink()).module.outputs.values()
    assert output.op == "mul"
    assert [d.name for d in output.type.dims] == ["xy"]
