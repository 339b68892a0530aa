# SPDX-License-Identifier: Apache-2.0
"""What a compiled program follows from, beside its own files: the code that compiled it."""

from __future__ import annotations

import os
from functools import lru_cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

_PARTS = ("core", "grammar", "lang", "compiler", "runtime", "stdlib")


@lru_cache
def own_code() -> str:
    """A hash of the names, sizes and times of all our code, and of the version of TVM."""
    root = Path(__file__).parents[2]
    found = [f"apache-tvm {version('apache-tvm')}"]
    for part in _PARTS:
        for folder, folders, names in os.walk(root / part):
            folders[:] = sorted(f for f in folders if f != "__pycache__")
            for name in sorted(names):
                about = os.stat(os.path.join(folder, name))
                found.append(f"{folder}/{name} {about.st_size} {about.st_mtime_ns}")
    return sha256("\n".join(found).encode()).hexdigest()
