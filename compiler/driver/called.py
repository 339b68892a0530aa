# SPDX-License-Identifier: Apache-2.0
"""Artifacts that programs call: read when one is, since most call none."""

from __future__ import annotations

from pathlib import Path

from hepq.lang.elaborate.analyses.models import INTERFACES, Interface


def _interface(path: Path) -> Interface:
    from hepq.compiler.schema.interface import read_interface

    return read_interface(path)


def register() -> None:
    """Let programs call artifacts."""
    INTERFACES[:] = [_interface]
