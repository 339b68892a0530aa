# SPDX-License-Identifier: Apache-2.0
"""What to say about a name that means nothing: a likely spelling, the library module that has it, how to declare it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NoReturn

from hepq.core.diagnostics.catalogue import near
from hepq.core.source import Span
from hepq.lang.elaborate.context import Context
from hepq.lang.modules import declared_names, library_module, library_modules
from hepq.lang.syntax import ast

#: what programs in Python call the modules of their functions
_PYTHON = ("np", "numpy", "math", "torch", "tf", "jnp", "ak", "awkward", "F", "nn", "self", "vector")
#: names that Python programs would use, and what is written here
_INSTEAD = {
    "range": "write a range as `0..3`, or loop over a dim or a list",
    "len": "use `size(dim)`, or `count(dim)` for a ragged dim",
    "where": "write `if condition then a else b`",
    **dict.fromkeys(("cat", "concatenate", "hstack"), "use `concat(x, y)`"),
    **dict.fromkeys(("einsum", "matmul", "mm", "bmm", "tensordot", "inner"), "use `dot(x, y, over=dim)`"),
    **dict.fromkeys(("transpose", "permute", "swapaxes"), "dims align by name: their order never matters"),
    **dict.fromkeys(
        ("reshape", "view", "squeeze", "unsqueeze", "expand"), "use `unflatten`, `flatten`, `stack` or `rename`"
    ),
    **dict.fromkeys(
        ("arctan2", "arctan", "arcsin", "arccos", "arcsinh"), "write `atan2`, `atan`, `asin`, `acos`, `asinh`"
    ),
    **dict.fromkeys(("log10", "log2"), "divide logarithms: `log(x) / log(10)`"),
    **dict.fromkeys(("pow", "square"), "write `x^2`"),
    **dict.fromkeys(
        ("argmax", "argmin", "argsort", "sort", "topk"), "particles are ordered in the dataset: `order part by pt desc`"
    ),
    "root": "a file is read by `source name = root(…)` in a dataset",
}


def unknown_name(ctx: Context, name: str, known: Sequence[str], span: Span, *, dim: bool) -> NoReturn:
    """Report that ``name`` is none of the names ``known`` here; ``dim``: where a dim is wanted."""
    if name in _INSTEAD:
        ctx.error("HQ0101", span, name=name, help=_INSTEAD[name])
    close = near(name, known)
    home = _homes().get(name)
    dataset = ctx.frame.dataset
    if home is not None and not dim:
        ctx.error("HQ0101", span, name=name, help=f"import it: `from {home} import {name}`")
    if dataset is not None and not dim and not close and name not in _PYTHON:
        ctx.error("HQ0601", span, name=dataset, branch=name)
    if close:
        ctx.error("HQ0101", span, name=name, near=close)
    if name in _PYTHON:
        ctx.error("HQ0101", span, name=name, help="functions are called by their own names, such as `exp(x)`")
    if dim:
        help = f"declare it: `dim {name} = size`, or `dim {name} <= bound` for particles"
        ctx.error("HQ0101", span, name=name, help=help)
    ctx.error("HQ0101", span, name=name, near=near(name, _homes()))


@cache
def _homes() -> dict[str, str]:
    """Each name that a library module declares itself, and the module."""
    homes: dict[str, str] = {}
    for module in library_modules():
        parsed = library_module(module)
        for decl in parsed[0].decls if parsed else ():
            if not isinstance(decl, (ast.Import, ast.FromImport)):
                homes |= dict.fromkeys(declared_names(decl), module)
    return homes
