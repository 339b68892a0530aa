# SPDX-License-Identifier: Apache-2.0
"""Checkpoint tables: whether what they map to is what the block owns."""

from __future__ import annotations

import re

from hepq.core.diagnostics.catalogue import diag, near
from hepq.lang.elaborate.context import Context, Instance
from hepq.lang.modules import ModuleAst
from hepq.lang.syntax import ast
from hepq.lang.syntax.build import attributed, node
from hepq.lang.syntax.declaration import Declaration, register

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def _check_placeholders(ctx: Context, decl: ast.CheckpointDecl) -> None:
    """Report placeholders of a right side that the left side does not have."""
    for entry in decl.entries:
        theirs, ours = (set(_PLACEHOLDER.findall(side)) for side in (entry.theirs, entry.ours))
        for name in sorted(ours - theirs):
            ctx.sink.add(diag("HQ0642", entry.span, placeholder=name))


def check_tables(ctx: Context, module: ModuleAst) -> None:
    """Compare the tables of ``module`` with the weights of the blocks that ``ctx`` has elaborated."""
    for decl in module.file.decls:
        if isinstance(decl, ast.CheckpointDecl):
            for instance in ctx.instances:
                if (instance.block, instance.module) == (decl.block, module.name):
                    _check_table(ctx, decl, instance)


def _check_table(ctx: Context, decl: ast.CheckpointDecl, instance: Instance) -> None:
    prefix = f"{instance.path}." if instance.path else ""
    weights = [path.removeprefix(prefix) for path in ctx.params if path.startswith(prefix)]
    patterns = {entry: re.compile(_pattern(entry.ours)) for entry in decl.entries}
    for entry, pattern in patterns.items():
        fits = set(_PLACEHOLDER.findall(entry.ours)) <= set(_PLACEHOLDER.findall(entry.theirs))
        if fits and not any(map(pattern.fullmatch, weights)):
            close = near(entry.ours, weights)
            ctx.sink.add(diag("HQ0641", entry.span, name=decl.name, weight=entry.ours, block=decl.block, near=close))
    for weight in weights:
        if not any(pattern.fullmatch(weight) for pattern in patterns.values()):
            ctx.sink.add(diag("HQ0643", decl.span, name=decl.name, weight=weight, block=decl.block))


def _pattern(ours: str) -> str:
    return "[^.]+".join(map(re.escape, _PLACEHOLDER.sub("\0", ours).split("\0")))


def _check(ctx: Context, decl: ast.CheckpointDecl, module: str) -> None:
    scope = ctx.program.modules[module].scope
    binding = scope.get(decl.block)
    _check_placeholders(ctx, decl)
    if binding is None or not isinstance(binding.decl, ast.FnDecl) or binding.decl.kind == "fn":
        blocks = [n for n, b in scope.items() if isinstance(b.decl, ast.FnDecl)]
        ctx.error("HQ0640", decl.span, name=decl.block, near=near(decl.block, blocks))


register(
    Declaration(
        ast.CheckpointDecl,
        words=("checkpoint",),
        rules={"checkpoint": attributed(ast.CheckpointDecl, items=2), "map_entry": node(ast.MapEntry)},
        written={
            ast.CheckpointDecl: lambda f, d: f.braced(d, f"checkpoint {d.name} for {d.block} ", d.entries),
            ast.MapEntry: lambda f, entry: f'"{entry.theirs}" -> "{entry.ours}"',
        },
        check=_check,
        names=lambda d: (),  # it is found by its block
        tall=lambda d: True,
    )
)
