# SPDX-License-Identifier: Apache-2.0
"""What quick commands import: nothing that takes long."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TAGGER = Path(__file__).resolve().parents[3] / "examples" / "tagger.hepq"
SLOW = {"numpy", "torch", "tvm", "tvm_ffi", "qiskit", "pytket", "awkward", "scipy", "networkx", "matplotlib", "sympy",
        "safetensors", "uproot", "pyarrow", "onnx", "cryptography", "pydantic"}  # fmt: skip
RUN = "import sys\nfrom hepq.cli import main\ntry:\n    main()\nexcept SystemExit:\n    pass\nprint(*sys.modules)"


@pytest.mark.parametrize(
    ("command", "also"), [(["check", str(TAGGER)], {"rich"}), (["--help"], {"lark"}), (["--version"], {"lark", "rich"})]
)
def test_modules(command: list[str], also: set[str]) -> None:
    done = subprocess.run([sys.executable, "-c", RUN, *command], capture_output=True, text=True, check=True)
    found = {name.split(".")[0] for name in done.stdout.splitlines()[-1].split()}
    assert "typer" in found
    assert not found & (SLOW | also)


def test_every_command_knows_what_a_program_calls(tmp_path: Path) -> None:
    """In a process of its own, where no other command has been: what says of a called model what it takes is there."""
    call = "from hepq.cli import main\nmain()"
    mass = TAGGER.parent / "qsvm" / "mass.hepq"
    command = [sys.executable, "-c", call, "compile", str(mass), "-o", str(tmp_path / "m.hepqx")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "internal error" not in done.stderr + done.stdout
    assert done.returncode in (0, 1)
