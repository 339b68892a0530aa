# SPDX-License-Identifier: Apache-2.0
"""`hepqc fit`: a fit that a program says, of the result of its analysis."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hepq.cli.analyses.opened import ResultFile, fit_name, opened
from hepq.cli.analyses.plot import Ending, written
from hepq.cli.shared.console import example, out


@example(
    "hepqc fit TTbar                              # the only fit of the program: tables",
    "hepqc fit TTbar Xsec --limit -o xsec         # with CLs limits; fit.json and pictures into a folder",
)
def fit(
    result: ResultFile,
    name: Annotated[str | None, typer.Argument(help="Which fit, if the program has several.", metavar="FIT")] = None,
    folder: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write fit.json and pictures to this folder.")
    ] = None,
    limit: Annotated[bool, typer.Option("--limit", help="Upper limits on the rate of interest, by CLs.")] = False,
    ending: Annotated[Ending, typer.Option("--format", help="Of the pictures.")] = Ending.png,
    log: Annotated[bool, typer.Option("--log", help="Channels logarithmic in events.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No tables, no names of files.")] = False,
) -> None:
    """Fit rates and nuisance parameters to data, or to what is expected (Asimov), by maximum likelihood.

    Each variation of the program is a nuisance parameter, NAME_up and NAME_down its ±1σ; of one that goes one way only
    the other side is its mirror image. Each bin has one more, of the number of simulated events. The fit is pyhf's,
    with Minuit; `hepqc write` gives the same as a workspace of pyhf or as a datacard of CMS combine.
    """
    made = opened(result)
    which = fit_name(made, name)
    if folder is not None:
        from hepq.runtime.files import check_folder

        check_folder(folder)
    from hepq.runtime.analysis.fits.likelihood import fit as fitted
    from hepq.runtime.analysis.fits.tables import shown

    found = fitted(made, which, limit)
    if not quiet:
        out().print(shown(found))
    if folder is not None:
        from hepq.runtime.analysis.plots.pages import of_fit

        folder.mkdir(parents=True, exist_ok=True)
        found.save(folder / "fit.json")
        if not quiet:
            out().print(str(folder / "fit.json"), markup=False)
        written(of_fit(found, log), folder, ending, quiet)
