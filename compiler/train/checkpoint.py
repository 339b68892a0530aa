# SPDX-License-Identifier: Apache-2.0
"""What a killed training continues from, written in one piece after every epoch."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hepq.lang.catalogue import diag
from hepq.lang.diagnostic import HepqError
from hepq.runtime.files import replacing

NAME = "training.pt"


@dataclass
class State:
    """Training after ``epoch`` epochs; ``history`` has a row for each. Random numbers depend on seed and epoch alone,
    so that nothing else is needed to go on as if nothing had happened, but as many ``threads``: sums that are split
    otherwise differ in their last digits. ``best``: of least ``loss`` in validation.
    """

    epoch: int
    weights: dict[str, Tensor]
    optimiser: dict[str, Any]
    best: dict[str, Tensor]
    threads: int
    loss: float = float("inf")
    history: list[dict[str, float]] = field(default_factory=list)


def fingerprint(*parts: str) -> str:
    """Identifies the training that a state belongs to."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def save(folder: Path, state: State, mark: str) -> None:
    """Replace the state in ``folder``; the old one stays until the new one is wholly on disk."""
    folder.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    torch.save({"mark": mark, **{f.name: getattr(state, f.name) for f in fields(state)}}, buffer)
    with replacing(folder / NAME) as temporary:
        temporary.write_bytes(buffer.getvalue())


def load(folder: Path, mark: str) -> State | None:
    """The state in ``folder``, if there is one; read without running any code.

    Raises HepqError HQ0743 if it is damaged or of another training.
    """
    path = folder / NAME
    if not path.is_file():
        return None
    try:
        found = torch.load(path, weights_only=True, map_location="cpu")
        made = found.pop("mark")
        state = State(**found)
    except Exception as error:  # the reader raises many kinds for damaged files
        raise HepqError([diag("HQ0743", path=path, reason="it is damaged")]) from error
    if made != mark:
        reason = "it is of another program, other events or other options"
        raise HepqError([diag("HQ0743", path=path, reason=reason)])
    return state


def refuse_leftover(folder: Path) -> None:
    """Raises HepqError HQ0744 if ``folder`` has the state of a training that nobody asked to resume."""
    if (folder / NAME).is_file():
        raise HepqError([diag("HQ0744", path=folder / NAME)])
