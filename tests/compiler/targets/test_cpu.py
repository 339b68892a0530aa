# SPDX-License-Identifier: Apache-2.0
"""CPU targets by name."""

from __future__ import annotations

import pytest

from hepq.compiler.targets import cpu


def test_native_is_the_default_and_runs_here() -> None:
    target = cpu.parse("cpu")
    assert target == cpu.parse("cpu:native")
    assert cpu.host_features().issuperset(target.features)


@pytest.mark.skipif(cpu.machine() != "x86_64", reason="names of x86 levels")
@pytest.mark.parametrize(
    ("name", "lanes"), [("x86-64", 4), ("x86-64-v3", 8), ("x86-64-v4", 16), ("skylake-avx512", 16)]
)
def test_named(name: str, lanes: int) -> None:
    target = cpu.parse(f"cpu:{name}")
    assert (target.mcpu, target.lanes, str(target)) == (name, lanes, f"cpu:{name}")


def test_the_best_fit_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "machine", lambda: "x86_64")
    monkeypatch.setattr(cpu, "host_features", lambda: frozenset(cpu.KNOWN["x86-64-v4"][2]))
    assert cpu.native().vector_bits == 512
    monkeypatch.setattr(cpu, "host_features", lambda: frozenset(cpu.KNOWN["x86-64-v3"][2]))
    assert cpu.native().vector_bits == 256
    monkeypatch.setattr(cpu, "machine", lambda: "riscv64")
    with pytest.raises(ValueError, match="riscv64"):
        cpu.native()


def test_mistakes_are_explained() -> None:
    with pytest.raises(ValueError, match=r"unknown CPU 'x86-64-v9'; choose native or one of: .*x86-64-v3"):
        cpu.parse("cpu:x86-64-v9")
    other = "apple-m1" if cpu.machine() == "x86_64" else "x86-64-v3"
    with pytest.raises(ValueError, match="this machine is"):
        cpu.parse(f"cpu:{other}")
    with pytest.raises(ValueError, match="not a CPU target"):
        cpu.parse("cuda")
