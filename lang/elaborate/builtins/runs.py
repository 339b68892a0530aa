# SPDX-License-Identifier: Apache-2.0
"""Which events of data are used: ``golden_json("Cert_2012.json", run, luminosityBlock)``."""

from __future__ import annotations

from hepq.lang.elaborate.builtins.arguments import Arguments, builtin
from hepq.lang.elaborate.context import Context
from hepq.lang.elaborate.corrections.good_runs import good
from hepq.lang.elaborate.values import Value, describe


@builtin("golden_json", "file run block")
def _golden_json(ctx: Context, a: Arguments) -> Value:
    """Whether the file lists the luminosity block of the run."""
    file = a.value("file")
    if not isinstance(file, str):
        wanted = "the name of a file in quotes"
        ctx.error("HQ0404", a.where("file"), wanted=wanted, found=describe(file))
    for key in ("run", "block"):
        if a.tensor(key).type.elem != "int":
            wanted = f"whole numbers for `{key}`, as branches of type `int` have"
            ctx.error("HQ0404", a.where(key), wanted=wanted, found=describe(a.value(key)))
    return good(ctx, file, a.tensor("run"), a.tensor("block"), a.where("file"), a.span)
