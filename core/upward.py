# SPDX-License-Identifier: Apache-2.0
"""What a layer asks of one above it: filled in where the package is put together, ``hepq/__init__.py``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: of ``lang.elaborate.analyses.models``: what a called model takes and gives, and the SHA-256 of its file
INTERFACES: list[Callable[[Any], Any]] = []
