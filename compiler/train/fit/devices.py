# SPDX-License-Identifier: Apache-2.0
"""What torch computes on."""

from __future__ import annotations

import torch

from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import HepqError


def device(name: str | None) -> torch.device:
    """Torch's device of that name; by default a GPU if there is one. Raises HepqError HQ0772 if there is none."""
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(name)
        torch.ones(1, device=found).cpu()
    except (RuntimeError, AssertionError, NotImplementedError, ImportError) as error:
        there = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise HepqError([diag("HQ0772", name=name, reason=reason, help=f"here are: {', '.join(there)}")]) from error
    return found
