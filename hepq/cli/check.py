# SPDX-License-Identifier: Apache-2.0
"""`hepqc check`: all that is wrong with programs."""

from __future__ import annotations

from typing import Annotated

import typer

from hepq.cli.shared.console import err, example
from hepq.cli.shared.program_options import Programs, text_of


@example("hepqc check tagger.hepq", "hepqc check *.hepq --json > problems.json  # for editors and CI")
def check(
    files: Programs,
    json: Annotated[bool, typer.Option("--json", help="Print the diagnostics as JSON.")] = False,
) -> None:
    """Say everything that is wrong with programs, without compiling them."""
    from hepq.compiler.driver.check import check_path, check_text

    found = [d for f in files for d in (check_text(text_of(f), "<stdin>") if str(f) == "-" else check_path(f))]
    errors = sum(d.severity == "error" for d in found)
    if json:
        from hepq.core.diagnostics.render import to_json

        print(to_json(found))
    else:
        if found:
            from hepq.core.diagnostics.render import render

            render(found, err())
        checked = str(files[0]) if len(files) == 1 else _plural(len(files), "file")
        warnings = f", {_plural(len(found) - errors, 'warning')}" if len(found) > errors else ""
        print(f"{checked}: {_plural(errors, 'error') if errors else 'no errors'}{warnings}")
    raise typer.Exit(1 if errors else 0)


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")
