# SPDX-License-Identifier: Apache-2.0
"""Normal numbers are right to the last digits and far into the tails."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from scipy import special, stats

from hepq.core.noise import STEP, noise
from hepq.lang.elaborate.algebra import Algebra
from hepq.lang.elaborate.analyses.draws import drawn, normal_quantile
from hepq.lang.elaborate.values import Init
from tests.support.emission import Emission, reported

RNG = np.random.default_rng(1)
TAILS = 2.0 ** -np.arange(1, 53) + STEP / 2
PROBABILITIES = np.concatenate([RNG.uniform(size=20000), TAILS, 1 - TAILS, [STEP / 2, 0.5, 0.075, 0.925, 1 - STEP / 2]])


def test_quantiles_of_the_normal_distribution() -> None:
    made = Emission()
    found = made.run({"p": PROBABILITIES}, z=normal_quantile(Algebra(made.ctx, made.span), made.input("p")))["z"]
    np.testing.assert_allclose(found, special.ndtri(PROBABILITIES), rtol=1e-15, atol=1e-16)
    python = np.array([NormalDist().inv_cdf(p) for p in PROBABILITIES])
    np.testing.assert_allclose(found, python, rtol=1e-15, atol=1e-17)


def test_draws_follow_from_key_entry_and_name() -> None:
    made = Emission()
    key, entry = made.input("key", "int"), made.input("entry", "int")
    values = {"key": np.arange(50_000) // 5, "entry": np.arange(50_000) % 5}
    found = made.run(
        values,
        normal=drawn(made.ctx, key, entry, "a", Init("normal", (1.0, 0.05)), made.span),
        uniform=drawn(made.ctx, key, entry, "a", Init("uniform", (-1.0, 3.0)), made.span),
        event=drawn(made.ctx, key, None, "a", Init("uniform", (0.0, 1.0)), made.span),
    )
    first = noise("a", 1, 2)
    assert found["uniform"][7] == first * 4 - 1
    assert found["normal"][7] == pytest.approx(1 + 0.05 * NormalDist().inv_cdf(first), rel=1e-15)
    assert found["event"][7] == noise("a", 1, 0)
    assert stats.kstest(found["normal"], "norm", args=(1, 0.05)).pvalue > 0.01


@pytest.mark.parametrize("init", [Init("normal", (0.0, 0.0)), Init("uniform", (1.0, 1.0)), Init("normal", (0.0, -1.0)),
                                  Init("uniform", (0.0, math.inf))])  # fmt: skip
def test_a_distribution_without_width_is_reported(init: Init) -> None:
    found = reported(lambda m: drawn(m.ctx, m.input("key", "int"), None, "a", init, m.span))
    assert found.code == "HQ0949"
