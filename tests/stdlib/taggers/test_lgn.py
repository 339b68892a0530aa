# SPDX-License-Identifier: Apache-2.0
"""The Lorentz group network: every coupling it should have, another implementation's numbers, and its symmetry."""

from __future__ import annotations

from itertools import pairwise, product
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
from safetensors.numpy import save_file

import hepq
from benchmarks.shared.stdlib_programs import event_of, moved_weights
from hepq.compiler.driver.compilation import build_file, compile_file
from hepq.compiler.driver.options import Options
from hepq.compiler.ir.interpret import run
from hepq.compiler.ir.node import Module
from hepq.runtime.events import lorentz
from hepq.runtime.events.batch import prepare
from hepq.runtime.events.columns import collect
from tests.stdlib.taggers import lgn_reference as theirs

Array = np.ndarray[Any, Any]
PROGRAM = """
from std.lgn import LGN
dim part <= 16
dim feat = 2
dim cls = 2
@invariant(permute(part), lorentz)
model Top(p: p4[part], x: real[part, feat]) -> real[cls] = LGN[cls, STATICS name="net"](p, x)
"""


def program(folder: Path, statics: str = "") -> Path:
    (folder / "top.hepq").write_text(PROGRAM.replace("STATICS ", statics))
    return folder / "top.hepq"


def weights_of(module: Module, rng: np.random.Generator) -> dict[str, Array]:
    """Weights with which no output is 0 or 1, and tensors matter as scalars do."""
    weights = {path: value.astype(np.float64) for path, value in moved_weights(module, rng).items()}
    factors = {"plus0": 3.0, "minus0": 3.0, "tensor0": 100.0, "head": 0.02}
    return {path: value * factors.get(path.split(".")[-2], 1.0) for path, value in weights.items()}


def number(module: Module) -> int:
    return sum(int(np.prod([d.size or 0 for d in n.type.dims])) for n in module.params.values())


#: (left, right) spins, doubled
S, V, PLUS, MINUS, T = (0, 0), (1, 1), (2, 0), (0, 2), (2, 2)


def couplings(a: tuple[int, int], b: tuple[int, int]) -> list[tuple[int, int]]:
    """What the product of two irreps contains up to maxdim 3."""
    left, right = (range(abs(i - j), min(i + j, 2) + 1, 2) for i, j in zip(a, b, strict=True))
    return list(product(left, right))


