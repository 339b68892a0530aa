# SPDX-License-Identifier: Apache-2.0
"""The benchmark of hostile inputs notices what it must, and a few of its inputs pass."""

from __future__ import annotations

import ctypes
import json
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from benchmarks.robustness import hostile_child, hostile_commands
from benchmarks.robustness.hostile_child import Action, Result, pause, start
from benchmarks.robustness.hostile_forge import changed, damaged, forged, members, tensors
from benchmarks.robustness.hostile_inputs import KINDS
from hepq.core.errors import ArtifactError
from hepq.runtime.artifact.artifact import Artifact
from tests.support import tiny_artifact


def ended(action: Action) -> Result:
    child = start(7, "test", lambda work: action)
    while (result := child.poll()) is None:
        pause([child])
    assert not child.folder.exists()
    return result


def internal() -> int:
    print("internal error: KeyError: 'x'")
    return 70


def killed() -> int:
    ctypes.string_at(1)
    return 0


def asleep() -> int:
    time.sleep(60)
    return 0


def refused() -> int:
    print("error[HQ0821]: damaged")
    raise SystemExit(1)


@pytest.mark.parametrize(
    ("action", "outcome", "code"),
    [
        (lambda: 0, "accepted", ""),
        (refused, "refused", "HQ0821"),
        (lambda: 2, "refused", "usage"),
        (lambda: 1 // 0, "traceback", ""),
        (internal, "internal error", ""),
        (killed, "crash", ""),
        (lambda: "fmt changed it", "wrong", ""),
        (lambda: len(bytearray(3 << 30)), "traceback", ""),
    ],
)
def test_outcomes(action: Action, outcome: str, code: str) -> None:
    result = ended(action)
    assert (result.outcome, result.code, result.failed) == (outcome, code, outcome not in ("accepted", "refused"))
    assert bool(result.text) == result.failed


def test_a_hang_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hostile_child, "WALL", 0.3)
    result = ended(asleep)
    assert (result.outcome, result.seconds < 5) == ("hang", True)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_artifact.make(tmp_path_factory.mktemp("tiny") / "tiny.hepqx", tiny_artifact.dataset())


@pytest.mark.parametrize("change", [forged, damaged])
def test_changed_artifacts_end_in_an_error_of_ours(change: Callable[..., bytes], tiny: Path, tmp_path: Path) -> None:
    """Many, and quickly: opened only, each by its seed."""
    path, opened = tmp_path / "x.hepqx", 0
    for seed in range(150):
        path.write_bytes(change(Random(seed), tiny))
        try:
            Artifact.open(path)
            opened += 1
        except ArtifactError:
            continue
    assert opened < 150


def test_forging_leaves_the_code_alone(tiny: Path) -> None:
    code = members(tiny)["code/tiny.so"]
    for seed in range(20):
        path = tiny.with_name("forged.hepqx")
        path.write_bytes(forged(Random(seed), tiny))
        held = members(path)
        assert held["code/tiny.so"] == code
        assert forged(Random(seed), tiny) == path.read_bytes()


def test_a_tree_changes_in_one_place_and_stays_json() -> None:
    tree: Any = {"a": [1, {"b": "x"}], "c": None}
    trees = [changed(Random(seed), tree) for seed in range(200)]
    assert tree == {"a": [1, {"b": "x"}], "c": None}
    assert len({json.dumps(t) for t in trees}) > 50


def test_command_lines_are_of_declared_commands() -> None:
    lines = [hostile_commands.line(Random(seed)) for seed in range(300)]
    assert {"predict", "verify", "kernel", "train", "sign"} <= {words[0] for words in lines if words}
    assert not any("--dask" in words for words in lines)
    assert lines[5] == hostile_commands.line(Random(5))


def test_kinds_share_all_inputs() -> None:
    assert sum(share for _, share in KINDS.values()) == pytest.approx(1)


def test_what_is_no_tensors_any_more_can_be_changed_again() -> None:
    junk = b"\0" * 100
    assert len({tensors(Random(seed), junk) for seed in range(40)}) > 20
