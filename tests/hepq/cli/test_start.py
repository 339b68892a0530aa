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
