# SPDX-License-Identifier: Apache-2.0
"""Values that are the events' own numbers: float32 in the data, moved about, computed by nothing.

Of such coordinates every distance is exact to 48 bits when computed in double, so which neighbours are nearest is not
for rounding to decide, however regular the grid that they lie on: compiled code, ONNX and the reference agree.
"""

from __future__ import annotations

from hepq.compiler.ir.node import Node, topological
from hepq.core.ops.table import SHAPE


def as_read(node: Node) -> bool:
    """Is every number of ``node`` one of an input's?"""
    return all(n.op == "input" or n.op in SHAPE for n in topological([node]))
