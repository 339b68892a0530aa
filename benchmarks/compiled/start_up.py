# SPDX-License-Identifier: Apache-2.0
"""What a command costs before it does anything: processor time of whole processes, each fresh.

``check`` of examples/tagger.hepq, 42 lines, and ``predict`` of one event by the artifact of it. The parsed library is
in the user's cache and Python's bytecode is written, as on a machine where hepqc ran before. The least of the rounds
counts: what else a machine does only adds.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import uproot
from rich.console import Console
from rich.progress import track
from rich.table import Table

from hepq.compiler.driver.compilation import compile_file
from hepq.compiler.driver.options import Options

EXAMPLES = Path(__file__).parents[2] / "examples"


@dataclass(frozen=True)
class Result:
    """``seconds`` of processor time, of each round."""

    what: str
    bar: float
    seconds: tuple[float, ...]

    @property
    def met(self) -> bool:
        return min(self.seconds) <= self.bar


def used(command: list[str]) -> float:
    """Processor time of a command of `hepqc`, in seconds."""
    environment = {name: v for name, v in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "hepq.cli", *command], env=environment, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def commands(folder: Path) -> dict[str, tuple[float, list[str]]]:
    """By what is measured, the bar in seconds and the command."""
    artifact, event = folder / "tagger.hepqx", folder / "event.root"
    options = Options(weights=EXAMPLES / "tagger.safetensors", command="benchmarks start-up")
    compile_file(EXAMPLES / "tagger.hepq", artifact, options)
    with uproot.open(EXAMPLES / "data/test.root") as jets, uproot.recreate(event) as file:
        file["tree"] = dict(zip(jets["tree"].keys(), jets["tree"].arrays(entry_stop=1, how=tuple), strict=True))
    return {
        "check": (0.5, ["check", str(EXAMPLES / "tagger.hepq")]),
        "predict one event": (1.5, ["predict", str(artifact), str(event), "-o", str(folder / "scores.root")]),
    }


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks start-up", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="3 rounds, not 15")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        measured = commands(Path(folder))
        for _, command in measured.values():
            used(command)
        rounds = range(3 if options.quick else 15)
        times = [
            {what: used(command) for what, (_, command) in measured.items()}
            for _ in track(rounds, "starting", console=Console(stderr=True), transient=True)
        ]
    found = [Result(what, bar, tuple(one[what] for one in times)) for what, (bar, _) in measured.items()]
    table = Table("command", "CPU seconds", "bar", "")
    for r in found:
        table.add_row(f"hepqc {r.what}", f"{min(r.seconds):.2f}", f"{r.bar:.1f}", "" if r.met else "MISSED")
    Console().print(table)
    return 0 if all(r.met for r in found) else 1
