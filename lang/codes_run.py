# SPDX-License-Identifier: Apache-2.0
"""HQ07xx–HQ08xx: weights, compiling, artifacts, data at run time."""

from __future__ import annotations

from hepq.lang.catalogue import Entry

RUN: dict[str, Entry] = {}
