# SPDX-License-Identifier: Apache-2.0
"""Results over dims whose entries the event chooses are lists: in Python, in files, and in ONNX graphs."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import onnxruntime
import pytest
import uproot

import hepq
from hepq.compiler.driver.bisect import bisect
from hepq.compiler.driver.compilation import Compilation, compile_file
from hepq.compiler.driver.options import Options
from hepq.compiler.lower.cpu import mathfn
from hepq.compiler.lower.cpu.tir import const
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.core.types import Type
from hepq.lang.elaborate.builtins.arguments import Arguments, builtin
from hepq.lang.elaborate.builtins.rows import look_up
from hepq.lang.elaborate.context import BUILTINS, Context
from hepq.lang.elaborate.values import Value

EVENTS = {"x": [[2.0, -1.0, 3.0], [], [-1.0], [5.0, 6.0, 7.0, 8.0]]}
KEPT = [[2.0, 3.0], [], [], [5.0, 6.0, 7.0]]
HEAD = "dim part <= 4\ndim good <= 3\n"


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """``kept(x, mask, good)``: the entries of ``part`` where ``mask`` is true."""
    monkeypatch.setitem(BUILTINS, "kept", None)

    @builtin("kept", "x mask good", dims="good")
    def rule(ctx: Context, a: Arguments) -> Value:
        mask, dst = a.tensor("mask"), a.dim("good")
        (dim,) = mask.type.dims
        rows = ctx.emit("filter", [mask], Type("index", (dst,), into=dim), a.span, dim=dim, dst=dst)
        return look_up(ctx, a.tensor("x"), rows, a.span)


def compiled(folder: Path, result: str, target: str = "cpu", before: str = "") -> Path:
    source, out = folder / "lists.hepq", folder / ("lists.onnx" if target == "onnx" else "lists.hepqx")
    source.write_text(f"{HEAD}{before}model M(x: real[part]) = {result}\n")
    compile_file(source, out, Options(target=target, init=0, verify_each=True))
    return out


def test_lists_of_numbers_and_of_named_entries(tmp_path: Path) -> None:
    out = compiled(tmp_path, "(k=kept(x, x > 0, good), pairs=kept(stack(x, -x), x > 0, good), n=count(part))")
    model = hepq.load(out, threads=1)
    assert model.verify().ok
    found, _ = model.score(EVENTS)
    assert found["k"].to_list() == KEPT
    assert found["pairs"].to_list() == [[[v, -v] for v in event] for event in KEPT]
    assert found["n_good"].tolist()[0] == 2
    assert str(found["k"].type) == "4 * var * float32"


def test_lists_in_files(tmp_path: Path) -> None:
    model = hepq.load(compiled(tmp_path, "kept(x, x > 0, good) * 2"), threads=1)
    with uproot.recreate(tmp_path / "in.root") as file:
        file.mktree("t", {"x": "var * float32"})
        file["t"].extend({"x": ak.Array([e for e in EVENTS["x"] if e])})
    model.predict([tmp_path / "in.root"], tmp_path / "out.root")
    written = uproot.open(tmp_path / "out.root")
    (tree,) = {k.partition(";")[0] for k in written.keys(cycle=False) if written.classname_of(k) == "TTree"}
    assert written[tree]["output"].array().to_list() == [[2 * v for v in e] for e in (KEPT[0], KEPT[2], KEPT[3])]


def test_lists_in_a_graph_have_room_and_a_number(tmp_path: Path) -> None:
    session = onnxruntime.InferenceSession(str(compiled(tmp_path, "kept(x, x > 0, good)", "onnx")))
    x = np.array([[2, -1, 3, 9], [1, 2, 3, 4]], np.float32)
    (value, count) = session.run(["output", "n_good"], {"x": x, "n_part": np.array([3, 4], np.float32)})
    assert value.tolist() == [[2, 3, 0], [1, 2, 3]]
    assert count.tolist() == [2, 3]


def test_a_fault_behind_a_made_dim_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "m.hepq"
    source.write_text(f"{HEAD}model M(x: real[part]) = sum(tanh(kept(x, x > 0.5, good)) + 1, over=good)\n")
    monkeypatch.setitem(mathfn.FUNCTIONS, "tanh", lambda *args: args[0] * const(0.5))
    made = bisect(Compilation(source, Options(init=1, golden_events=3)).check()).difference
    assert made is not None
    assert made.found.startswith("`tanh`")


TURN = "circuit Turn(x: real) on q: qubit[1] {\n  ry(x, q[0])\n}\n"


def test_circuits_after_made_dims(tmp_path: Path) -> None:
    out = compiled(tmp_path, "expect(Z[0], Turn(sum(kept(x, x > 0, good), over=good)))", "sim", TURN)
    found, _ = hepq.load(out, threads=1).score(EVENTS)
    np.testing.assert_allclose(found["output"][[0, 2, 3]], np.cos([5.0, 0.0, 18.0]), atol=1e-6)


def test_circuits_of_made_entries_are_refused(tmp_path: Path) -> None:
    with pytest.raises(HepqError, match="HQ0750") as caught:
        compiled(tmp_path, "sum(expect(Z[0], Turn(kept(x, x > 0, good))), over=good)", "sim", TURN)
    assert "whose entries the program chooses" in str(caught.value)


def test_pairs_of_made_entries_are_no_result(tmp_path: Path) -> None:
    with pytest.raises(HepqError, match="HQ0629"):
        compiled(tmp_path, "kept(x, x > 0, good) + prime(kept(x, x > 0, good), good)")
