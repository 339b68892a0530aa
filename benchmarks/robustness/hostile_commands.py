# SPDX-License-Identifier: Apache-2.0
"""Command lines drawn from what typer declares: any options together, with values that fit or do not."""

from __future__ import annotations

from functools import cache
from random import Random
from typing import Any

#: files that are there, of all kinds, and some that are not
PATHS = (
    "jets.hepq", "circuits.hepq", "vectors.hepq", "jets.hepqx", "kernel.hepqx", "measured.hepqx", "hybrid.hepqx",
    "jets.onnx", "jets.root", "jets.parquet", "x.npy", "gram.npz", "jets.safetensors", "run", "tiles", "chip.toml",
    "quafu.json", "me.key", "me.key.pub", "absent.root", "absent/x.hepqx", ".", "", "-", "/dev/null", "fifo", "*.root",
    "jets.root:tree", "jets.root:none", "out.root", "out.parquet", "out.npz", "out.svg", "out.hepqx", "out", "é.root",
)  # fmt: skip
JUNK = (
    "", "-1", "0", "1", "2", "3", "x", "nan", "inf", "-inf", "1e400", "0.5", "é", "\u2028", "[/red]", "a=b", "part=3",
    "jobs=1", "seconds=nan", "a" * 300, "../x", "--", "%s", "{}", "1,2", "px", "tree", "all", "Tagger", "cpu",
)  # fmt: skip
NUMBERS = ("0", "1", "2", "3", "-1", "x", "1.5", "", "1e3", "nan")
#: options whose values decide how long a run takes: few
LONG = (
    "--epochs", "--trainings", "--permutations", "--repeats", "--steps", "--events", "--shots", "--workers", "--jobs",
)  # fmt: skip
#: services, clusters and downloads stay out of it
_REMOTE = ("--dask",)
BACKENDS = ("exact", "exact:single", "noisy", "fake", "none", "", "exact:x", "noisy:")
TARGETS = ("cpu", "cpu:native", "cpu:none", "onnx", "sim", "line:3", "grid:2x2", "grid:0x0", "line:99999", "chip.toml",
           "jets.root", "ionq:aria", "none", "")  # fmt: skip


@cache
def _declared() -> dict[tuple[str, ...], Any]:
    """Every command by its words."""
    import typer
    from typer.core import TyperGroup

    from hepq.cli import app

    found: dict[tuple[str, ...], Any] = {}

    def walk(words: tuple[str, ...], one: Any) -> None:
        names = one.list_commands(context) if isinstance(one, TyperGroup) else ()
        if not names or words == ("targets",):
            found[words] = one
        for name in names:
            walk((*words, name), one.get_command(context, name))

    command = typer.main.get_command(app)
    context = typer.Context(command)
    walk((), command)
    return found


def line(random: Random) -> list[str]:
    """The words after ``hepqc``."""
    commands = _declared()
    words = random.choice(sorted(commands))
    out, rest = list(words), []
    for parameter in commands[words].params:
        if parameter.param_type_name == "argument":
            if random.random() < (0.95 if parameter.required else 0.6):
                count = random.choice((1, 1, 1, 2)) if parameter.nargs == -1 else 1
                rest += [_value(random, parameter, "") for _ in range(count)]
            continue
        name = random.choice([*parameter.opts, *parameter.secondary_opts])
        wanted = 0.9 if parameter.required else 0.12
        if name in _REMOTE or name in ("--help", "-h") or random.random() > wanted:
            continue
        for _ in range(random.choice((1, 1, 1, 2)) if parameter.multiple else 1):
            out += [name] if parameter.is_flag else [name, _value(random, parameter, name)]
    if random.random() < 0.05:
        out.insert(random.randint(0, len(out)), random.choice(JUNK))
    out += rest
    return out if random.random() < 0.97 else out[: random.randint(0, len(out))]


def _value(random: Random, parameter: Any, name: str) -> str:
    declared = getattr(parameter, "type", None) or parameter.type_descriptor  # typer's name of it changes
    kind, choices = str(getattr(declared, "annotation", declared)).lower(), getattr(declared, "choices", None)
    if name == "--backend":
        return random.choice(BACKENDS)
    if name == "--target":
        return random.choice(TARGETS)
    if random.random() < 0.08 and name not in LONG:
        return random.choice(JUNK)
    if choices:
        return str(getattr(random.choice(list(choices)), "value", None) or random.choice(list(choices)))
    if name in LONG or "int" in kind or "float" in kind:
        return random.choice(NUMBERS[:8] if name in LONG else NUMBERS)
    if "path" in kind or parameter.param_type_name == "argument":
        return random.choice(PATHS)
    return random.choice(JUNK)
