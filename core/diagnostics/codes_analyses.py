# SPDX-License-Identifier: Apache-2.0
"""HQ09xx: analyses."""

from __future__ import annotations

from hepq.core.diagnostics.diagnostic import Entry

ANALYSES: dict[str, Entry] = {}
