# SPDX-License-Identifier: Apache-2.0
"""HQ01xx–HQ06xx: names, dims, types, calls, qubits, datasets."""

from __future__ import annotations

from hepq.lang.catalogue import Entry

SEMANTIC: dict[str, Entry] = {}
