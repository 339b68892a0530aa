# SPDX-License-Identifier: Apache-2.0
"""Compiled circuits on disk, by what they were made from: circuit, device, calibration, search, compiler."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from contextlib import suppress
from functools import lru_cache
from importlib.metadata import version
from inspect import getfile
from pathlib import Path
from typing import Any

from hepq.core import circuits, elementary, gates, phase_polynomial
from hepq.core.circuits import Circuit
from hepq.runtime.files import replacing, seal_text, unseal_text
from hepq.runtime.quantum.device import Device

_COMPILERS = ("hepq", "qiskit", "pytket")


def folder(given: Path | None) -> Path:
    """``given``, else ``$HEPQ_CACHE``, else ``hepq`` in the user's cache folder."""
    if given is not None:
        return given
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("HEPQ_CACHE") or Path(base, "hepq")) / "circuits"


def key(circuit: Circuit, device: Device, effort: str, seed: int) -> str:
    """Identifies all that a compilation depends on."""
    versions = [*(f"{name} {version(name)}" for name in _COMPILERS), _recipes()]
    parts = [circuit.digest, device.name, device.calibration, effort, str(seed), *versions]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@lru_cache
def _recipes() -> str:
    """A hash of the code that compiles circuits: versions alone do not change with every change of it."""
    shared = (circuits, elementary, gates, phase_polynomial)
    files = [*sorted(Path(__file__).parents[1].rglob("*.py")), *(Path(getfile(module)) for module in shared)]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def read(path: Path, name: str) -> dict[str, Any] | None:
    """What was stored under a key; a damaged entry counts as none, with a warning."""
    file = path / f"{name}.json"
    try:
        found: dict[str, Any] = json.loads(unseal_text(file.read_text()))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        warnings.warn(f"{file} is damaged and is made again: {error}", stacklevel=2)
        return None
    return found


def write(path: Path, name: str, data: dict[str, Any]) -> None:
    """Store atomically; a cache that cannot be written is no error."""
    content = json.dumps(data, separators=(",", ":"))
    file = path / f"{name}.json"
    with suppress(OSError):
        path.mkdir(parents=True, exist_ok=True)
        with replacing(file) as temporary:
            temporary.write_text(seal_text(content))
