# SPDX-License-Identifier: Apache-2.0
"""An analysis as machine code: one function for each kind of its sources, kept in the user's cache."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from hepq.compiler.ir.digest import digest
from hepq.compiler.ir.node import Module
from hepq.compiler.passes.base import run_pipeline
from hepq.compiler.passes.pipelines import EVENTS
from hepq.compiler.targets.cpu import CpuTarget, resolved
from hepq.core.analyses import Kind
from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.core.results_cache import kept
from hepq.runtime.analysis.description import Analysis
from hepq.runtime.analysis.program import Code, Compiled

#: what machine code follows from, beside the module
_COMPILERS = ("compiler/ir", "compiler/passes", "compiler/lower/cpu", "compiler/lower/events", "compiler/targets",
              "core", "runtime/engine")  # fmt: skip


def compiled(
    analysis: Analysis, modules: Mapping[Kind, Module], target: str = "cpu", program: str = "", cached: bool = True
) -> Compiled:
    """Compiles ``modules``, those that the analysis has sources for. With ``cached``, what was compiled before is not
    compiled again. ``program``: the name of its file.

    Raises HepqError HQ0708 for an unknown CPU, HQ0709 for what cannot be compiled.
    """
    cpu = resolved(target)
    kinds = [kind for kind in analysis.programs if any(s.kind == kind for s in analysis.sources)]
    return Compiled(analysis, {kind: _code(modules[kind], cpu, cached) for kind in kinds}, program)


def _code(module: Module, cpu: CpuTarget, cached: bool) -> Code:
    """With the modules before it."""
    before = tuple(_code(one, cpu, cached) for one in module.before)
    return replace(_own_code(replace(module, before=()), cpu, cached), before=before)


def _own_code(module: Module, cpu: CpuTarget, cached: bool) -> Code:
    identity = sha256("\n".join([digest(module), str(cpu), _compiler()]).encode()).hexdigest()
    if not cached:
        return _lowered(module, cpu, identity)
    return kept("events", identity.encode(), lambda: _lowered(module, cpu, identity))


def _lowered(module: Module, cpu: CpuTarget, identity: str) -> Code:
    from hepq.compiler.lower.events import LoweringError, lower

    ready, _ = run_pipeline(EVENTS, module, {})
    try:
        code = lower(ready, cpu)
    except LoweringError as error:
        raise HepqError([diag("HQ0709", op=str(error), target=str(cpu))]) from error
    return Code(code.library, code.description, code.mcpu, code.features, identity)


@lru_cache
def _compiler() -> str:
    """A hash of the code that compiles, and of what it compiles with: versions alone do not change with each change."""
    root = Path(__file__).parents[2]
    files = [file for folder in _COMPILERS for file in sorted((root / folder).rglob("*.py"))]
    text = b"".join(file.read_bytes() for file in files) + f"apache-tvm {version('apache-tvm')}".encode()
    return sha256(text).hexdigest()
