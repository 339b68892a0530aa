# SPDX-License-Identifier: Apache-2.0
"""Options of commands that may run circuits on a device: where, budget, ledger, copies side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hepq.core.vendors import SERVICES, VENDORS
from hepq.runtime.quantum.backends.named import BACKENDS, sends_jobs

if TYPE_CHECKING:
    from hepq.runtime.artifact.artifact import Artifact
    from hepq.runtime.quantum.backends.backend import Backend

#: of backends, for help texts
_SERVICE = VENDORS[SERVICES[0]]
NAMES = f"exact, exact:single, {', '.join(BACKENDS[1:])} (or {_SERVICE.name}:{_SERVICE.chip} …)"
Budgets = Annotated[
    list[str],
    typer.Option("--budget", metavar="NAME=MOST", help="Most circuits, shots, jobs or seconds to send. Repeatable."),
]
Ledger = Annotated[
    Path | None, typer.Option(help="Where jobs are remembered; by default the user's own (hepqc jobs list).")
]
Strict = Annotated[bool, typer.Option("--strict", help="Refuse to run on a device calibrated anew since compiling.")]
Copies = Annotated[
    str | None, typer.Option(metavar="N", help="Copies of each circuit to run side by side, or all that fit.")
]
Mitigate = Annotated[
    str | None, typer.Option(metavar="WHAT", help="Errors to take back on average: readout, zne, or readout,zne.")
]


def chosen(
    artifact: Artifact, name: str, budget: list[str], ledger: Path | None, strict: bool, copies: str | None,
    mitigate: str | None = None, seed: int = 0,
) -> str | Backend:  # fmt: skip
    """The backend with these options; its name where none is given."""
    options: dict[str, Any] = {}
    if mitigate is not None:
        if name.partition(":")[0] == "exact":
            raise typer.BadParameter("backend exact has no errors to --mitigate: leave it out")
        if copies is not None:
            raise typer.BadParameter("--mitigate is not of --copies: leave one out")
        options |= {"mitigate": mitigate.split(","), "seed": seed}
    if copies is not None and name.partition(":")[0] == "exact":
        raise typer.BadParameter("backend exact has no chip to run --copies on: leave them out")
    if copies is not None:
        options["copies"] = _copies(copies)
    if sends_jobs(name):
        options |= {k: v for k, v in {"ledger": ledger, "strict": strict}.items() if v}
        if budget:
            options["budget"] = dict(map(_limit, budget))
    elif budget or ledger or strict:
        raise typer.BadParameter(f"backend {name} sends no jobs: leave out --budget, --ledger and --strict")
    if not options:
        return name
    from hepq.runtime.quantum.backends.named import backend
    from hepq.runtime.quantum.engine import Compiled, circuits_of

    if sends_jobs(name):
        options["budget"] = {**circuits_of(artifact).budget, **options.get("budget", {})}
    return backend(name, device=Compiled(artifact).device, **options)


def _copies(text: str) -> int | str:
    if text != "all" and not (text.isdecimal() and int(text)):
        raise typer.BadParameter(f"--copies: a number or all, not {text!r}")
    return text if text == "all" else int(text)


def _limit(text: str) -> tuple[str, float]:
    name, mark, value = text.partition("=")
    try:
        if not mark or float(value) < 0:
            raise ValueError
        return name, float(value)
    except ValueError:
        raise typer.BadParameter(f"--budget {text!r} is not NAME=MOST") from None
