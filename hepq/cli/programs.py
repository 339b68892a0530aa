# SPDX-License-Identifier: Apache-2.0
"""Commands about programs: new, check, fmt, explain."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from hepq.cli.shared.console import err, example, out

Programs = Annotated[list[Path], typer.Argument(help="[.hepq] files; - is standard input.", metavar="FILE...")]


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


@example("hepqc check tagger.hepq", "hepqc check *.hepq --json > problems.json  # for editors and CI")
def check(
    files: Programs,
    json: Annotated[bool, typer.Option("--json", help="Print the diagnostics as JSON.")] = False,
) -> None:
    """Say everything that is wrong with programs, without compiling them."""
    from hepq.compiler.driver.check import check_path, check_text

    found = [d for f in files for d in (check_text(_stdin(), "<stdin>") if str(f) == "-" else check_path(f))]
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
        before = _stdin() if str(file) == "-" else _text(file)
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


def _stdin() -> str:
    """Text from standard input. Raises HepqError if it is too long, or not UTF-8."""
    from hepq.core.diagnostics.diagnostic import HepqError, Sink
    from hepq.lang.syntax.reading import MAX_BYTES, source_of

    sink = Sink()
    source = source_of(sys.stdin.buffer.read(MAX_BYTES + 1), "<stdin>", sink)
    if source is None:
        raise HepqError(sink.items)
    return source.text


def _text(file: Path) -> str:
    """A file's text. Raises HepqError if it cannot be read as one."""
    from hepq.core.diagnostics.diagnostic import HepqError, Sink
    from hepq.lang.syntax.reading import read_source

    sink = Sink()
    source = read_source(file, sink)
    if source is None:
        raise HepqError(sink.items)
    return source.text


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


@example("hepqc new top", "hepqc new top --folder analysis")
def new(
    name: Annotated[str, typer.Argument(help="Name of the tagger: letters, digits, underscores.")],
    folder: Annotated[Path | None, typer.Option(help="Where to put it; by default a folder of that name.")] = None,
) -> None:
    """Write a tagger to start from: a program that checks, and a README with the next steps."""
    from hepq.cli.starter import write

    if not name.isidentifier():
        raise typer.BadParameter(f"{name!r} is not a name: use letters, digits and underscores")
    target = folder or Path(name)
    for path in write(name, target):
        print(f"wrote {path}")
    print(f"next: hepqc check {target / name}.hepq")
