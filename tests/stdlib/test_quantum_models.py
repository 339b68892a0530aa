# SPDX-License-Identifier: Apache-2.0
"""Transformers of circuits and tensor networks, written out in NumPy event by event; their sizes and their twins."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit

from benchmarks.shared.stdlib_programs import moved_weights
from hepq.compiler.driver.compilation import build_file
from hepq.compiler.driver.options import Options
from hepq.compiler.ir.interpret import run
from hepq.compiler.ir.node import Module
from tests.support.tvm_call import Compiled

Array = NDArray[Any]

PROGRAM = """\
from std.mps import MPS, MPSClassifier
from std.qgan import QuantumCritic, StyleGenerator
from std.qpart import QuantumParticleBlock, QuantumParT
from std.qsann import QSANN

dim part <= 12
dim word <= 8
dim feat = 4
dim wire = 4
dim site = 5
dim latent = 2
dim pixel = 8
dim cls = [first, second]

model Block(x: real[part, wire], b: real[part, wire]) -> real[part, wire] =
  QuantumParticleBlock[true, 2](x, dot(b, prime(b, part), over=wire))

model Jets(p: p4[part], x: real[part, feat]) -> real[cls] = QuantumParT[cls](p, x)

model JetsTwin(p: p4[part], x: real[part, feat]) -> real[cls] = QuantumParT[cls, quantum=false](p, x)

model Text(token: int[word]) -> real = QSANN[20](token)

model TextTwin(token: int[word]) -> real = QSANN[20, quantum=false](token)

model Chain(x: real[site]) -> real[cls] = x |> MPS[cls, bond=3]

model Class(x: real[site]) -> real[cls] = MPSClassifier[cls](x)

model Shower(z: real[latent]) -> real[pixel] = StyleGenerator[pixel, 3](z)

model Critic(x: real[pixel]) -> real = QuantumCritic(x)
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "models.hepq"
    path.write_text(PROGRAM)
    return path


def module_of(program: Path, model: str) -> Module:
    return build_file(program, Options(model=model)).module


def weights_of(module: Module, seed: int) -> dict[str, Array]:
    return {k: v.astype(np.float64) for k, v in moved_weights(module, np.random.default_rng(seed)).items()}


def chances(x: Array, angle: Array) -> Array:
    """Of each state after RY(x) and layers of RY, between them CX of neighbours, the last first: by matrices."""
    n = len(x)
    state = np.zeros(2**n)
    state[0] = 1

    def turned(state: Array, angles: Array) -> Array:
        whole = np.ones((1, 1))
        for a in angles:  # wire 0 is the lowest bit
            whole = np.kron([[np.cos(a / 2), -np.sin(a / 2)], [np.sin(a / 2), np.cos(a / 2)]], whole)
        return np.asarray(whole @ state)

    state = turned(state, x)
    for layer in range(len(angle)):
        for i in reversed(range(n - 1)) if layer else ():
            moved = [k ^ (1 << (i + 1)) if k >> i & 1 else k for k in range(2**n)]
            state = state[moved]
        state = turned(state, angle[layer])
    return np.asarray(state**2)


def circuit(x: Array, angle: Array) -> Array:
    """<Z> of each wire."""
    n = len(x)
    signs = np.array([[1 - 2 * (k >> i & 1) for k in range(2**n)] for i in range(n)])
    return np.asarray(signs @ chances(x, angle))


def softmax(s: Array) -> Array:
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def test_a_block_is_attention_of_circuits(program: Path) -> None:
    module, rng = module_of(program, "Block"), np.random.default_rng(0)
    weights = weights_of(module, 1)
    x, b = rng.normal(size=(5, 4)), rng.normal(size=(5, 4))
    (name,) = {path.split(".")[0] for path in weights}

    def projected(rows: Array, of: str) -> Array:
        return np.array([circuit(row, weights[f"{name}.{of}.circuit.angle"]) for row in rows])

    q, k, v = (projected(x, of) for of in ("query", "key", "value"))
    heard = x + softmax(q @ k.T / 2 + b @ b.T) @ v
    wanted = heard + projected(heard, "forward")
    (found,) = run(module, [{"x": x, "b": b}], weights)["output"]
    np.testing.assert_allclose(found, wanted, atol=1e-9)


