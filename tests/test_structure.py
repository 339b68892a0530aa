# SPDX-License-Identifier: Apache-2.0
"""What parts stand on: a result is opened and added up without what draws, fits, writes or compiles."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

#: imported in functions that need them only: workers and `hepqc` start without
LATER = {"boost_histogram", "hist", "iminuit", "matplotlib", "mplhep", "pyhf", "scipy", "torch", "tvm", "uproot"}


@pytest.mark.parametrize("module", ["description", "flows", "provenance", "results", "sums"])
def test_results_stand_on_little(module: str) -> None:
    code = f"import hepq.runtime.analysis.{module}, json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    loaded = json.loads(done.stdout)
    assert f"hepq.runtime.analysis.{module}" in loaded
    assert not {name.split(".")[0] for name in loaded} & LATER
    assert not [name for name in loaded if name.startswith(("hepq.lang", "hepq.compiler"))]
