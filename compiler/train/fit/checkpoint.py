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

from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.runtime.files import ABSENT, replacing, seal, unseal, why_not

NAME = "training.pt"
#: settings that a training may be resumed with other values of. All others are in its mark
FREE = frozenset({
    "epochs", "patience",  # how long: epochs count where the schedule depends on them
    "device", "checkpoint", "resume", "trainings", "threads",  # where, and how often
    "rate",  # is in the optimiser
    "C", "kernel", "kernel_sha256", "backend", "shots",  # of support vector machines, which are not resumed
})  # fmt: skip


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
        temporary.write_bytes(seal(buffer.getvalue()))


def load(folder: Path, mark: str) -> State | None:
    """The state in ``folder``, if there is one; read without running any code.

    Raises HepqError HQ0743 if it is damaged, has no checksum, or is of another training.
    """
    path = folder / NAME
    if why_not(path) == ABSENT:
        return None
    state, made = read(path)
    if made != mark:
        reason = "it is of another program, other events or other options"
        raise HepqError([diag("HQ0743", path=path, reason=reason)])
    return state


def read(path: Path) -> tuple[State, str]:
    """The state in a file, and the mark of its training. Raises HepqError HQ0743 if it is damaged."""
    if why := why_not(path):
        raise HepqError([diag("HQ0743", path=path, reason=why)])
    try:
        content = unseal(path.read_bytes())
    except (OSError, ValueError) as error:
        raise HepqError([diag("HQ0743", path=path, reason=str(error))]) from error
    try:
        found = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
        mark = str(found.pop("mark"))
        return State(**found), mark
    except Exception as error:  # the reader raises many kinds
        raise HepqError([diag("HQ0743", path=path, reason="it is not what a training writes")]) from error


def refuse_leftover(folder: Path) -> None:
    """Raises HepqError HQ0744 if ``folder`` has the state of a training that nobody asked to resume."""
    if (folder / NAME).exists():
        raise HepqError([diag("HQ0744", path=folder / NAME)])
