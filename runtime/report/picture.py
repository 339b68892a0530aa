# SPDX-License-Identifier: Apache-2.0
"""Pictures as files: their formats, their style, written whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from hepq.core.errors import DataError
from hepq.runtime.files import replacing

FORMATS = (".png", ".svg", ".pdf")


@contextmanager
def picture(path: Path, size: tuple[float, float], style: Any = None, **saved: Any) -> Iterator[Figure]:
    """A figure of ``size`` inches to draw on, then written. Raises DataError HQ0817 for another format."""
    if path.suffix not in FORMATS:
        raise DataError("HQ0817", f"cannot draw {path}", f"the name should end in {', '.join(FORMATS)}")
    with mpl.rc_context({"svg.hashsalt": "hepq", "font.size": 9} if style is None else style):
        figure = Figure(figsize=size, layout="constrained")
        yield figure
        with replacing(path) as temporary:
            figure.savefig(temporary, format=path.suffix[1:], **{"dpi": 150, **saved})
