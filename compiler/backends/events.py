# SPDX-License-Identifier: Apache-2.0
"""The event program of a dataset with objects, compiled: for an artifact, and to read events here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from hepq.compiler.ir.build import Built
from hepq.compiler.ir.node import Module
from hepq.compiler.ir.stages import event_module
from hepq.compiler.passes.base import run_pipeline
from hepq.compiler.passes.pipelines import EVENTS
from hepq.compiler.schema.stage import event_stage
from hepq.compiler.targets.cpu import resolved
from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.runtime.artifact.stage import EventStage
from hepq.runtime.engine.event_code import EventDescription, EventProgram, to_json
from hepq.runtime.engine.events import Stage


@dataclass(frozen=True)
class EventsCode:
    """``module``: what was compiled, before any pass."""

    module: Module
    stage: EventStage
    library: bytes
    description: EventDescription

    @property
    def members(self) -> Mapping[str, bytes]:
        """Of an artifact."""
        return {self.stage.library: self.library, self.stage.description: to_json(self.description)}

    @cached_property
    def reader(self) -> Stage:
        """What reads events with it, on this machine."""
        return Stage(self.stage, EventProgram(self.library, self.description))


def compiled_events(built: Built, model: Module, target: str) -> EventsCode | None:
    """What makes the inputs that ``model`` reads; None for a dataset without objects.

    Raises HepqError HQ0708 for an unknown CPU, HQ0709 for what cannot be compiled.
    """
    plan = built.plan.dataset
    events = None if plan is None else event_module(plan, model)
    if plan is None or events is None:
        return None
    from hepq.compiler.lower.events import LoweringError, lower

    cpu = resolved(target if target.partition(":")[0] == "cpu" else "cpu")
    module, _ = run_pipeline(EVENTS, events, {})
    try:
        code = lower(module, cpu)
    except LoweringError as error:
        raise HepqError([diag("HQ0709", op=str(error), target=target)]) from error
    return EventsCode(events, event_stage(plan, module, code.mcpu, code.features), code.library, code.description)
