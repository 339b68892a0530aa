# SPDX-License-Identifier: Apache-2.0
"""The kinds of hostile input: how each is made of good files, and what is done with it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random

from benchmarks.robustness.hostile_child import Action
from benchmarks.robustness.hostile_commands import line
from benchmarks.robustness.hostile_forge import Forger, damaged, flipped, forged
from benchmarks.robustness.hostile_material import ARTIFACTS

Maker = Callable[[Random, Path, Path], Action]


def hepqc(arguments: list[str]) -> Action:
    """The exit status of a command line, run here."""

    def run() -> int:
        import traceback

        from hepq import cli
        from hepq.cli.shared.console import INTERNAL
        from hepq.cli.shared.console import report as plain

        def told(error: Exception) -> int | None:
            status = plain(error)
            if status == INTERNAL:
                traceback.print_exception(error, limit=-4)
            return status

        cli.report = told  # type: ignore[attr-defined]
        sys.argv = ["hepqc", *arguments]
        print("hepqc", *map(repr, arguments))
        cli.main()
        return 0

    return run


#: what is done with artifacts; A: the artifact
USES: Mapping[str, tuple[str, ...]] = {
    "jets.hepqx": (
        "inspect A", "inspect A --json", "inspect A --source", "verify A --threads 1", "verify A --threads 1",
        "predict A jets.root -o o.root --threads 1", "predict A jets.parquet -o o.parquet --threads 1 --keep run",
        "attribute A jets.root --events 20 --repeats 1 --threads 1", "verify A --threads 1 --trusted me.key.pub",
    ),
    "vectors.hepqx": ("inspect A", "verify A --threads 1", "verify A --threads 1"),
    "measured.hepqx": (
        "inspect A", "inspect A --circuit -", "verify A --threads 1", "verify A --threads 1", "export A -o circuits",
        "export A -o circuits --format qasm2",
    ),
    "kernel.hepqx": (
        "inspect A", "verify A --threads 1", "kernel A x.npy -o k.npz", "export A -o circuits --format qcis",
        "kernel A x.npy -o k.npz --backend noisy --shots 5 --events 3",
    ),
    "hybrid.hepqx": ("inspect A", "verify A --threads 1", "verify A --threads 1"),
    "jets.onnx": ("inspect A", "inspect A --json", "verify A"),
}  # fmt: skip


def artifact(change: Forger, *names: str) -> Maker:
    """One of the artifacts ``names``, changed, and something that opens it."""

    def make(random: Random, good: Path, work: Path) -> Action:
        name = random.choice([n for n in names if (good / n).exists()])
        _links(good, work, {name})
        (work / name).write_bytes(change(random, good / name))
        return hepqc(random.choice(USES[name]).replace("A", name, 1).split())

    return make


def onnx(random: Random, good: Path, work: Path) -> Action:
    """Its metadata forged, checksum and all; or the file damaged."""
    if not (good / "jets.onnx").exists() or random.random() < 0.3:
        return artifact(lambda r, path: flipped(r, path.read_bytes()), "jets.onnx", "jets.hepqx")(random, good, work)
    import base64
    import json
    import zlib

    import onnx as library

    from benchmarks.robustness.hostile_forge import JUNK, changed, tensors
    from hepq.runtime.engine.onnx_model import CHECKSUM, GOLDEN, MANIFEST

    model = library.load(str(good / "jets.onnx"))
    kept = {p.key: p.value for p in model.metadata_props if p.key != CHECKSUM}
    if random.random() < 0.6:
        kept[MANIFEST] = json.dumps(changed(random, json.loads(kept[MANIFEST])))
    elif random.random() < 0.7:
        inside = tensors(random, zlib.decompress(base64.b64decode(kept[GOLDEN])))
        kept[GOLDEN] = base64.b64encode(zlib.compress(inside)).decode()
    else:
        kept[random.choice(sorted(kept))] = str(random.choice(JUNK))
    del model.metadata_props[:]
    for key, value in kept.items():
        model.metadata_props.add(key=key, value=value)
    _links(good, work, {"jets.onnx"})
    (work / "jets.onnx").write_bytes(model.SerializeToString())
    return hepqc(random.choice(USES["jets.onnx"]).replace("A", "jets.onnx", 1).split())


def program(random: Random, good: Path, work: Path) -> Action:
    """A program as ``benchmarks fuzz`` makes them: through check and fmt, and to IR if it is small."""
    from benchmarks.robustness import fuzz
    from hepq.compiler.driver.compilation import emit
    from hepq.compiler.driver.options import Options
    from hepq.core.diagnostics.diagnostic import HepqError

    makers, shares = zip(*fuzz.KINDS.values(), strict=True)
    text = random.choices(makers, shares)[0](random)

    def run() -> int | str:
        problem = fuzz.try_one(text)
        if problem is not None:
            return f"{problem}\n{text!r}"
        if len(text) > 4000:
            return 0
        Path("p.hepq").write_text(text, encoding="utf-8", errors="replace")
        try:
            emit(Path("p.hepq"), "ir", Options(init=0))
        except HepqError as error:
            print(error)
            return 1
        return 0

    return run


#: file of the good ones that is changed -> what reads it
DATA = {
    "jets.root": (
        "predict jets.hepqx jets.root -o o.root --threads 1", "train jets.hepq jets.root -o w.safetensors --epochs 1",
        "predict jets.hepqx jets.root -o o.parquet --keep run --threads 1",
    ),
    "jets.parquet": ("predict jets.hepqx jets.parquet -o o.root --threads 1 --keep run",
                     "train jets.hepq jets.parquet -o w.safetensors --epochs 1"),
}  # fmt: skip
OURS = {
    "run/training.pt": ("train jets.hepq jets.root -o w.safetensors --epochs 2 --checkpoint run --resume",),
    "jets.safetensors": ("compile jets.hepq --emit ir --weights jets.safetensors",
                         "train jets.hepq jets.root -o w.safetensors --epochs 1 --start jets.safetensors"),
    "tiles": ("kernel kernel.hepqx x.npy -o gram2.npz --store tiles --tile 4", "kernel --store tiles --status"),
    "cache": ("compile circuits.hepq --model K --target line:3 --cache cache --effort quick --jobs 1 -o k.hepqx",),
    "chip.toml": ("targets show chip.toml",),
    "quafu.json": ("targets import quafu.json --vendor quafu -o c.toml",),
    "me.key": ("sign jets.hepqx --key me.key",),
    "me.key.pub": ("verify jets.hepqx --threads 1 --trusted me.key.pub",),
    "jets.hepqx.sig": ("verify jets.hepqx --threads 1 --trusted me.key.pub",),
    "x.npy": ("kernel kernel.hepqx x.npy -o gram2.npz",),
}  # fmt: skip


def files(table: Mapping[str, tuple[str, ...]]) -> Maker:
    """One of a table's files damaged, and what reads it."""

    def make(random: Random, good: Path, work: Path) -> Action:
        name = random.choice([n for n in table if (good / n).exists()])
        _links(good, work, {name.partition("/")[0]})
        top = good / name.partition("/")[0]
        (shutil.copytree if top.is_dir() else shutil.copy2)(top, work / top.name)
        target = work / name
        if target.is_dir():
            target = random.choice(sorted(p for p in target.rglob("*") if p.is_file()))
        target.write_bytes(flipped(random, target.read_bytes()))
        return hepqc(random.choice(table[name]).split())

    return make


def command(random: Random, good: Path, work: Path) -> Action:
    """Any command with any of its options, whose values are sometimes right."""
    for path in good.iterdir():
        (shutil.copytree if path.is_dir() else shutil.copy2)(path, work / path.name)
    os.mkfifo(work / "fifo")
    os.environ |= {"HOME": str(work), "XDG_CACHE_HOME": str(work / "cache"), "HEPQ_JOBS": str(work / "jobs")}
    return hepqc(line(random))


def _links(good: Path, work: Path, without: set[str]) -> None:
    """The good files, all but some, by links."""
    for path in good.iterdir():
        if path.name not in without:
            (work / path.name).symlink_to(path)


#: kind -> (how it is made, its share)
KINDS: Mapping[str, tuple[Maker, float]] = {
    "artifact, forged": (artifact(forged, *(n for n in ARTIFACTS if n.endswith(".hepqx"))), 0.34),
    "artifact, damaged": (artifact(damaged, "jets.hepqx", "kernel.hepqx"), 0.1),
    "ONNX": (onnx, 0.06),
    "program": (program, 0.2),
    "ROOT and Parquet": (files(DATA), 0.1),
    "files of ours": (files(OURS), 0.08),
    "command line": (command, 0.12),
}
