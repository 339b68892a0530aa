# SPDX-License-Identifier: Apache-2.0
"""Built-ins of analyses that call compiled models."""

from __future__ import annotations

from hepq.lang.elaborate.analyses.models import opened
from hepq.lang.elaborate.builtins.arguments import Arguments, builtin
from hepq.lang.elaborate.context import Context
from hepq.lang.elaborate.values import Function, Value, describe


@builtin("artifact", "model", "weights")
def _artifact(ctx: Context, a: Arguments) -> Value:
    """``artifact("tagger.hepqx")``, ``artifact("net.onnx")``, ``artifact(Tagger, weights="tagger.safetensors")``: a
    model, to be called by the names of its inputs."""
    what, weights = a.value("model"), a.values.get("weights")
    if isinstance(what, Function) and what.decl.kind == "model":
        if weights is not None and not isinstance(weights[0], str):
            ctx.error("HQ0404", weights[1], wanted="the name of a file in quotes", found=describe(weights[0]))
    elif not isinstance(what, str):
        wanted = "a `model`, or the name of an artifact in quotes"
        ctx.error("HQ0404", a.where("model"), wanted=wanted, found=describe(what))
    elif weights is not None:
        ctx.error("HQ0403", weights[1], name="weights", what=a.name, near=[], wanted="none: the file has its weights")
    if ctx.data is None or ctx.data.called is None:
        ctx.error("HQ0660", a.span, name=a.name)
    if isinstance(what, str):
        return opened(ctx, what, None, ctx.data.called, a.where("model"))
    return opened(ctx, None if weights is None else weights[0], what, ctx.data.called, a.where("model"))
