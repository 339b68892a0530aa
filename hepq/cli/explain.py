# SPDX-License-Identifier: Apache-2.0
"""`hepqc explain`: the page of a diagnostic code."""

from __future__ import annotations

from typing import Annotated

import typer

from hepq.cli.shared.console import example, out


@example("hepqc explain HQ0201", "hepqc explain            # list every code")
def explain(code: Annotated[str, typer.Argument(help="A diagnostic code.", show_default=False)] = "") -> None:
    """Explain a diagnostic code, with an example and how to mend it."""
    from difflib import get_close_matches
    from importlib.resources import files

    folder = files("hepq.docs") / "diagnostics"
    pages = {p.name.removesuffix(".md"): p for p in folder.iterdir() if p.name.startswith("HQ")}
    console = out()
    if not code:
        for name in sorted(pages):
            title = pages[name].read_text(encoding="utf-8").lstrip("# ").split("\n", 1)[0]
            console.print(f"[bold]{name}[/]  {title.removeprefix(name).lstrip(': —')}")
        return
    wanted = code.upper()
    if wanted not in pages:
        near = get_close_matches(wanted, pages, 1)
        raise typer.BadParameter(f"no such code: {code}" + (f"; did you mean {near[0]}?" if near else ""))
    from rich.markdown import Markdown

    console.soft_wrap = False
    console.print(Markdown(pages[wanted].read_text(encoding="utf-8")))
