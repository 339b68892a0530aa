# SPDX-License-Identifier: Apache-2.0
"""Options of every command that trains: which events are held out, and how long and on what it computes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hepq.cli.shared.numbers import LAST_SEED, MOST, MOST_AT_ONCE, real

if TYPE_CHECKING:
    from hepq.lang.declarations.train_events import Split

DESCENT = "Gradient descent"

Program = Annotated[
    Path, typer.Argument(help="The [.hepq] file: a model, and a dataset with a label; or a train.", show_default=False)
]
Files = Annotated[
    list[str] | None,
    typer.Argument(
        help="ROOT, Parquet, CSV or .npz files, or patterns; by default those of the dataset.", metavar="FILE..."
    ),
]
Train = Annotated[str | None, typer.Option("--train", help="Which training, if the program has several.")]
Validation = Annotated[
    float | None,
    typer.Option(parser=real(0, 0.9), metavar="NUMBER", help="Fraction of each class held out.", show_default="0.2"),
]
SplitBy = Annotated[
    str | None,
    typer.Option(metavar="'BRANCH % K'", help="Held out are the events whose number K divides, such as 'event % 5'."),
]
Seed = Annotated[int, typer.Option(min=0, max=LAST_SEED, help="Of first weights, the split, and the order of events.")]
Signal = Annotated[
    str | None, typer.Option(help="The class that a single score stands for; by default the label's last.")
]
Events = Annotated[int | None, typer.Option(min=2, max=MOST, help="Use at most so many events, drawn by chance.")]
Threads = Annotated[
    int | None,
    typer.Option(
        min=1, max=MOST_AT_ONCE, help="Threads to use; by default as many of those it may use as a step keeps busy."
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option(min=1, max=MOST, help="Passes over the events.", show_default="30", rich_help_panel=DESCENT),
]
Batch = Annotated[
    int | None, typer.Option(min=1, max=MOST, help="Events a step.", show_default="64", rich_help_panel=DESCENT)
]
Rate = Annotated[
    float | None,
    typer.Option(
        parser=real(0, 1e6, above=True),
        metavar="NUMBER",
        help="Learning rate.",
        show_default="0.001",
        rich_help_panel=DESCENT,
    ),
]
Patience = Annotated[
    int | None,
    typer.Option(
        min=1, max=MOST, help="End after so many epochs without a better validation.", rich_help_panel=DESCENT
    ),
]
TrainsOn = Annotated[
    str | None, typer.Option(help="cpu, cuda, …; by default a GPU if there is one.", rich_help_panel=DESCENT)
]


def split_of(text: str | None) -> Split | None:
    """What ``--split`` says. Raises BadParameter."""
    if text is None:
        return None
    from hepq.lang.declarations.train_events import Split

    branch, mark, parts = (part.strip() for part in text.rpartition("%"))
    if not (branch and mark and parts.isdecimal() and 2 <= int(parts) <= MOST):
        raise typer.BadParameter(f"--split: {text!r} is not BRANCH % K, with K from 2 on")
    return Split(branch, int(parts))
