# SPDX-License-Identifier: Apache-2.0
"""Models with circuits, from text to artifact to numbers: simulated, and for a device."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import pytest

import hepq
from hepq.compiler.driver.bisect import Bisection, bisect
from hepq.compiler.driver.compilation import Compilation, build_file, compile_file, emit, model_weights
from hepq.compiler.driver.options import Options
from hepq.compiler.ir.interpret import run_event
from hepq.compiler.lower.cpu import mathfn
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.runtime.artifact.artifact import Artifact
from hepq.runtime.quantum.backends.exact import Exact
from hepq.runtime.quantum.backends.recording_backend import Noting
from hepq.runtime.quantum.engine import Compiled
from hepq.runtime.verify import verify

EMBED = """
dim wire = 3

circuit Embed(x: real[wire]) on q: qubit[wire] {
  for i in wire {
    h(q[i])
    p(2 * x[i], q[i])
  }
  for i, j in pairs(wire) { rzz((pi - x[i]) * (pi - x[j]), q[i], q[j]) }
  h(q)
}

fn K(a: real[wire], b: real[wire]) -> real = fidelity(Embed(a), Embed(b))
"""

HYBRID = """
from std.nn import Dense

dim part <= 6
dim feat = 4
dim wire = 3
dim layer = 2
dim cls = [signal, background]

circuit Net(x: real[wire], w: real[layer, wire]) on q: qubit[wire] {
  for i in wire { ry(x[i], q[i]) }
  for k in layer {
    for i in wire { rz(w[i][k], q[i]) }
    ladder(cx, q)
  }
}

@invariant(permute(part))
model Hybrid(x: real[part, feat]) -> real[cls] {
  param w: real[layer, wire] ~ uniform(0, 2 * pi)
  z = mean(x |> Dense[8] |> tanh, over=part) |> Dense[wire] |> atan
  return expect(Z, Net(z, w)) |> Dense[cls]
}
"""

ATTENTION = """
from std.nn import Dense

dim part <= 5
dim feat = 3
dim wire = 2

circuit Embed(x: real[wire]) on q: qubit[wire] {
  for i in wire { ry(x[i], q[i]) }
  cz(q[0], q[1])
}

