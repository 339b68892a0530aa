# SPDX-License-Identifier: Apache-2.0
"""Built-ins of analyses that call compiled models."""

from __future__ import annotations

from hepq.lang.elaborate.analyses.models import opened
from hepq.lang.elaborate.builtins.arguments import Arguments, builtin
from hepq.lang.elaborate.context import Context
from hepq.lang.elaborate.values import Value, describe


@builtin("artifact", "file")
def _artifact(ctx: Context, a: Arguments) -> Value:
    """``artifact("tagger.hepqx")``: a compiled model, to be called by the names of its inputs."""
    file = a.value("file")
    if not isinstance(file, str):
        ctx.error("HQ0404", a.where("file"), wanted="the name of an artifact in quotes", found=describe(file))
    if ctx.data is None or ctx.data.called is None:
        ctx.error("HQ0660", a.span, name=a.name)
    return opened(ctx, file, ctx.data.called, a.where("file"))
