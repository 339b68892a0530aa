# SPDX-License-Identifier: Apache-2.0
"""Values over pairs of particles that equal themselves exchanged are known in the IR."""

from __future__ import annotations

import numpy as np
import pytest

from hepq.compiler.ir.interpret import evaluate
from hepq.compiler.ir.node import Module, Node
from hepq.compiler.ir.symmetry import halved, pair_of, symmetric
from tests.lang.elaborate.test_elaborate import built

PROGRAM = """from std.hep import deltaR, deltaPhi, deltaEta, deltaR_rapidity, minkowski, pt, mass, wrap_phi, phi
model M(p: p4[part]) -> real[part] {
  q = prime(p, part)
  return sum(%s, over=part')
}
"""
SYMMETRIC = (
    "deltaR(p, q)",
    "deltaR_rapidity(p, q)",
    "abs(deltaPhi(p, q)) / (1 rad)",
    "cos(deltaPhi(p, q))",
    "(p + q).mass / (1 GeV)",
    "abs(wrap_phi(p.phi)) * abs(wrap_phi(q.phi)) / (1 rad) / (1 rad)",
    "min(p.pt, q.pt) * deltaR(p, q) / (1 GeV)",
    "min(p.pt, q.pt) / (p.pt + q.pt)",
    "minkowski(p, q) / (1 GeV^2)",
    "abs(tanh(p.eta - q.eta)) * 2",
    "abs((p.eta - q.eta) * (p.pt + q.pt)) / (1 GeV)",
    "abs(sin(p.phi - q.phi) / (p.pt * q.pt)) * (1 GeV^2)",
)
OTHERS = (
    "p.eta - q.eta",
    "deltaEta(p, q)",
    "deltaPhi(p, q) / (1 rad)",
    "p.pt / q.pt",
    "p.pt / (p.pt + q.pt)",
    "exp(p.eta - q.eta)",
    "abs(exp(p.eta - q.eta))",
    "abs(p.eta + q.eta - p.phi / (1 rad))",
    "abs(wrap_phi(p.phi + (p.phi - q.phi))) / (1 rad)",
    "hypot(p.eta - q.phi / (1 rad), 1)",
)


def module_of(expression: str) -> tuple[Module, Node]:
    """And the value of pairs that it sums."""
    module = built(PROGRAM % expression).module
    (total,) = module.outputs.values()
    return module, total.operands[0]


@pytest.mark.parametrize(("expression", "expected"), [*((e, True) for e in SYMMETRIC), *((e, False) for e in OTHERS)])
def test_exchanging_two_particles(expression: str, expected: bool) -> None:
    """The claim, and the matrix of values of an event: what is called symmetric is."""
    module, node = module_of(expression)
    assert (node in symmetric(module.walk())) == expected
    rng = np.random.default_rng(1)
    momenta = rng.normal(size=(6, 3)) * 20
    p = np.concatenate([momenta, np.linalg.norm(momenta, axis=1)[:, None] + 1], axis=1)
    found = evaluate(module, [node], {"p": p}, {})[node]
    assert np.allclose(found, found.T, rtol=1e-12) == expected


def test_what_is_read_for_symmetric_values_alone_is_needed_once_for_a_pair() -> None:
    module, _ = module_of("deltaR(p, q)")
    nodes = tuple(module.walk())
    pairs = {node for node in nodes if pair_of(node)}
    assert len(pairs) > 3
    assert pairs == halved(nodes, {node: node.operands for node in nodes}) > symmetric(nodes)


def test_one_particle_is_no_pair() -> None:
    module = built("""from std.hep import pt
model M(p: p4[part]) -> real[part] = p.pt / (1 GeV)
""").module
    assert not symmetric(module.walk())
