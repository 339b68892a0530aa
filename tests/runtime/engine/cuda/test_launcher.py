# SPDX-License-Identifier: Apache-2.0
"""The launcher on a driver without a GPU, and what drivers refuse."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from hepq.compiler.ir.infer import make
from hepq.compiler.ir.interpret import run
from hepq.compiler.ir.node import Module
from hepq.core.errors import ArtifactError
from hepq.core.types import Dim, Type
from hepq.runtime.engine.cuda import driver
from hepq.runtime.engine.cuda.driver import Driver
from tests.support.cuda.cuda_call import Loaded, fake_gpu
from tests.support.cuda.shim import Fake

PART, FEAT = Dim("part", bound=30), Dim("feat", 3)


@pytest.fixture(name="fake")
def _fake() -> Iterator[Fake]:
    fake = Fake()
    with fake_gpu():
        yield fake
    for name, value in (("devices", 1), ("capability", 90), ("memory", 1 << 40)):
        fake.set(name, value)


def paired() -> Module:
    """A value of each pair of particles, and their sum."""
    x = make("input", name="x", type=Type("real", (PART, FEAT)))
    gap = make("abs", make("sub", x, make("rename", x, src=PART, dst=PART.prime())))
    far = make("reduce_sum", gap, over=(FEAT,))
    return Module("paired", (x,), {"far": make("reduce_max", far, over=(PART.prime(),)), "pairs": far})


def test_pairs_in_chunks(fake: Fake) -> None:
    module, rng = paired(), np.random.default_rng(0)
    events = [{"x": rng.normal(size=(n, 3)).astype(np.float32)} for n in (0, 30, 1, 7, 7, 30, 0)]
    wanted = run(module, events, {}, np.float32)
    for memory in (1, 20_000, None):
        found = Loaded(module, {}, memory)(events)
        for name, values in wanted.items():
            for a, b in zip(found[name], values, strict=True):
                np.testing.assert_allclose(a, b, 1e-6, 1e-6, err_msg=f"{name}, {memory}")


def test_no_events_need_no_launch(fake: Fake) -> None:
    loaded, before = Loaded(paired(), {}), fake.get("launches")
    found = loaded.launcher.run(0, {"part": np.zeros(1, np.int64)}, {"x": np.zeros(0, np.float32)})
    assert {name: value.size for name, value in found.items()} == {"far": 0, "pairs": 0}
    assert fake.get("launches") == before


def test_memory_is_given_back(fake: Fake) -> None:
    before = fake.get("buffers")
    loaded = Loaded(paired(), {})
    loaded([{"x": np.zeros((4, 3))}])
    assert fake.get("buffers") > before
    loaded.launcher.close()
    assert fake.get("buffers") == before


def refusal() -> ArtifactError:
    with pytest.raises(ArtifactError) as caught:
        Driver()
    return caught.value


def test_what_is_said_where_no_gpu_can_run_it(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.set("capability", 75)
    assert refusal().code == "HQ0846"
    assert "compute capability 7.5" in refusal().why
    fake.set("devices", 0)
    assert "shows no GPU" in refusal().why
    monkeypatch.setattr(driver, "LIBRARY", "libnone.so.1")
    assert "driver is not here" in refusal().why


def test_what_the_driver_refuses_is_said(fake: Fake) -> None:
    loaded = Loaded(paired(), {})
    fake.set("memory", 1)
    with pytest.raises(ArtifactError, match="out of memory") as caught:
        loaded([{"x": np.zeros((4, 3))}])
    assert caught.value.code == "HQ0847"
    assert "fewer events" in caught.value.help
    with pytest.raises(ArtifactError, match="image is invalid"):
        loaded.driver.module(b"no code")
