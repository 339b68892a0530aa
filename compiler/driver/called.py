# SPDX-License-Identifier: Apache-2.0
"""Models that programs call: looked at when one is, since most call none."""

from __future__ import annotations

from hepq.lang.elaborate.analyses.models import Interface, Wanted

#: how a network ends that is imported
NETWORK = ".onnx"


def interface(wanted: Wanted) -> tuple[Interface, str]:
    """What it takes and gives, and the SHA-256 of its file. Raises NoInterface."""
    if wanted.model is None and wanted.file is not None and wanted.file.suffix != NETWORK:
        from hepq.compiler.schema.interface import read_interface

        found = read_interface(wanted.file)
        return found, found.key
    from hepq.compiler.driver import within

    return within.interface(wanted)
