# SPDX-License-Identifier: Apache-2.0
"""One thread per test process: on small arrays, several would only wait for each other."""

from __future__ import annotations

import os

for _library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")
