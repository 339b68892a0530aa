# SPDX-License-Identifier: Apache-2.0
"""The primitives every program can call: one table from name to typing rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hepq.core.source import Span
from hepq.lang.elaborate.builtins.graph import GRAPH
from hepq.lang.elaborate.builtins.lists import LISTS
from hepq.lang.elaborate.builtins.math import MATH
from hepq.lang.elaborate.builtins.quantum import QUANTUM
from hepq.lang.elaborate.builtins.shape import SHAPE
from hepq.lang.elaborate.context import Context
from hepq.lang.elaborate.values import Builtin, Value
from hepq.lang.syntax import ast

Rule = Callable[[Context, Builtin, Sequence[ast.Arg], Span], Value]

BUILTINS: dict[str, Rule] = {**MATH, **SHAPE, **GRAPH, **LISTS, **QUANTUM}
