# SPDX-License-Identifier: Apache-2.0
"""What scoring a file imports, and how an import is kept from importing more."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hepq.runtime.imports import without
from tests.runtime.conftest import make_events

#: each costs more than scoring a small file does
SLOW = (
    "torch tvm ml_dtypes qiskit pytket sklearn scipy pandas numba matplotlib mplhep sympy lark networkx rustworkx onnx"
)


def test_scoring_a_file_imports_only_what_reads_and_runs(tiny: Path, root_file: Callable[..., Path]) -> None:
    events = make_events(20)
    file = root_file(events[[f for f in events.fields if not f.startswith("label_")]])
    code = (
        "import json, sys; from hepq.cli import app; app(sys.argv[1:], standalone_mode=False);"
        "print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"
    )
    argv = [sys.executable, "-c", code, "predict", str(tiny), str(file), "-o", str(file.with_name("out.root"))]
    out = subprocess.run(argv, capture_output=True, text=True, check=True)
    loaded = set(json.loads(out.stdout.splitlines()[-1]))
    assert {"numpy", "awkward", "uproot", "tvm_ffi"} <= loaded
    assert not loaded & set(SLOW.split())


def test_compiling_for_a_cpu_imports_nothing_slow_but_tvm() -> None:
    packages = ("tvm", "torch", "ml_dtypes")
    code = f"import sys, hepq.compiler.lower.cpu.codegen; print(*(p in sys.modules for p in {packages}))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["True", "False", "False"]


def test_a_package_is_hidden_from_one_thread_and_for_a_while() -> None:
    package = "wave"  # of the standard library; nothing imports it
    sys.modules.pop(package, None)
    with without(package):
        with pytest.raises(ImportError, match=package):
            importlib.import_module(package)
        with ThreadPoolExecutor(1) as other:
            found = other.submit(importlib.import_module, package).result()
        assert importlib.import_module(package) is found  # what has been imported stays
    sys.modules.pop(package)
    assert importlib.import_module(package) is not found
