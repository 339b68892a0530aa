# SPDX-License-Identifier: Apache-2.0
"""The primitives every program can call: one table from name to typing rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hepq.lang import ast
from hepq.lang.builtins_graph import GRAPH
from hepq.lang.builtins_lists import LISTS
from hepq.lang.builtins_math import MATH
from hepq.lang.builtins_quantum import QUANTUM
from hepq.lang.builtins_shape import SHAPE
from hepq.lang.context import Context
from hepq.lang.source import Span
from hepq.lang.values import Builtin, Value

Rule = Callable[[Context, Builtin, Sequence[ast.Arg], Span], Value]

BUILTINS: dict[str, Rule] = {**MATH, **SHAPE, **GRAPH, **LISTS, **QUANTUM}
