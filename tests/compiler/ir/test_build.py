# SPDX-License-Identifier: Apache-2.0
"""What is built is whole: where the size of a dim is missing, a build says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from hepq.compiler.driver.analysis import build_analysis
from hepq.compiler.ir.build import NodeBuilder, build, build_training, refused
from hepq.core.diagnostics.diagnostic import Diagnostic, HepqError, Sink
from hepq.lang.checker import check
from hepq.lang.elaborate.evaluate import Elaborator
from hepq.lang.modules import Program, load
from hepq.lang.syntax import ast

HEAD = "from std.nn import Dense\ndim n\ndim m\ndim seq = 5\ndim part <= 5\ndim cls = [a, b]\n"
DATASET = """dataset D {
  source d = root("none.root")
  branch met: real
  branch is_a: bool
  label truth: cls = {a: is_a, b: not is_a}
"""
#: a program, and where the size is missing
MODELS = [
    ("model M(x: real[3]) -> real[2] = x |> Dense[n] |> Dense[2]", "x |> Dense[n] |> Dense[2]"),
    ("model M(x: real[3]) -> real[n] = Dense[n](x)", "M"),
    ("model M(x: real) = x * size(n)", "n"),
    ("model M(x: real) = x * count(n)", "count(n)"),
    ("model M(x: real) -> real = x + sum(real(position(n)), over=n)", "position(n)"),
    ("model M(x: real[4]) = split(x, 4, [n, m])", "[n, m]"),
    ("model M(x: real[4]) = unflatten(x, 4, [n, 2])", "[n, 2]"),
    ("model M(x: real[2, 4]) = flatten(x, [2, 4], n)", "n"),
    ("model M(x: real[seq]) = sum(window[n](x, over=seq), over=seq)", "n"),
    ("model M(x: real[part]) = gather(x, top_k[n](x, over=part))", "n"),
    ("model M(x: real) = stack(x, x, dim=n)", "dim=n"),
    ("model M(v: real[3]) = concat(v, v, dim=n)", "dim=n"),
    (DATASET + "  input x = stack(met, met, dim=n)\n}\nmodel M(x: real[n]) = sum(x, over=n)", "dim=n"),
    (DATASET + "  unused = stack(met, met, dim=n)\n  input x = met\n}\nmodel M(x: real) = x", "dim=n"),
]


def checked(text: str) -> tuple[Program, Sink]:
    sink = Sink()
    program = load(Path("p.hepq"), HEAD + text + "\n", sink)
    check(program, sink)
    assert not sink.items, "the size may yet be given"
    return program, sink


def said(found: pytest.ExceptionInfo[HepqError], name: str) -> Diagnostic:
    (diagnostic,) = found.value.diagnostics
    assert diagnostic.code == "HQ0216"
    assert diagnostic.title == f"dim `n` of `{name}` has no size"
    return diagnostic


@pytest.mark.parametrize(("text", "marked"), MODELS)
def test_models(text: str, marked: str) -> None:
    with pytest.raises(HepqError) as found:
        build(*checked(text))
    diagnostic = said(found, "D" if "dataset" in text else "M")
    assert diagnostic.labels[0].span.text == marked


@pytest.mark.parametrize(("text", "marked"), MODELS)
def test_with_the_size(text: str, marked: str) -> None:
    size = 6 if "concat" in text else 8 if "flatten(x, [2" in text else 3 if "Dense" in text else 2
    build(*checked(text), dims={"n": size, "m": 2})


def test_trainings() -> None:
    text = "  input x = met\n}\ntrain T {\n  z = stack(x, x, dim=n)\n  output = stack(x, x, dim=cls)\n}"
    with pytest.raises(HepqError) as found:
        build_training(*checked(DATASET + text))
    said(found, "T")


@pytest.mark.parametrize("value", ["sum(stack(w, w, dim=n), over=n)", "w + sum(real(position(n)), over=n)"])
def test_analyses(value: str) -> None:
    text = f"""analysis A {{
  source d = mc("d.root", xsec=1 pb)
  branch w: real
  region R {{
    hist h = w in bins(2, 0, 1)
    cut c = {value} > 1
  }}
}}"""
    with pytest.raises(HepqError) as found:
        build_analysis(*checked(text))
    assert "--dim" not in str(said(found, "A").help)


def test_never_without_a_message() -> None:
    program, sink = checked("model M(x: real) = x")
    decl = program.main.file.decls[-1]
    assert isinstance(decl, ast.FnDecl)
    with pytest.raises(AssertionError, match="without a message"):
        refused(Elaborator(program, NodeBuilder(), sink), decl)