model Attention(x: real[part, feat]) -> real[2] {
  z = x |> Dense[wire]
  s = fidelity(Embed(z), prime(Embed(z), part))
  a = s / sum(s, over=part')
  return mean(dot(a, prime(x, part), over=part') |> Dense[2], over=part)
}
"""

COUNTED = """
dim part <= 5
dim feat = 3
dim wire = 2

circuit Embed(x: real[wire]) on q: qubit[wire] {
  for i in wire { ry(x[i], q[i]) }
  cz(q[0], q[1])
}

model Counted(x: real[part, feat]) -> real = expect(Z[1], Embed(stack(count(part) / 7, 1 - count(part) / 3, dim=wire)))
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "model.hepq"
    path.write_text(text)
    return path


@pytest.mark.parametrize("text", [HYBRID, ATTENTION, COUNTED], ids=["hybrid", "attention", "number of particles"])
def test_hybrid_models_compile_score_and_verify(text: str, tmp_path: Path) -> None:
    program, options = written(tmp_path, text), Options(init=3)
    out = tmp_path / "m.hepqx"
    compile_file(program, out, options)
    built = build_file(program, options)
    weights = model_weights(built.module, options)
    model = hepq.load(out)
    rng = np.random.default_rng(0)
    feat = built.module.inputs[0].type.dims[-1].size or 0
    events = [rng.normal(size=(n, feat)).astype(np.float32) for n in (3, 1, 5, 2)]
    found = model({"x": ak.Array(events)})
    found = np.stack([ak.to_numpy(found[f]) for f in ak.fields(found)], -1) if ak.fields(found) else np.asarray(found)
    wanted = np.stack([run_event(built.module, {"x": e}, weights)["output"] for e in events])
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert verify(model).ok


def test_an_untrained_kernel_is_compiled_from_a_function(tmp_path: Path) -> None:
    out = tmp_path / "k.hepqx"
    compile_file(written(tmp_path, EMBED), out, Options(model="K"))
    rng = np.random.default_rng(1)
    x, y = rng.uniform(0, 2, (6, 3)), rng.uniform(0, 2, (4, 3))
    kernel = hepq.load(out).kernel()
    matrix = kernel.block(x, y)
    built = build_file(written(tmp_path, EMBED), Options(model="K"))
    wanted = [[run_event(built.module, {"a": u, "b": v}, {})["output"] for v in y] for u in x]
    np.testing.assert_allclose(matrix, wanted, atol=1e-10)
    itself = kernel.block(x, x)
    np.testing.assert_allclose(np.diag(itself), 1)
    np.testing.assert_allclose(itself, itself.T)
    assert np.linalg.eigvalsh(itself).min() > -1e-10


def test_events_are_scored_one_pair_at_a_time(tmp_path: Path) -> None:
    out = tmp_path / "k.hepqx"
    compile_file(written(tmp_path, EMBED), out, Options(model="K"))
    model = hepq.load(out, backend=Exact())
    x = np.random.default_rng(1).uniform(0, 2, (6, 3)).astype(np.float32)
    np.testing.assert_allclose(model({"a": x, "b": x}), 1, atol=1e-6)


@pytest.mark.parametrize("target", ["line:4"])
def test_native_circuits_give_what_their_source_gives(target: str, tmp_path: Path) -> None:
    out = tmp_path / "k.hepqx"
    report = compile_file(
        written(tmp_path, EMBED), out,
        Options(model="K", target=target, effort="quick", processes=1, cache=tmp_path / "cache"),
    )  # fmt: skip
    assert [sum(r.chosen for r in c.recipes) for c in report.circuits] == [1]
    result = verify(hepq.load(out))
    assert result.ok
    assert {c.check for c in result.checks} == {"golden", "circuit"}


def test_a_classical_model_has_nothing_to_run_on_a_device(tmp_path: Path) -> None:
    text = "model M(x: real[3]) -> real[3] = x * 2\n"
    with pytest.raises(HepqError, match="no circuit to run"):
        compile_file(written(tmp_path, text), tmp_path / "m.hepqx", Options(target="line:4"))


def test_emitted_ir_shows_circuits(tmp_path: Path) -> None:
    text = emit(written(tmp_path, HYBRID), "ir")
    assert "expect" in text
    assert "<3 wires" in text


def test_emitted_code_is_the_targets(tmp_path: Path) -> None:
    """What is compiled for particles; a model without circuits is refused as when it is compiled."""
    for target in ("cpu", "sim", "line:4"):
        assert "def hepq_main(" in emit(written(tmp_path, HYBRID), "tir", Options(target=target))
    with pytest.raises(HepqError, match="HQ0752"):
        emit(written(tmp_path, "model M(x: real) -> real = x"), "tir", Options(target="line:4"))


def test_a_hybrid_model_is_bisected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = written(tmp_path, HYBRID)

    def found() -> Bisection:
        return bisect(Compilation(program, Options(init=3, target="sim", golden_events=3)).check())

    assert (found().difference, found().agree[-2:]) == (None, ("code for sim", "the file"))
    monkeypatch.setitem(mathfn.FUNCTIONS, "tanh", mathfn.FUNCTIONS["sin"])
    wrong = found().difference
    assert wrong is not None
    assert (wrong.stage, wrong.found[:6]) == ("code for sim", "`tanh`")


CONSTANT = """
dim wire = 1
circuit A(x: real[wire]) on q: qubit[wire] { rz(0 * x[0], q[0]) }
circuit B(x: real[wire]) on q: qubit[wire] { ry(x[0], q[0]) }
fn K(a: real[wire], b: real[wire]) -> real = fidelity(A(a), A(b))
fn Half(a: real[wire], b: real[wire]) -> real = 0.5
fn One(a: real[wire], b: real[wire]) -> real = fidelity(B(a), A(b))
"""


@pytest.mark.case("const_kernel")
@pytest.mark.parametrize("target", ["cpu", "line:4"])
def test_a_constant_kernel_is_one(target: str, tmp_path: Path) -> None:
    options = Options(model="K", target=target, effort="quick", processes=1, cache=tmp_path / "cache")
    compile_file(written(tmp_path, CONSTANT), tmp_path / "k.hepqx", options)
    kernel = hepq.load(tmp_path / "k.hepqx").kernel()
    np.testing.assert_allclose(kernel.block(np.ones((2, 1)), np.zeros((3, 1))), np.ones((2, 3)))


def test_a_kernel_of_one_event_alone_is_spread_over_the_other(tmp_path: Path) -> None:
    compile_file(written(tmp_path, CONSTANT), tmp_path / "k.hepqx", Options(model="One"))
    x = np.array([[0.0], [1.0]])
    found = hepq.load(tmp_path / "k.hepqx").kernel().block(x, np.zeros((3, 1)))
    np.testing.assert_allclose(found, np.tile(np.cos(x / 2) ** 2, 3), atol=1e-12)


@pytest.mark.case("open_qasm3_names")
def test_an_exported_circuit_says_how_its_angles_are_computed(tmp_path: Path) -> None:
    """Formulas in the features of both events, evaluated from the file's text alone, fill the circuit as hepq does."""
    import math
    import re

    out, cache = tmp_path / "k.hepqx", tmp_path / "cache"
    options = Options(model="K", target="line:4", effort="quick", processes=1, cache=cache)
    compile_file(written(tmp_path, EMBED), out, options)
    opened = Artifact.open(out)
    compiled = Compiled(opened)
    (native,), (lines,) = compiled.natives.values(), compiled.slots.values()
    text = next(m.decode() for name, m in opened.members.items() if name.endswith(".qasm"))
    said = [line.removeprefix("// ") for line in text.splitlines() if line.startswith("// ")]
    assert set(lines) < set(said)
    assert lines[:2] == ("a: [wire: 3] of one event", "b: [wire: 3] of another event")
    a, b = np.random.default_rng(0).normal(size=(2, 3))
    known = {"a": a, "b": b, **vars(math)}
    for formula in filter(re.compile(r"\w+ = ").match, said):
        name, value = formula.split(" = ")
        known[name] = eval(value, {"__builtins__": {}}, known)
    noting = Noting()
    hepq.load(out).kernel(noting, shots=1).block(a[None], b[None])
    ((_, slots),) = noting.rows()
    np.testing.assert_allclose([known[f"s{k}"] for k in range(len(slots))], slots, atol=1e-12)
    angles = native.bind(slots[None])[0]
    names = re.findall(r"^input float\[64\] (a(\d+));", text, re.M)
    np.testing.assert_allclose([known[name] for name, _ in names], [angles[int(k)] for _, k in names], atol=1e-12)


def test_rebuilding_keeps_the_compiled_circuits(tmp_path: Path) -> None:
    """All that is code or a program is made anew; what the portfolio found is as it was."""
    out, cache = tmp_path / "k.hepqx", tmp_path / "cache"
    options = Options(model="K", target="line:4", effort="quick", processes=1, cache=cache)
    compile_file(written(tmp_path, EMBED), out, options)
    opened, rebuilt = Artifact.open(out), hepq.load(out, rebuild=True)
    assert rebuilt.manifest.circuits == opened.manifest.circuits
    natives = {name for name in opened.members if name.startswith("circuits/")}
    assert {n: rebuilt.artifact.members[n] for n in natives} == {n: opened.members[n] for n in natives}
    x = np.random.default_rng(0).normal(size=(2, 3))
    np.testing.assert_allclose(rebuilt.kernel().block(x, x), hepq.load(out).kernel().block(x, x), atol=1e-12)
