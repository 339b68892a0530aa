# SPDX-License-Identifier: Apache-2.0
"""What every command shares: consoles, error reports, examples in `--help`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.console import Console

#: what an unforeseen error ends with (EX_SOFTWARE of sysexits.h)
INTERNAL = 70


F = TypeVar("F", bound=Callable[..., None])


def example(*lines: str) -> Callable[[F], F]:
    """Attach example command lines to a command."""

    def attach(function: F) -> F:
        function.examples = lines  # type: ignore[attr-defined]
        return function

    return attach


def examples(*lines: str, after: str = "") -> str:
    """The examples as the epilog of a `--help` page; what follows a `#` is dimmed."""
    split = [line.partition("#") for line in lines]
    width = max(len(command.rstrip()) for command, _, _ in split)
    shown = ["[bold]Examples[/]"]
    for command, mark, comment in split:
        note = f"  [dim]# {comment.strip()}[/]" if mark else ""
        shown.append(f"  [cyan]{command.rstrip():<{width if mark else 0}}[/]{note}")
    return "\n\n".join([*shown, *([after] if after else [])])


def next_to(path: Path, suffix: str) -> Path:
    """Where to write what is made of ``path``, if nothing else is said. A path without a name is no file's."""
    return path.with_suffix(suffix) if path.name else path / suffix


def out() -> Console:
    """Standard output: results."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=True)


def err() -> Console:
    """Standard error: messages and progress."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def report(error: Exception) -> int | None:
    """Print what a user should know of ``error``; the exit status, or None if the error is not for users."""
    if type(error).__module__.startswith("typer"):
        return None
    from hepq.core.diagnostics.diagnostic import HepqError
    from hepq.core.errors import DataError

    if isinstance(error, HepqError):
        from hepq.core.diagnostics.render import render

        render(error.diagnostics, err())
        return 1
    if isinstance(error, DataError):
        print(error, file=sys.stderr)
        return 1
    if isinstance(error, MemoryError):
        print(f"error: not enough memory: {str(error) or 'what was asked for does not fit'}", file=sys.stderr)
        return 1
    if isinstance(error, OSError):
        print(f"error: {error.strerror or error}" + (f": {error.filename}" if error.filename else ""), file=sys.stderr)
        return 1
    print(
        f"internal error: {type(error).__name__}: {error}\nThis is a fault of hepqc, not yours; "
        "`hepqc --debug …` shows where it happened, please report it.",
        file=sys.stderr,
    )
    return INTERNAL
