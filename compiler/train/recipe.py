# SPDX-License-Identifier: Apache-2.0
"""How to train."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from hepq.runtime.quantum.backend import Backend


@dataclass(frozen=True)
class Recipe:
    """``validation``: fraction of the events held out. ``signal``: the class a single score stands for (default: the
    label's last). ``checkpoint``: a folder for what a killed job continues from with ``resume``.

    Gradient descent: ``epochs``, ``batch`` (events), ``rate`` (Adam's). Support vector machines: ``C`` (default: as
    the program says), ``events`` (at most so many are used), ``backend`` and ``shots`` for the kernel's circuits, which
    are those of the artifact ``kernel`` where one is given: compiled for a chip.
    """

    epochs: int = 30
    batch: int = 64
    rate: float = 1e-2
    seed: int = 0
    validation: float = 0.2
    class_weight: Literal["none", "balanced"] = "none"
    signal: str | None = None
    events: int | None = None
    checkpoint: Path | None = None
    resume: bool = False
    C: float | None = None
    kernel: Path | None = None
    backend: str | Backend = "exact"
    shots: int | None = None
