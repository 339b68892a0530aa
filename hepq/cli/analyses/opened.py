# SPDX-License-Identifier: Apache-2.0
"""What commands about results share: the result itself, which fit is meant, whether it is complete."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hepq.cli.shared.console import err

if TYPE_CHECKING:
    from hepq.runtime.analysis.results import Result

ResultFile = Annotated[
    Path, typer.Argument(help="A result that hepqc run wrote, [.hepqr], or the folder that it is in.", metavar="RESULT")
]
ENDING = ".hepqr"


def opened(path: Path) -> Result:
    """Says on standard error what is missing of it. Raises DataError HQ0801, HQ0897."""
    from hepq.runtime.analysis.results import Result

    result = Result.load(_file(path))
    for what in result.provenance.missing:
        err().print(f"not complete: {what}", markup=False, soft_wrap=True)
    return result


def fit_name(result: Result, name: str | None) -> str:
    """The only fit of the analysis, if none is named. Raises DataError HQ0966."""
    from hepq.core.errors import DataError

    fits = [fit.name for fit in result.analysis.fits]
    if name is not None:
        return name
    if len(fits) == 1:
        return fits[0]
    if not fits:
        why = "its program has none"
        raise DataError("HQ0966", f"no fit of {result.analysis.name}", why, "write one: fit NAME { channels = […] }")
    raise DataError("HQ0966", f"which fit of {result.analysis.name}?", f"It has: {', '.join(fits)}")


def _file(path: Path) -> Path:
    """Of a folder, the one result in it."""
    from hepq.core.errors import DataError

    if not path.is_dir():
        return path
    found = sorted(path.glob(f"*{ENDING}"))
    if len(found) != 1:
        why = f"it has {', '.join(one.name for one in found)}" if found else f"no file ends in {ENDING}"
        raise DataError(
            "HQ0801",
            f"no one result in {path}",
            why,
            "name the file" if found else "hepqc run writes one where all chunks succeed",
        )
    return found[0]
