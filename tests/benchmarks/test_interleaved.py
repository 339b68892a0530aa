# SPDX-License-Identifier: Apache-2.0
"""Contestants take turns; the least time of each counts; a missing peer is said."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _from_the_root(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(root))


def test_contestants_take_turns_as_often_as_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.shared import interleaved

    clock, calls, cost = [0.0], list[str](), {"a": [9.0, 3.0, 2.0, 4.0], "b": [5.0]}
    monkeypatch.setattr("benchmarks.shared.interleaved.time.process_time", lambda: clock[0])

    def run(name: str) -> str:
        calls.append(name)
        clock[0] += cost[name][calls.count(name) - 1]
        return f"{name}{calls.count(name)}"

    least, results = interleaved.measure(
        {
            "a": interleaved.Contestant(lambda: run("a"), 3),
            "b": interleaved.Contestant(lambda: run("b"), 1, warm=False),
        },
        "both",
    )
    assert calls == ["a", "a", "b", "a", "a"]
    assert least == {"a": 2.0, "b": 5.0}
    assert results == {"a": "a4", "b": "b1"}


def test_a_missing_peer_ends_with_its_own_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from benchmarks import __main__
    from benchmarks.shared import interleaved

    monkeypatch.setattr(interleaved, "find_spec", lambda name: None)
    for name in ("gram", "gradients"):
        assert __main__.run([name, "--quick"]) == 3
        assert "pennylane is not installed" in capsys.readouterr().out


def test_one_thread_and_then_as_before() -> None:
    import torch

    from benchmarks.shared.interleaved import one_thread

    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
