# SPDX-License-Identifier: Apache-2.0
"""Models that programs call: looked at when one is, since most call none."""

from __future__ import annotations

from hepq.lang.elaborate.analyses.models import INTERFACES, Interface, Wanted

#: how a network ends that is imported
NETWORK = ".onnx"


def _interface(wanted: Wanted) -> tuple[Interface, str]:
    if wanted.model is None and wanted.file is not None and wanted.file.suffix != NETWORK:
        from hepq.compiler.schema.interface import read_interface

        found = read_interface(wanted.file)
        return found, found.key
    from hepq.compiler.driver.within import interface

    return interface(wanted)


def register() -> None:
    """Let programs call models."""
    INTERFACES[:] = [_interface]
