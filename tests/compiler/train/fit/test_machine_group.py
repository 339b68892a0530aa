# SPDX-License-Identifier: Apache-2.0
"""Several processes train the model that one would."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
from safetensors.numpy import load_file

from hepq.compiler.train import Recipe, train_file
from hepq.compiler.train.fit.machine import Group, joined
from tests.compiler.train.programs import EVENTS, GAN, written


def test_two_processes_are_one(tmp_path: Path) -> None:
    program = written(tmp_path, GAN.replace("|> Dropout[0.1]", ""))
    train_file(program, [EVENTS], tmp_path / "one.safetensors", Recipe(epochs=2, events=201))
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "0"]
    command += ["--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0", "-m", "hepq", "train", str(program)]
    command += [str(EVENTS), "--epochs", "2", "--events", "201", "-o", str(tmp_path / "two.safetensors")]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("gradient descent") == 1
    one, two = (load_file(tmp_path / f"{n}.safetensors") for n in ("one", "two"))
    for path, value in one.items():
        np.testing.assert_allclose(two[path], value, atol=2e-5, err_msg=path)


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> Group:
    """One of two processes, of which the other holds 10 more of everything."""
    monkeypatch.setattr(dist, "all_reduce", lambda tensor: tensor.add_(tensor + 10))
    return Group(1, 2)


def test_sums_means_and_shares(two: Group) -> None:
    a, b, count = torch.tensor([1.0, 2.0]), torch.tensor(3.0, dtype=torch.float64), torch.tensor([7])
    two.add([a, b])
    assert (a.tolist(), b.item()) == ([12.0, 14.0], 16.0)
    two.average([a, b, count])
    assert (a.tolist(), b.item(), count.tolist()) == ([17.0, 19.0], 21.0, [7])
    assert two.share(np.arange(5)).tolist() == [1, 3]
    assert Group(0, 2).share(np.arange(5)).tolist() == [0, 2, 4]
    assert (Group().main, Group(0, 2).main, two.main) == (True, True, False)


def test_one_process_alone_adds_nothing() -> None:
    a = torch.tensor([1.0])
    Group().add([a])
    Group().average([a])
    assert a.tolist() == [1.0]
    assert Group().share(np.arange(3)).tolist() == [0, 1, 2]
    with joined() as alone:
        assert alone == Group(0, 1)
