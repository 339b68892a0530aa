# SPDX-License-Identifier: Apache-2.0
"""Large pages for large tensors."""

from __future__ import annotations

import os


def large_pages() -> None:
    """Before torch is imported, for the rest of the process; on Linux, elsewhere nothing happens.

    The pages of a tensor of some MB, which a step of training makes hundreds of, are cleared one by one by the kernel:
    up to half the step's time with pages of 4 kB.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
