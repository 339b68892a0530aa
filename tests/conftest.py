# SPDX-License-Identifier: Apache-2.0
"""Shared fixtures. Threads of numerical libraries are limited, since the tests themselves run in parallel."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT / "../shared/data"

settings.register_profile(
    "hepq", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.load_profile("hepq")


@pytest.fixture(autouse=True)
def _same_draws_every_time() -> None:
    """torch seeds its own generator by the clock, and a test may use it without a word, as a peer's layers do."""
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of jets and published weights; skips the test where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("no ../shared/data: jets and published weights are not here")
    return SHARED.resolve()
