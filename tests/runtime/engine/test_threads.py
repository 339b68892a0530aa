# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info  # type: ignore[import-untyped]

from hepq.runtime.engine import threads


def written(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, None),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, None),
        ({"proc/self/cgroup": "0::/job\n", "sys/fs/cgroup/job/cpu.max": "200000 100000\n"}, 2),
        ({"proc/self/cgroup": "0::/job\n", "sys/fs/cgroup/job/cpu.max": "250000 100000\n"}, 3),
        ({"proc/self/cgroup": "0::/slot/job\n", "sys/fs/cgroup/slot/cpu.max": "50000 100000\n"}, 1),
        (
            {
                "proc/self/cgroup": "0::/slot/job\n",
                "sys/fs/cgroup/slot/cpu.max": "400000 100000\n",
                "sys/fs/cgroup/slot/job/cpu.max": "800000 100000\n",
            },
            4,
        ),
        (
            {
                "proc/self/cgroup": "5:memory:/job\n4:cpu,cpuacct:/job\n0::/\n",
                "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us": "300000\n",
                "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us": "100000\n",
            },
            3,
        ),
        (
            {
                "proc/self/cgroup": "1:cpu:/job\n",
                "sys/fs/cgroup/cpu/job/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/job/cpu.cfs_period_us": "100000\n",
            },
            None,
        ),
        # the files of a group that a container does not see: those at the mount's root are its own
        ({"proc/self/cgroup": "0::/docker/abc\n", "sys/fs/cgroup/cpu.max": "150000 100000\n"}, 2),
    ],
)
def test_the_share_of_control_groups(tmp_path: Path, files: dict[str, str], cores: int | None) -> None:
    assert threads.quota(written(tmp_path, files)) == cores


@pytest.mark.case("threads")
def test_available_is_the_least_of_affinity_share_and_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)))
    monkeypatch.setattr(threads, "quota", lambda: None)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert threads.available() == 6
    for said, cores in (("4", 4), ("3,2", 3), ("8", 6), ("many", 6), ("0", 6)):
        monkeypatch.setenv("OMP_NUM_THREADS", said)
        assert threads.available() == cores
    monkeypatch.setattr(threads, "quota", lambda: 2)
    assert threads.available() == 2


@pytest.mark.case("threads")
def test_waiting_threads_sleep_unless_the_user_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.delenv("OPENBLAS_THREAD_TIMEOUT", raising=False)
    monkeypatch.setenv("KMP_BLOCKTIME", "200")
    threads.sleep_when_idle()
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    assert os.environ["KMP_BLOCKTIME"] == "200"
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    threads.sleep_when_idle()
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"


def test_limited_inside_and_as_before_after(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    np.ones((2, 2)) @ np.ones((2, 2))
    before = [(p["prefix"], p["num_threads"]) for p in threadpool_info()], torch.get_num_threads()
    with threads.limited(3):
        assert torch.get_num_threads() == 3
        assert {p["num_threads"] for p in threadpool_info() if p["user_api"] == "openmp"} == {3}
        assert os.environ["OMP_NUM_THREADS"] == os.environ["MKL_NUM_THREADS"] == "3"
    assert ([(p["prefix"], p["num_threads"]) for p in threadpool_info()], torch.get_num_threads()) == before
    assert os.environ["OMP_NUM_THREADS"] == "1"
    assert "MKL_NUM_THREADS" not in os.environ
    with threads.limited(None):
        assert torch.get_num_threads() == 1


@pytest.mark.case("threads")
@pytest.mark.parametrize("command", ["train", "compare"])
def test_waiting_threads_sleep_in_what_trains(command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Said before torch is imported: libraries read it once."""
    from hepq.compiler.train import train_file
    from hepq.compiler.train.two_sample import compare_files
    from hepq.core.diagnostics.diagnostic import HepqError

    files = [tmp_path / "a.root"]
    commands: dict[str, Callable[[], object]] = {
        "train": lambda: train_file(tmp_path / "none.hepq", files, tmp_path / "o.safetensors"),
        "compare": lambda: compare_files(tmp_path / "none.hepq", files, files),
    }
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    with pytest.raises(HepqError):
        commands[command]()
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
