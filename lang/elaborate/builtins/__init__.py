# SPDX-License-Identifier: Apache-2.0
"""What every program can call, one file per family; importing the folder registers them all."""

from hepq.lang.elaborate.builtins import axes, graph, lists, math, models, objects, quantum, rows, runs, shape
from hepq.lang.elaborate.context import BUILTINS

__all__ = ["BUILTINS", "axes", "graph", "lists", "math", "models", "objects", "quantum", "rows", "runs", "shape"]
