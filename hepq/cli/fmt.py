# SPDX-License-Identifier: Apache-2.0
"""`hepqc fmt`: programs laid out in the one canonical way."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from hepq.cli.shared.console import example
from hepq.cli.shared.program_options import Programs, text_of


@example("hepqc fmt tagger.hepq", "hepqc fmt --check *.hepq    # exit 1 if any would change", "hepqc fmt - < in.hepq")
def fmt(
    files: Programs,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 if a file would change.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Write nothing; show what would change.")] = False,
) -> None:
    """Lay programs out in the one canonical way, in place. Comments and meaning stay."""
    from hepq.lang.format.program import format_source

    changed = 0
    for file in files:
        before = text_of(file)
        after = format_source(before, "<stdin>" if str(file) == "-" else str(file))
        changed += after != before
        if diff:
            _show_diff(str(file), before, after)
        elif check:
            if after != before:
                print(f"would change {file}")
        elif str(file) == "-":
            sys.stdout.write(after)
        elif after != before:
            _replace(file.resolve(), after)
            print(f"changed {file}")
    raise typer.Exit(1 if changed and (check or diff) else 0)


def _replace(file: Path, text: str) -> None:
    """Write all of ``text`` or nothing, keeping the file's permissions."""
    from hepq.runtime.files import replacing

    with replacing(file) as temporary:
        temporary.write_bytes(text.encode())
        temporary.chmod(file.stat().st_mode)


def _show_diff(name: str, before: str, after: str) -> None:
    from difflib import unified_diff

    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    sys.stdout.writelines(unified_diff(old, new, name, f"{name} (formatted)"))