def test_words_hear_each_other(program: Path) -> None:
    module, token = module_of(program, "Text"), np.array([3, 17, 0, 3, 19])
    weights = weights_of(module, 2)
    path = {k.partition(".")[2]: v for k, v in weights.items()}
    x = np.pi / 2 * np.tanh(path["embedding0.weight"][token])
    q, k, v = (
        np.array([circuit(row, path[f"attention0.{of}.angle"]) for row in x]) for of in ("query", "key", "value")
    )
    s = np.exp(-((q[:, :1] - k[:, 0]) ** 2))
    heard = (x + s / s.sum(axis=1, keepdims=True) @ v).mean(axis=0)
    wanted = heard @ path["head.weight"][0] + path["head.bias"][0]
    (found,) = run(module, [{"token": token}], weights)["output"]
    assert found == pytest.approx(wanted, abs=1e-9)
    (shuffled,) = run(module, [{"token": token[::-1]}], weights)["output"]
    assert shuffled == pytest.approx(wanted, abs=1e-9)


def test_energies_of_pixels_are_chances_of_states(program: Path) -> None:
    module, z = module_of(program, "Shower"), np.array([0.3, -1.2])
    weights = weights_of(module, 7)
    assert sum(v.size for v in weights.values()) == 36
    weight, bias = (next(v for k, v in weights.items() if k.endswith(name)) for name in (".weight", ".bias"))
    (found,) = run(module, [{"z": z}], weights)["output"]
    np.testing.assert_allclose(found, chances(np.zeros(3), weight @ z + bias), atol=1e-12)
    assert found.sum() == pytest.approx(1)


def test_a_critic_is_a_circuit_of_pixels(program: Path) -> None:
    module = module_of(program, "Critic")
    weights, x = weights_of(module, 8), np.random.default_rng(9).dirichlet(np.ones(8))
    assert sum(v.size for v in weights.values()) == 18
    path = {k.rpartition(".")[2]: v for k, v in weights.items()}
    (found,) = run(module, [{"x": x}], weights)["output"]
    wanted = 10 * path["scale"][0] * circuit(np.pi * x, path["angle"]).mean() + path["shift"][0]
    assert found == pytest.approx(wanted, abs=1e-9)


def test_a_chain_of_tensors(program: Path) -> None:
    module, rng = module_of(program, "Chain"), np.random.default_rng(3)
    weights, x = weights_of(module, 4), rng.normal(size=5)
    path = {k.partition(".")[2]: v for k, v in weights.items()}
    v = path["first"]
    for i in range(5):
        angle = np.pi / 4 * (1 + x[i])
        matrix = np.eye(3) + path["tensor"][:, :, 0, i] * np.cos(angle) + path["tensor"][:, :, 1, i] * np.sin(angle)
        v = matrix @ v
        v = v / np.linalg.norm(v)
    (found,) = run(module, [{"x": x}], weights)["output"]
    np.testing.assert_allclose(found, path["last"] @ v, atol=1e-9)
    np.testing.assert_allclose(Compiled(module, weights)([{"x": x}])["output"][0], path["last"] @ v, atol=1e-5)


def test_two_classes_share_one(program: Path) -> None:
    module = module_of(program, "Class")
    (found,) = run(module, [{"x": np.zeros(5)}], weights_of(module, 5))["output"]
    assert found.sum() == pytest.approx(1)
    assert 0 < expit(found[0]) < 1


@pytest.mark.parametrize(
    ("model", "number"),
    [("Jets", 169), ("JetsTwin", 265), ("Text", 133), ("TextTwin", 115), ("Chain", 99), ("Class", 172)],
)
def test_number_of_weights(program: Path, model: str, number: int) -> None:
    params = module_of(program, model).params.values()
    assert sum(prod(d.size or 0 for d in node.type.dims) for node in params if node["trainable"]) == number
