# SPDX-License-Identifier: Apache-2.0
"""Several processes train the model that one would."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from hepq.compiler.train import Recipe, train_file
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
