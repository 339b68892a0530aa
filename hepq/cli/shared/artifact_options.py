# SPDX-License-Identifier: Apache-2.0
"""Options of every command that opens an artifact: the file, what it must be before any of it is opened, threads."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hepq.cli.shared.numbers import MOST_AT_ONCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hepq.runtime.artifact.artifact import Artifact as Opened


class RunsOn(StrEnum):
    """Values of ``--device``."""

    cpu = "cpu"
    cuda = "cuda"
    auto = "auto"


Artifact = Annotated[Path, typer.Argument(help="A compiled tagger, [.hepqx].")]
Threads = Annotated[
    int | None, typer.Option(min=1, max=MOST_AT_ONCE, help="Threads to use; by default all this process may.")
]
Device = Annotated[
    RunsOn, typer.Option(help="Where to score; auto: the GPU if one can run the artifact's code, and says if not.")
]
Sha256 = Annotated[
    str | None, typer.Option("--sha256", metavar="HEX", help="Open the artifact only if this is its SHA-256.")
]
Trusted = Annotated[
    Path | None,
    typer.Option("--trusted", metavar="KEYS", help="Open it only if signed by a key of this keyring (hepqc sign)."),
]


def say_where(why: str) -> None:
    """Say that the CPU is used where a GPU was not found, for ``why``."""
    if why:
        from hepq.cli.shared.console import err

        err().print(f"on the CPU: {why}", markup=False, soft_wrap=True)


def check_tree(tree: str | None, files: Sequence[str]) -> None:
    """Refuse a tree where no file has any."""
    if tree is None:
        return
    from hepq.runtime.events.event_files import format_of, named

    paths = [one.path for one in named(files, absent=True)]
    if all(path.endswith(".npy") or format_of(path) != "root" for path in paths) and (paths or not files):
        raise typer.BadParameter("--tree is of ROOT files: leave it out")


def opened(path: Path, sha256: str | None, trusted: Path | None) -> Opened:
    """The artifact, checked as asked. Raises ArtifactError."""
    from hepq.runtime.artifact.artifact import Artifact as Opened
    from hepq.runtime.artifact.trust import Trust

    return Opened.open(path, Trust.of(sha256, trusted))
