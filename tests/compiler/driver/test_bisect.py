# SPDX-License-Identifier: Apache-2.0
"""A planted fault, in a pass or in the rule of one operation, is named with the line of the program that has it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from hepq.cli import app
from hepq.compiler.backends.target import Backend
from hepq.compiler.driver.bisect import Bisection, bisect
from hepq.compiler.driver.compilation import Compilation
from hepq.compiler.driver.options import Options
from hepq.compiler.ir.infer import make
from hepq.compiler.ir.node import Module, Node
from hepq.compiler.lower.cpu import expressions, mathfn
from hepq.compiler.lower.cpu.tir import const
from hepq.compiler.lower.onnx import elementwise
from hepq.compiler.passes.base import Weights
from hepq.compiler.passes.pipelines import INFERENCE
from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import HepqError

PROGRAM = """dim part <= 5
dim feat = 3

model M(x: real[part, feat], y: real[part]) -> real {
  param w: real[feat] ~ normal(0, 1)
  h = sum(x * w, over=feat)
  squashed = tanh(h)
  near = max(hypot(squashed, prime(y, part)), over=part')
  far = exp(-abs(y)) + 0.5
  return sum(near * far, over=part)
}
"""
#: which operation stands in which line
LINES = {"tanh": 7, "hypot": 8}


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "m.hepq"
    path.write_text(PROGRAM)
    return path


def found(program: Path, target: str = "cpu") -> Bisection:
    return bisect(Compilation(program, Options(init=1, target=target, golden_events=3)).check())


def line(node: Node | None) -> int:
    assert node is not None
    assert node.span is not None
    return node.span.source.line_col(node.span.start)[0]


def hepqc(*args: str | Path) -> Result:
    return CliRunner().invoke(app, [*map(str, args)])


@dataclass(frozen=True)
class Doubled:
    """A pass that is wrong."""

    name = "doubled"

    def __call__(self, module: Module, weights: Weights) -> tuple[Module, Weights]:
        return replace(module, outputs={n: make("add", o, o) for n, o in module.outputs.items()}), weights


@dataclass(frozen=True)
class Unfit:
    """A pass that leaves what no rule of the IR allows."""

    name = "unfit"

    def __call__(self, module: Module, weights: Weights) -> tuple[Module, Weights]:
        return replace(module, outputs={n: replace(o, op="nonsense") for n, o in module.outputs.items()}), weights


def test_a_wrong_pass_is_named(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong, why in ((Doubled(), "output `output` of golden event 0"), (Unfit(), "unknown op 'nonsense'")):
        monkeypatch.setattr(Backend, "passes", (*INFERENCE[:3], wrong, *INFERENCE[3:]))
        made = found(program)
        assert len(made.agree) == 3
        assert made.difference is not None
        assert made.difference.stage == f"pass {wrong.name}"
        assert why in made.difference.found


@pytest.mark.parametrize("op", LINES)
def test_a_wrong_emitter_is_named(op: str, program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(mathfn.FUNCTIONS, op, lambda *args: args[0] * const(0.5))
    made = found(program).difference
    assert made is not None
    assert (made.stage, made.found[: len(op) + 2]) == ("code for cpu", f"`{op}`")
    assert line(made.node) == LINES[op]


def test_large_whole_numbers_off_by_one_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class More:
        name = "more"

        def __call__(self, module: Module, weights: Weights) -> tuple[Module, Weights]:
            one = make("const", value=1)
            return replace(module, outputs={n: make("add", o, one) for n, o in module.outputs.items()}), weights

    (tmp_path / "m.hepq").write_text("model M(k: int) = (k + 1) * 100000000 * 100000000\n")
    assert found(tmp_path / "m.hepq").difference is None
    monkeypatch.setattr(Backend, "passes", (*INFERENCE, More()))
    made = found(tmp_path / "m.hepq").difference
    assert made is not None
    assert (made.stage, made.found) == ("pass more", "output `output` of golden event 0 by 1.0e+00")


def test_an_emitter_that_gives_no_number_is_named(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(mathfn.FUNCTIONS, "tanh", lambda x: (x - x) / (x - x))
    made = found(program).difference
    assert made is not None
    assert made.found.startswith("`tanh`")
    assert line(made.node) == LINES["tanh"]


def test_an_emitter_that_is_wrong_among_others_only_is_named(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = expressions.value

    def wrong(ctx: Any, node: Node, at: Any) -> Any:
        inlined = node.op == "neg" and not ctx.plan.inlining.stored(node)
        return right(ctx, node.operands[0] if inlined else node, at)

    monkeypatch.setattr(expressions, "value", wrong)
    made = found(program).difference
    assert made is not None
    assert made.stage == "code for cpu"
    assert line(made.node) == 9


@pytest.mark.parametrize("op", LINES)
def test_a_wrong_onnx_rule_is_named(op: str, program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = elementwise.apply
    monkeypatch.setattr(elementwise, "apply", lambda graph, name, args, dtype: right(
        graph, "neg" if name == op else name, args[:1] if name == op else args, dtype))  # fmt: skip
    made = found(program, "onnx").difference
    assert made is not None
    assert (made.stage, made.found[: len(op) + 2]) == ("code for onnx", f"`{op}`")
    assert line(made.node) == LINES[op]


def test_a_file_that_differs_where_code_agrees_is_named(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In what is written beside the code; any other error is not hidden."""

    def refused(code: str, **words: str) -> None:
        def written(self: Compilation, out: Path) -> Any:
            raise HepqError([diag(code, **words)])

        monkeypatch.setattr(Compilation, "written", written)

    refused("HQ0761", name="m", found="they differ")
    made = found(program)
    assert made.difference is not None
    assert (made.difference.stage, "code for cpu" in made.agree) == ("the file", True)
    assert "m" in made.difference.found
    refused("HQ0762", path="m.onnx", reason="it is no file")
    with pytest.raises(HepqError):
        found(program)


def test_the_commands_say_where(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    artifact = program.with_suffix(".hepqx")
    assert hepqc("compile", program, "--init", "1", "--golden-events", "3").exit_code == 0
    done = hepqc("verify", artifact, "--bisect")
    assert done.exit_code == 0, done.output
    # of three events one is empty, which is not scored
    assert "agrees   code for cpu\nagrees   m.hepqx\nall agree with the reference on 2 golden events" in done.output
    monkeypatch.setitem(mathfn.FUNCTIONS, "tanh", mathfn.FUNCTIONS["sin"])
    for done in (hepqc("verify", artifact, "--bisect"), hepqc("compile", program, "--init", "1", "--bisect")):
        assert done.exit_code == 1
        assert "differs  code for cpu: `tanh` of golden event" in done.output
        assert "m.hepq:7:14: squashed = tanh(h)" in done.output
    refused = hepqc("verify", program.with_suffix(".onnx"), "--bisect")
    assert (refused.exit_code, "hepqc compile --bisect" in refused.output) == (2, True)
