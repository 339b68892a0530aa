# SPDX-License-Identifier: Apache-2.0
"""Large pages for large tensors."""

from __future__ import annotations

import os


def large_pages() -> None:
    """For the rest of the process, if torch has made no tensor yet; on Linux, elsewhere nothing happens.

    The pages of a tensor of some MB, which a step of training makes hundreds of, are cleared one by one by the kernel:
    up to half the step's time with pages of 4 kB.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
