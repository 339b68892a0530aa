# SPDX-License-Identifier: Apache-2.0
"""What a compilation is asked to do."""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Options:
    """What to compile and for what. ``init``: a seed for random weights where no file is given.

    ``effort`` (quick, normal, thorough), ``seed``, ``processes``: of the search for native circuits, kept in ``cache``.
    ``golden``: a file to take golden vectors from; ``golden_events``: how many of them, by default 16, or as many as
    circuits leave time for (``golden_cost``).
    ``dims`` and ``statics``: sizes of open dims; values of the model's static arguments and of the program's consts.
    ``show`` is given the IR after the pass ``print_after``, or after ``all``.
    ``created``: what provenance says of the time, by default now.
    """

    target: str = "cpu"
    model: str | None = None
    dataset: str | None = None
    use_dataset: bool = True
    weights: Path | None = None
    init: int | None = None
    dims: Mapping[str, int] = field(default_factory=dict)
    statics: Mapping[str, Any] = field(default_factory=dict)
    golden: Path | None = None
    golden_events: int | None = None
    effort: str = "normal"
    seed: int = 0
    processes: int | None = None
    cache: Path | None = None
    print_after: str | None = None
    show: Callable[[str], object] = print
    dump_dir: Path | None = None
    verify_each: bool = False
    command: str = ""
    created: str | None = None

    @property
    def chosen(self) -> dict[str, Any]:
        """Which model of a program, and with which data and sizes: arguments of ``build``."""
        return {name: getattr(self, name) for name in ("model", "dataset", "use_dataset", "dims", "statics")}


def value_of(text: str) -> Any:
    """A number, ``true``, ``false``, a list, or else a string."""
    if text in ("true", "false"):
        return text == "true"
    try:
        return literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