def zero_with_itself(a: tuple[int, int], c: tuple[int, int]) -> bool:
    """Is the coupling of an irrep with itself to ``c`` antisymmetric?"""
    return sum(i - k // 2 for i, k in zip(a, c, strict=True)) % 2 == 1


def test_weights_are_those_of_the_published_code_less_redundant_ones(tmp_path: Path) -> None:
    """The published default has 4,646, of which 504 multiply what is zero, or there twice."""
    channels, published, ours = (2, 3, 4, 3), 0, 0
    node: list[tuple[int, int]] = [S]
    for before, after in pairwise(channels):
        together = [c for a in node for b in (S, V) for c in couplings(a, b)] + node
        squares = [c for a in node for b in node for c in couplings(a, b)]
        distinct = [
            c for i, a in enumerate(node) for b in node[i:] for c in couplings(a, b)
            if a != b or not zero_with_itself(a, c)
        ]  # fmt: skip
        published += 2 * before * after * len(together + squares)
        ours += 2 * before * after * len(together + distinct)
        radial, width = 3 * 20 + 2 * (20 + 1) * 2 * before, 4 * after
        perceptron = (2 * after + 1) * width + 2 * (width + 1) * width + (width + 1) * 2 * after
        published, ours = published + radial + perceptron, ours + radial + perceptron
        node = [k for k in (S, V, PLUS, MINUS, T) if k in together + squares]
    ends = (2 + 1) * 2 * 2 + (2 * (2 + 2 * 3 + 5 * 4 + 5 * 3) + 1) * 2
    assert (published + ends, ours + ends) == (4646, 4142)
    assert number(build_file(program(tmp_path)).module) == 4142


def test_each_coupling_is_there() -> None:
    """Products that the network relies on are not zero, and those that it leaves out are."""
    rng = np.random.default_rng(0)

    def tensors(n: int) -> dict[tuple[int, int], Array]:
        m = rng.normal(size=(n, 4, 4)) + 1j * rng.normal(size=(n, 4, 4))
        return {PLUS: theirs.self_dual(m, 1), MINUS: theirs.self_dual(m, -1), T: theirs.traceless_symmetric(m)}

    onto = {
        PLUS: lambda m: theirs.self_dual(m, 1),
        MINUS: lambda m: theirs.self_dual(m, -1),
        T: theirs.traceless_symmetric,
    }
    first, second = tensors(5), tensors(5)
    for a, b in product(first, second):
        for c, project in onto.items():
            there = np.abs(project(theirs.product(first[a], second[b]))).max() > 1e-3
            assert there == (c in couplings(a, b)), (a, b, c)
            if a == b:
                square = np.abs(project(theirs.product(first[a], first[a]))).max() > 1e-3
                assert square == (there and not zero_with_itself(a, c)), (a, c)


@pytest.mark.parametrize("particles", [1, 9])
def test_outputs_are_those_of_another_implementation(tmp_path: Path, particles: int) -> None:
    module, rng = build_file(program(tmp_path)).module, np.random.default_rng(particles)
    weights, event = weights_of(module, rng), event_of(module, particles, rng)
    (ours,) = run(module, [event], weights)["output"]
    bare = {path.removeprefix("net."): value for path, value in weights.items()}
    wanted = theirs.probabilities(bare, event["p"].astype(np.float64), event["x"].astype(np.float64))
    assert 1e-3 < wanted[0] < 1 - 1e-3
    np.testing.assert_allclose(ours, wanted, rtol=0, atol=1e-9)


def test_boosts_and_rotations_change_nothing(tmp_path: Path) -> None:
    module, rng = build_file(program(tmp_path)).module, np.random.default_rng(3)
    weights, event = weights_of(module, rng), event_of(module, 8, rng)
    events = [event, *(event | {"p": event["p"] @ m.T} for m in lorentz.transformations(4, rng))]
    events += [event | {"p": 1.01 * event["p"]}]
    first, *moved, scaled = run(module, events, weights)["output"]
    assert max(np.abs(value - first).max() for value in moved) < 1e-9
    assert np.abs(scaled - first).max() > 1e-6


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Module, dict[str, Array]]:
    """An artifact of a small network with moved weights, its module, and the weights."""
    path = program(tmp_path_factory.mktemp("lgn"), "channels=[2, 2, 2], basis=2, depth=1, ")
    module = build_file(path).module
    weights = moved_weights(module, np.random.default_rng(2))
    save_file(weights, path.with_name("weights.safetensors"))
    compile_file(path, path.with_name("top.hepqx"), Options(weights=path.with_name("weights.safetensors")))
    return path.with_name("top.hepqx"), module, weights


def test_compiled_code_is_within_rounding(compiled: tuple[Path, Module, dict[str, Array]]) -> None:
    path, module, weights = compiled
    rng = np.random.default_rng(2)
    events = [event_of(module, n, rng) for n in (0, 1, 2, 9)]
    wanted = run(module, events, weights)["output"]
    model = hepq.load(path, threads=1)
    raw = collect(model.manifest, {name: ak.Array([e[name] for e in events]) for name in events[0]})
    found = model.engine.run(prepare(model.manifest, raw))["output"]  # of the event without particles too
    np.testing.assert_allclose(found, np.stack(wanted), rtol=0, atol=1e-5)


def test_verify_boosts_and_rotates(compiled: tuple[Path, Module, dict[str, Array]]) -> None:
    found = hepq.load(compiled[0], threads=1).verify()
    assert found.ok
    assert not found.untested
    assert [c.check for c in found.checks] == ["golden", "permute(part)", "lorentz"]
