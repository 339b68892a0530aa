# SPDX-License-Identifier: Apache-2.0
"""`hepqc`, the command line. Commands import what they need when they run, so that `--help` is quick."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from hepq.cli import (
    attribute,
    check,
    compile,
    explain,
    export,
    fmt,
    import_,
    inspect,
    jobs,
    kernel,
    new,
    predict,
    sign,
    targets,
    verify,
    weights,
)
from hepq.cli.analyses import fit, plot, run, write
from hepq.cli.shared import process
from hepq.cli.shared.console import examples, report
from hepq.cli.training import compare, train, tune
from hepq.runtime.engine.threads import sleep_when_idle


class _Commands(TyperGroup):
    """Turns every error into a message and an exit status; `--debug` lets it through."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:
            status = None if ctx.params.get("debug") else report(error)
            if status is None:
                raise
            raise typer.Exit(status) from error


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        import hepq

        print(f"hepqc {hepq.__version__}")
        raise typer.Exit


@app.callback(
    epilog=examples(
        "hepqc new top                                        # a program to start from",
        "hepqc check top.hepq                                 # is it right?",
        "hepqc compile top.hepq --weights top.safetensors     # one artifact, top.hepqx",
        "hepqc predict top.hepqx 'jets/*.root' -o scores.root # score events",
        "hepqc run ttbar.hepq                                 # an analysis: histograms and cut flows",
        "hepqc explain HQ0201                                 # what does this error mean?",
        after="Exit status: 0 all well, 1 something is wrong with the program, weights or data, 2 wrong usage.",
    )
)
def _hepqc(
    debug: Annotated[bool, typer.Option("--debug", help="Show Python's traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Compile, train and run high-energy-physics models written in [bold]hepq[/]."""


_COMMANDS: dict[str, tuple[Any, ...]] = {
    "Write": (new.new, import_.import_, check.check, fmt.fmt, explain.explain),
    "Compile": (train.train, tune.tune, compile.compile_, export.export),
    "Run": (
        predict.predict,
        run.run,
        plot.plot,
        fit.fit,
        write.write,
        attribute.attribute,
        compare.compare,
        kernel.kernel,
        verify.verify,
        inspect.inspect,
        sign.sign,
    ),
}
for panel, commands in _COMMANDS.items():
    for command in commands:
        name = command.__name__.rstrip("_")
        app.command(name, rich_help_panel=panel, epilog=examples(*command.examples))(command)
app.add_typer(targets.app, name="targets", rich_help_panel="Compile")
app.add_typer(weights.app, name="weights", rich_help_panel="Compile")
app.add_typer(jobs.app, name="jobs", rich_help_panel="Run")


def main() -> None:
    """Entry point of the `hepqc` script."""
    process.begin()
    sleep_when_idle()
    try:
        app()
    except process.Ended as end:
        print(f"hepqc: ended by {end.name}; nothing half-written is left", file=sys.stderr)
        status = end.status
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    sys.exit(process.finish(status))
