# SPDX-License-Identifier: Apache-2.0
"""Draws a model's dataflow, top to bottom, with matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import networkx as nx

from hepq.draw.dataflow import Stage
from hepq.runtime.report.picture import picture

_COLOURS = {"data": "#dbe9f6", "output": "#dff0d8", "layer": "#ffffff", "particles": "#fdebd0"}


def draw(graph: nx.DiGraph, title: str, path: Path) -> None:
    """Write the picture of ``dataflow``'s graph. Raises DataError for an unknown format."""
    rows = [sorted(row) for row in nx.topological_generations(graph)]
    at = {key: ((i + 1) / (len(row) + 1), -n) for n, row in enumerate(rows) for i, key in enumerate(row)}
    width = 4.6 * max(map(len, rows))
    with picture(path, (max(width, 5.0), 0.95 * len(rows) + 0.6)) as figure:
        axes = figure.add_subplot()
        axes.set(xlim=(0, 1), ylim=(-len(rows) + 0.4, 0.6), title=title)
        axes.set_axis_off()
        boxes = {}
        for key, (x, y) in at.items():
            style = {"boxstyle": "round,pad=0.45", "facecolor": _COLOURS[_kind(graph, key)], "edgecolor": "#444444"}
            words = _words(graph.nodes[key]["stage"])
            text = axes.text(x, y, words, ha="center", va="center", bbox=style, zorder=2, linespacing=1.3)
            boxes[key] = text.get_bbox_patch()
        for source, target in graph.edges:
            around = 0.0 if at[source][1] - at[target][1] <= 1 else -0.95
            arrow: dict[str, Any] = {"arrowstyle": "-|>", "color": "#888888", "connectionstyle": f"arc3,rad={around}"}
            arrow |= {"patchA": boxes[source], "patchB": boxes[target], "shrinkA": 2, "shrinkB": 2}
            axes.annotate("", at[target], at[source], arrowprops=arrow, zorder=1)


def _words(stage: Stage) -> str:
    title = rf"$\bf{{{stage.title}}}$".replace(" ", r"\ ").replace("_", r"\_")
    gives = "; ".join(sorted(stage.gives)[:2])
    return "\n".join(line for line in (title, stage.detail, gives and f"→ {gives}") if line)


def _kind(graph: nx.DiGraph, key: str) -> str:
    if graph.out_degree(key) == 0:
        return "output"
    return "data" if graph.in_degree(key) == 0 else "particles" if " " in key else "layer"
