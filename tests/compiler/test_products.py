# SPDX-License-Identifier: Apache-2.0
"""`prod(x, over=d)` against `math.prod` in every back end, of nothing and of zeros too; its gradient by differences."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import hepq
from hepq.compiler.driver.compilation import Compilation
from hepq.compiler.driver.options import Options
from hepq.compiler.ir.infer import make
from hepq.compiler.ir.interpret import run
from hepq.compiler.ir.node import Module
from hepq.compiler.lower.torch.module import pad_events, to_torch
from hepq.core.diagnostics.diagnostic import Sink
from hepq.core.types import Dim, Type
from hepq.lang.checker import check
from hepq.lang.modules import load
from tests.support.events.programs import run as run_events

PART, FEAT = Dim("part", bound=8), Dim("feat", 3)
X = make("input", name="x", type=Type("real", (PART, FEAT)))
MODULE = Module(
    "products", (X,),
    {"all": make("reduce_prod", X, over=(PART, FEAT)), "parts": make("reduce_prod", X, over=(PART,)),
     "features": make("reduce_sum", make("reduce_prod", X, over=(FEAT,)), over=(PART,))},
)  # fmt: skip
PROGRAM = """
dim part <= 8
dim feat = 3
dim made = 5
model Products(x: real[part, feat]) -> real[made] =
  concat(stack(prod(x, over=(part, feat))), prod(x, over=part), stack(sum(prod(x, over=feat), over=part)), dim=made)
"""


def events(n: int = 12) -> list[dict[str, Any]]:
    rng = np.random.default_rng(5)
    found = [{"x": rng.normal(0, 1.2, (int(rng.integers(0, 8)), 3))} for _ in range(n)]
    found[1]["x"][:1, 1] = 0
    found[2]["x"] = np.zeros((0, 3))
    found[3]["x"] = np.array([[0.0, 2.0, 1.0], [3.0, 0.0, -1.0]])
    return found


def truth(x: Any) -> list[float]:
    """all, parts, features"""
    return [math.prod(x.ravel()), *(math.prod(column) for column in x.T), math.fsum(math.prod(row) for row in x)]


def flat(found: dict[str, Any], event: int) -> list[float]:
    return [float(v) for name in ("all", "parts", "features") for v in np.ravel(found[name][event])]


def test_the_reference_and_event_code() -> None:
    reference = run(MODULE, events(), {})
    for i, event in enumerate(events()):
        np.testing.assert_allclose(flat(reference, i), truth(event["x"]), rtol=1e-12)
    flat_x = make("input", name="y", type=Type("real", (PART,)))
    module = Module("m", (flat_x,), {"y": make("reduce_prod", flat_x, over=(PART,))})
    given = [{"y": event["x"][:, 0]} for event in events()]
    found = run_events(module, given).outputs["y"]
    np.testing.assert_allclose(found, [math.prod(e["y"]) for e in given], rtol=1e-12)


def test_torch_and_its_gradient() -> None:
    inputs, counts = pad_events(events(), MODULE, torch.float64)
    x = inputs["x"].requires_grad_()
    model = to_torch(MODULE, {}).double()
    found = {name: value.detach().numpy() for name, value in model({"x": x}, counts).items()}
    for i, event in enumerate(events()):
        np.testing.assert_allclose(flat(found, i), truth(event["x"]), rtol=1e-12)
    (slopes,) = torch.autograd.grad(sum(value.sum() for value in model({"x": x}, counts).values()), x)
    for i, event in enumerate(events()):
        given, step = event["x"], 1e-6
        for at in np.ndindex(given.shape):
            ends = [given.copy(), given.copy()]
            ends[0][at] -= step
            ends[1][at] += step
            slope = (sum(truth(ends[1])) - sum(truth(ends[0]))) / (2 * step)
            assert slopes[i][at].item() == pytest.approx(slope, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("target", ["cpu", "onnx"])
def test_compiled(tmp_path: Path, target: str) -> None:
    import awkward as ak

    (tmp_path / "p.hepq").write_text(PROGRAM)
    out = tmp_path / ("p.onnx" if target == "onnx" else "p.hepqx")
    Compilation(tmp_path / "p.hepq", Options(target=target)).write(out)  # replays golden vectors of the reference
    if target == "onnx":
        return
    some = [e for e in events() if len(e["x"])]
    lists = ak.to_regular(ak.Array([e["x"].astype(np.float32).tolist() for e in some]), axis=2)
    found = hepq.load(out)({"x": lists})
    np.testing.assert_allclose(found, [truth(e["x"]) for e in some], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("prod(x * 1 GeV, over=part)", "HQ0303"),
        ("prod(x)", "HQ0423"),
        ("prod(x, by=part)", "HQ0403"),
        ("prod(p, over=part)", "HQ0305"),
    ],
)
def test_mistakes(body: str, code: str) -> None:
    sink = Sink()
    program = f"dim part <= 8\nmodel M(x: real[part], p: p4[part]) {{\n  return {body}\n}}\n"
    check(load(Path("a.hepq"), program, sink), sink)
    assert [d.code for d in sink.items if d.severity == "error"] == [code]
