# SPDX-License-Identifier: Apache-2.0
"""Random circuits from text to numbers, in every way that computes them, against Qiskit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from qiskit.quantum_info import Pauli

from hepq.compiler.ir.interpret import run_event
from hepq.compiler.ir.node import Module
from hepq.compiler.lower.program import to_program
from hepq.compiler.lower.torch.module import to_torch
from hepq.runtime.program import Program, evaluate
from hepq.runtime.quantum.backends.backend import Outcomes, Task
from hepq.runtime.quantum.backends.exact import Exact
from hepq.runtime.quantum.measurer import Measurer
from tests.pipeline.circuit_programs import LAYERS, Programs, state
from tests.support.circuits import module

PARTS, EVENTS = 2, 3

TEXT = """
dim wire = {wires}
dim layer = {layers}
dim part = {parts}
dim other = {parts}
dim obs = 2
dim string = {strings}

{declarations}

model M(x: real[part, wire], w: real[layer, wire]) {{
  m = mean(x, over=part)
  s = A(x, w)
  t = {chain}
  return (
    expect([{first}, {second}], t, over=obs),
    expect({each}, s),
    probs(t, over=string),
    rename(fidelity(s, prime(t, part)), part', other),
    fidelity(t, B(m, w)),
    sample[shots=8](B(m * expect(Z[0], A(m, w)), w), over=string),
    probs(t, of={some}),
  )
}}
"""


@dataclass(frozen=True)
class Shots:
    """A device with endless shots: measurements are made of circuits to run and of the outcomes of each."""

    name: str = "shots"
    exact: bool = False

    def run(self, task: Task, values: NDArray[np.float64], shots: int, seed: int | None = None) -> Outcomes:
        return Exact().run(task, values, shots, seed)


@dataclass(frozen=True)
class Case:
    module: Module
    programs: Programs
    wanted: Any


def case(seed: int) -> Case:
    rng = np.random.default_rng(seed)
    made = Programs(rng, int(rng.integers(1, 5)))
    declarations, a, b = made.declarations()
    first, second = made.observable(), made.observable()
    letter = made.one("XYZ")
    chain, circuits = made.one([
        ("B(x, w)", [(b, False)]), ("s |> B(x, w)", [(a, False), (b, False)]),
        ("s |> adjoint(B(x, w))", [(a, False), (b, True)]), ("adjoint(B(x, w)) |> A(x, w)", [(b, True), (a, False)]),
    ])  # fmt: skip
    some = rng.permutation(made.wires)[: int(rng.integers(1, made.wires + 1))].tolist()
    text = TEXT.format(
        wires=made.wires, layers=LAYERS, parts=PARTS, strings=1 << made.wires, declarations=declarations, chain=chain,
        first=first.text, second=second.text, each=letter, some=some,
    )  # fmt: skip

    def wanted(x: NDArray[Any], w: NDArray[Any]) -> list[NDArray[Any]]:
        envs = [{"x": row, "w": w} for row in x]
        mean = {"x": x.mean(0), "w": w}
        s, t = ([state(c, env) for env in envs] for c in ([(a, False)], circuits))
        one, two = first.of({}), second.of({})
        z = state([(a, False)], mean).probabilities([0]) @ [1, -1]
        scaled = state([(b, False)], {"x": x.mean(0) * z, "w": w})
        other = state([(b, False)], mean)
        return [
            np.array([[v.expectation_value(o).real for o in (one, two)] for v in t]),
            np.array([[v.expectation_value(Pauli(letter), [q]).real for q in range(made.wires)] for v in s]),
            np.array([v.probabilities() for v in t]),
            np.array([[abs(v.inner(u)) ** 2 for v in t] for u in s]),
            np.array([abs(other.inner(v)) ** 2 for v in t]),
            scaled.probabilities(),
            np.array([v.probabilities(some) for v in t]),
        ]

    try:
        return Case(module(text), made, wanted)
    except Exception as error:
        raise AssertionError(text) from error


def events(made: Case, count: int, seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
    rng = np.random.default_rng(seed)
    wires = made.programs.wires
    return rng.uniform(-3, 3, (count, PARTS, wires)), rng.uniform(-3, 3, (count, LAYERS, wires))


@pytest.mark.parametrize("seed", range(14))
def test_a_random_program_measures_what_qiskit_measures(seed: int) -> None:
    made = case(seed)
    x, w = events(made, EVENTS, seed)
    rows = [made.wanted(*event) for event in zip(x, w, strict=True)]
    wanted = [np.array(column) for column in zip(*rows, strict=True)]
    names = list(made.module.outputs)
    found = [run_event(made.module, {"x": a, "w": b}, {}) for a, b in zip(x, w, strict=True)]
    tensors = to_torch(made.module, {})({"x": torch.from_numpy(x), "w": torch.from_numpy(w)})
    program = Program.model_validate_json(to_program(made.module).model_dump_json())
    exact = evaluate(program, {"x": x, "w": w}, {}, Measurer(Exact()))
    counted = evaluate(program, {"x": x, "w": w}, {}, Measurer(Shots()))
    for name, value in zip(names, wanted, strict=True):
        np.testing.assert_allclose([f[name] for f in found], value, atol=1e-9, err_msg=f"{name}: interpreter")
        np.testing.assert_allclose(tensors[name].detach().numpy(), value, atol=1e-9, err_msg=f"{name}: torch")
        np.testing.assert_allclose(exact[name], value, atol=1e-9, err_msg=f"{name}: program")
        np.testing.assert_allclose(counted[name], value, atol=1e-9, err_msg=f"{name}: shots")


@pytest.mark.parametrize("count", [0, 1])
def test_batches_of_no_and_of_one_event(count: int) -> None:
    made = case(3)
    x, w = events(made, count, 0)
    program = to_program(made.module)
    tensors = to_torch(made.module, {})({"x": torch.from_numpy(x), "w": torch.from_numpy(w)})
    for backend in (Exact(), Shots()):
        found = evaluate(program, {"x": x, "w": w}, {}, Measurer(backend))
        for name, value in found.items():
            assert value.shape == tuple(tensors[name].shape)
            np.testing.assert_allclose(value, tensors[name].detach().numpy(), atol=1e-9)
