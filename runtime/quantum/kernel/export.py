# SPDX-License-Identifier: Apache-2.0
"""Kernel matrices as ``.npz`` files that say where they are from; NumPy alone reads them."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from hepq.core.errors import DataError
from hepq.runtime.files import check_writable, replacing, unopened, why_not
from hepq.runtime.quantum.kernel.kernel import Described, KernelFunction, content
from hepq.runtime.quantum.kernel.store import utc


@dataclass(frozen=True)
class Side:
    """The events of rows or columns: features [N, *shape], which of the files' events they are, classes if known."""

    x: NDArray[np.float64]
    events: NDArray[np.int64]
    labels: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class Exported:
    """``gram`` [N, M]; ``provenance``: kernel, backend, calibration, hashes of the events, versions, date."""

    gram: NDArray[np.float64]
    provenance: dict[str, Any]
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)

    @property
    def labels(self) -> NDArray[np.int64] | None:
        return self.arrays.get("labels")


def save(
    path: str | Path, gram: NDArray[np.float64], kernel: KernelFunction, rows: Side, columns: Side | None = None,
    made: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Write ``gram``, ``events``, ``labels`` (of columns: ``events_against``, ``labels_against``), ``x_sha256``,
    ``provenance``, JSON to which ``made`` is added, and ``sha256`` of it all. The file appears whole or not at all.
    Raises DataError HQ0817.
    """
    arrays: dict[str, Any] = {"gram": gram}
    hashes: dict[str, Any] = {}
    for suffix, side in (("", rows), ("_against", columns)):
        if side is not None:
            hashes[f"x_sha256{suffix}"] = content(side.x)
            arrays[f"events{suffix}"] = side.events
            if side.labels is not None:
                arrays[f"labels{suffix}"] = side.labels
    about = dict(kernel.about) if isinstance(kernel, Described) else {}
    provenance = {"kernel": kernel.digest, **about, **hashes, "hepq": version("hepq"), "created": utc(), **(made or {})}
    path = Path(path)
    check(path)
    try:
        with replacing(path) as temporary, temporary.open("wb") as file:
            text = json.dumps(provenance)
            checksum = _checksum(text, arrays | {k: np.array(v) for k, v in hashes.items()})
            np.savez(file, provenance=np.array(text), sha256=np.array(checksum), **arrays, **hashes)
    except OSError as error:
        help = "is there room, and may you write there?"
        raise DataError("HQ0817", f"cannot write {path}", error.strerror or str(error), help) from error


def check(path: Path) -> None:
    """Raise DataError HQ0817 for a path that ``save`` would not write: before, not after, the work is done."""
    check_writable(path, (".npz",), "a kernel matrix is written as .npz")


def load(path: str | Path) -> Exported:
    """What ``save`` wrote. Raises DataError HQ0801, HQ0897 for a file that is damaged or was not written so."""
    if why := why_not(path):
        raise DataError("HQ0801", unopened(path, why), help="hepqc kernel writes one")
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        text, checksum = (str(arrays.pop(name)) for name in ("provenance", "sha256"))
        if checksum != _checksum(text, arrays):
            raise ValueError("its checksum does not fit")
        return Exported(arrays.pop("gram"), json.loads(text), arrays)
    except (OSError, ValueError, KeyError, EOFError, TypeError, AttributeError, BadZipFile, zlib.error) as error:
        title = f"{path} is not a kernel matrix as it was written"
        raise DataError("HQ0897", title, str(error), "compute it again: tiles of a --store are kept") from error


def _checksum(provenance: str, arrays: Mapping[str, Any]) -> str:
    """SHA-256 of all that a file holds."""
    made = sha256(provenance.encode())
    for name in sorted(arrays):
        value = np.asarray(arrays[name])
        made.update(f"{name} {value.dtype} {value.shape}\n".encode())
        made.update(np.ascontiguousarray(value).tobytes())
    return made.hexdigest()
