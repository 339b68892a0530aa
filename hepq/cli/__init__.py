# SPDX-License-Identifier: Apache-2.0
"""`hepqc`, the command line. A command is imported when it is asked for, and what it needs when it runs."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated, Any

import typer
import typer.main
from typer.core import TyperCommand, TyperGroup

from hepq.cli.shared import process
from hepq.cli.shared.console import examples, report
from hepq.runtime.engine.threads import sleep_when_idle

#: by panel of `--help`, the modules here: each has a function of its own name, or, if it has commands itself, an `app`
_MODULES = {
    "Write": ("new", "import_", "check", "fmt", "explain"),
    "Compile": ("training.train", "training.tune", "compile", "export", "targets", "weights"),
    "Run": (
        "predict",
        "analyses.run",
        "analyses.plot",
        "analyses.fit",
        "analyses.write",
        "attribute",
        "training.compare",
        "kernel",
        "verify",
        "inspect",
        "sign",
        "jobs",
    ),
}
#: by the name of a command: its panel and its module
COMMANDS = {
    module.rpartition(".")[2].rstrip("_"): (panel, module) for panel, modules in _MODULES.items() for module in modules
}


def loaded(name: str) -> Any:
    """The function of a command, or the app of one that has commands itself."""
    module = import_module(f"hepq.cli.{COMMANDS[name][1]}")
    return next(getattr(module, found) for found in ("app", name, f"{name}_") if hasattr(module, found))


def _made(name: str) -> TyperCommand | TyperGroup:
    found, panel = loaded(name), COMMANDS[name][0]
    if isinstance(found, typer.Typer):
        group = typer.main.get_group(found)
        group.name, group.rich_help_panel = name, panel
        return group
    alone = typer.Typer(add_completion=False, rich_markup_mode="rich")
    alone.command(name, rich_help_panel=panel, epilog=examples(*found.examples))(found)
    command = typer.main.get_command(alone)
    assert isinstance(command, TyperCommand)
    return command


class _Commands(TyperGroup):
    """Makes a command when it is asked for. Turns every error into a message and an exit status; `--debug` lets it
    through.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        wanted = [cmd_name] if cmd_name in COMMANDS else COMMANDS  # of a name that is none, the nearest is said
        for name in wanted:
            if name not in self.commands:
                self.commands[name] = _made(name)
        return super().get_command(ctx, cmd_name)

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
