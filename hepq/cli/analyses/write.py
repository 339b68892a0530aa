# SPDX-License-Identifier: Apache-2.0
"""`hepqc write`: a result in the formats of others."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hepq.cli.analyses.opened import ResultFile, fit_name, opened
from hepq.cli.shared.console import err, example, out

if TYPE_CHECKING:
    from hepq.runtime.analysis.results import Result


class Format(StrEnum):
    root = "root"
    uhi = "uhi"
    pyhf = "pyhf"
    datacard = "datacard"


#: what files end with, and what is written if nothing else is said
_ENDINGS = {".root": Format.root, ".json": Format.uhi, ".txt": Format.datacard}


@example(
    "hepqc write TTbar -o ttbar.root                        # TH1D, TH2D, TH3D: for ROOT and uproot",
    "hepqc write TTbar -o ttbar.json                        # UHI JSON: for hist and boost-histogram",
    "hepqc write TTbar --format pyhf -o xsec.json           # a workspace of pyhf",
    "hepqc write TTbar --fit Xsec -o card.txt               # a datacard of CMS combine, and card.root",
)
def write(
    result: ResultFile,
    to: Annotated[Path, typer.Option("--out", "-o", help="The file to write.")],
    format_: Annotated[
        Format | None,
        typer.Option("--format", help="By default as the file ends: root, uhi of .json, datacard of .txt."),
    ] = None,
    fit: Annotated[
        str | None, typer.Option(help="Which fit a workspace or datacard is of, if the program has several.")
    ] = None,
) -> None:
    """Write a result for other tools: all histograms and cut flows, or what one of its fits is made of.

    Each file says what it was made of: the program, its digest, the files that were read.
    """
    chosen = format_ or _ENDINGS.get(to.suffix.lower())
    if chosen is None:
        raise typer.BadParameter(f"{to} ends in none of {', '.join(_ENDINGS)}: give --format")
    if fit is not None and chosen in (Format.root, Format.uhi):
        raise typer.BadParameter(f"--fit is of a workspace or a datacard, and {to} is {chosen}: give --format")
    made = opened(result)
    for path in _written(made, to, chosen, fit):
        out().print(str(path), markup=False)


def _written(result: Result, to: Path, chosen: Format, fit: str | None) -> list[Path]:
    if chosen == Format.root:
        from hepq.runtime.analysis.writers.root import write_root

        for line in write_root(result, to):
            err().print(f"not written: {line}", markup=False, soft_wrap=True)
        return [to]
    if chosen == Format.uhi:
        from hepq.runtime.analysis.writers.uhi_json import write_uhi_json

        write_uhi_json(result, to)
        return [to]
    from hepq.runtime.analysis.fits.templates import templates

    made = templates(result, fit_name(result, fit))
    for note in made.notes:
        err().print(f"note: {note}", markup=False, soft_wrap=True)
    if chosen == Format.pyhf:
        from hepq.runtime.analysis.fits.workspace import write_workspace

        return [to, write_workspace(made, to, result.provenance)]
    from hepq.runtime.analysis.writers.datacard import write_datacard

    return [to, write_datacard(made, to, result.provenance)]
