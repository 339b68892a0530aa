# SPDX-License-Identifier: Apache-2.0
"""Whoever simulates asks for memory first, and is told the need and what there is."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from hepq.compiler.circuits import dense
from hepq.compiler.ir import state_vector
from hepq.core.circuits import Angle, Circuit, Gate
from hepq.core.errors import DataError
from hepq.runtime.quantum.backends.exact import Exact
from hepq.runtime.quantum.simulate import memory, state

GIB = 1 << 30


def turned(wires: int) -> Circuit:
    return Circuit(wires, 1, tuple(Gate("ry", (q,), (Angle.slot(0),)) for q in range(wires)))


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ({}, 1 << 62),
        ({"proc/meminfo": "MemTotal: 9 kB\nMemAvailable:    2048 kB\n"}, 2 << 20),
        (
            {  # version 2: the group above is the tighter one; cache that may be dropped is free
                "proc/meminfo": "MemAvailable: 4194304 kB\n", "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/b/memory.max": "max\n", "sys/fs/cgroup/a/b/memory.current": "5\n",
                "sys/fs/cgroup/a/memory.max": "3000\n", "sys/fs/cgroup/a/memory.current": "1000\n",
                "sys/fs/cgroup/a/memory.stat": "anon 900\ninactive_file 400\n",
            }, 2400,
        ),
        (
            {  # version 1
                "proc/self/cgroup": "9:cpu:/\n4:memory:/a\n", "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "700\n",
                "sys/fs/cgroup/memory/a/memory.usage_in_bytes": "900\n",
            }, 0,
        ),
    ],
)  # fmt: skip
def test_available_is_the_tightest_bound(
    files: dict[str, str], wanted: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert memory.available(write(tmp_path, files)) == wanted


def test_available_under_a_limit_of_address_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (3 << 20, resource.RLIM_INFINITY))
    assert memory.available(write(tmp_path, {"proc/self/status": "VmSize:\t 1024 kB\n"})) == 2 << 20


@pytest.mark.parametrize(
    ("wires", "events", "free", "code", "words"),
    [
        (34, 1, 8 * GIB, "HQ0850", ("takes 2,304 GiB", "at most 2^26", "8.0 GiB are available")),
        (24, 1, GIB, "HQ0850", ("takes 2.2 GiB", "1.0 GiB are available")),
        (20, 64, GIB, "HQ0852", ("64 times 2^20 amplitudes take 1.1 GiB", "1.0 GiB are available")),
        (20, 1024, 64 * GIB, "HQ0852", ("take 16.1 GiB", "at most 4.0 GiB")),
    ],
)
def test_refusals_say_the_need(wires: int, events: int, free: int, code: str, words: tuple[str, ...]) -> None:
    with pytest.raises(DataError) as raised:
        memory.ask(wires, events, free=free)
    assert raised.value.code == code
    assert raised.value.help
    assert all(word in raised.value.why for word in words)


def test_what_fits_is_let_through_and_small_states_need_no_look(monkeypatch: pytest.MonkeyPatch) -> None:
    memory.ask(24, free=3 * GIB)
    monkeypatch.setattr(memory, "available", lambda: pytest.fail("looked"))
    memory.ask(18, 4)


@pytest.mark.case("mem34")
@pytest.mark.parametrize(
    "simulated",
    [
        lambda c: Exact().states(c, np.zeros((1, 1))),
        lambda c: Exact().probabilities(c, np.zeros((1, 1))),
        lambda c: Exact().means(c, np.zeros((1, 1)), [tuple((1.0, ((q, "Z"),)) for q in range(c.qubits))]),
        lambda c: state.states(c, torch.zeros(1, 1)),
        lambda c: state_vector.state(c, np.zeros(1)),
        lambda c: dense.probabilities(c, np.zeros(1), range(c.qubits)),
    ],
)
@pytest.mark.parametrize("wires", [21, 34])
def test_every_simulator_asks_first(
    simulated: Callable[[Circuit], object], wires: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "available", lambda: 1 << 20)
    with pytest.raises(DataError, match=rf"HQ0850.*{wires} wires[\s\S]*1 MiB are available"):
        simulated(turned(wires))


def test_derivatives_need_the_states_of_every_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    layers = tuple(Gate("cx", (q, (q + 1) % 10)) for q in range(10)) + turned(10).ops
    circuit, values = Circuit(10, 1, layers * 8), torch.zeros(2000, 1, dtype=torch.float64)
    monkeypatch.setattr(memory, "available", lambda: 1 << 27)
    observables = [tuple((1.0, ((q, "Z"),)) for q in range(10))]
    assert state.expectations(circuit, values[:2], observables).shape == (2, 1)
    with pytest.raises(DataError, match=r"HQ0852.*2000 events"):
        state.expectations(circuit, values.requires_grad_(), observables)
