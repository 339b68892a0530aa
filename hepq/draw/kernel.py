# SPDX-License-Identifier: Apache-2.0
"""Draws a kernel matrix, events sorted by class, with matplotlib."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from hepq.runtime.artifact.manifest import Manifest
from hepq.runtime.report.picture import picture

Labels = NDArray[np.int64] | None


def draw(matrix: NDArray[np.float64], rows: Labels, columns: Labels, manifest: Manifest, path: Path) -> None:
    """Write the picture; classes by name where the dataset names them. Raises DataError HQ0817 for another format."""
    label = manifest.dataset.label if manifest.dataset else None
    names = manifest.dim(label.dim).names if label else ()
    down, across = (_sorted(labels, size) for labels, size in zip((rows, columns), matrix.shape, strict=True))
    with picture(path, (5.6, 4.8)) as figure:
        axes = figure.add_subplot()
        image = axes.imshow(matrix[np.ix_(down, across)], cmap="viridis", interpolation="nearest", aspect="auto")
        figure.colorbar(image, ax=axes, label="K(x, y)")
        _mark(axes, rows, names, "y")
        _mark(axes, columns, names, "x")
        axes.set(title=f"kernel {manifest.name}", xlabel="event", ylabel="event")


def _sorted(labels: Labels, size: int) -> NDArray[np.int64]:
    return np.arange(size) if labels is None else np.argsort(labels, kind="stable")


def _mark(axes: Axes, labels: Labels, names: tuple[str, ...], side: str) -> None:
    """Lines between classes, and each one's name at its middle."""
    if labels is None:
        return
    classes, counts = np.unique(labels, return_counts=True)
    ends = np.cumsum(counts)
    for end in ends[:-1]:
        (axes.axhline if side == "y" else axes.axvline)(end - 0.5, color="white", linewidth=0.8)
    words = [names[c] if 0 <= c < len(names) else "unlabelled" if c < 0 else str(c) for c in classes]
    middles = ends - counts / 2 - 0.5
    if side == "y":
        axes.set_yticks(middles, words, rotation=90, va="center")
    else:
        axes.set_xticks(middles, words)
