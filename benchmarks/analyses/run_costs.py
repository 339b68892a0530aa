# SPDX-License-Identifier: Apache-2.0
"""What runs of analyses cost beside their events: more variations, text to code, memory for more files."""

from __future__ import annotations

import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from shutil import copy
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks.analyses.adl import FILE
from benchmarks.analyses.adl import PROGRAM as ADL
from benchmarks.analyses.agc import PROGRAM as AGC
from benchmarks.analyses.running import DATA, Case
from benchmarks.events.adl_files import write

#: of the time without variations: of one of weights, of one of objects
WEIGHT, OBJECT, COPIES = 0.02, 0.35, 50
#: CPU seconds from text to the first histogram: all compiled, all found in the cache
FRESH, CACHED = 6.0, 1.2
#: peak memory of several files over that of one, in chunks of so many events; of a file
FILES, MEMORY, CHUNK, EVENTS = 16, 1.1, 25_000, 100_000

_ALONE = [
    ("toy_ttbar.root", "agc_0.root"),
    ('  source wjets = mc("toy_wjets.root", xsec=311.33 pb)\n', ""),
    ("    save tops = mass=top.mass, pt=top.pt, jets=count(jet)\n", ""),
]
_WEIGHTS = f"""    for i in 0..{COPIES} {{
      vary more[i] {{
        up {{ btag = event_sf("btag_var", "up", jet[0].pt) * (1 + 0.001 * i) }}
      }}
    }}
"""
_OBJECTS = "  vary more { up { Jet.pt = 1.01 * Jet.pt } }\n"


def agc_case(file: Path, varied: bool = True, more: str = "") -> Case:
    """The AGC of one file without its skim, which peers do not write; with its own variations or none, and more."""
    copy(DATA / "agc_corrections.json", file.parent)
    text = AGC.read_text(encoding="utf-8")
    if not varied:
        text = "".join(_without_variations(text))
    if more:
        place = "    weight btag = 1\n" if "for i" in more else "  weight scale = 1\n"
        text = text.replace(place, place + more)
    path = file.parent / "agc.hepq"
    path.write_text(text, encoding="utf-8")
    return Case.of(path, file.parent, _ALONE)


def _without_variations(text: str) -> list[str]:
    """Lines of a program as it is laid out, without `vary` and loops of them."""
    kept: list[str] = []
    inside = ""
    for line in text.splitlines(keepends=True):
        indent = line[: len(line) - len(line.lstrip())]
        if not inside and line.lstrip().startswith(("vary ", "for ", "noise ")):
            inside = indent if not line.rstrip().endswith("}") and line.rstrip().endswith("{") else ""
            continue
        if inside:
            inside = "" if line.rstrip() == f"{inside}}}" else inside
            continue
        kept.append(line)
    return kept


def variations(file: Path, rounds: int) -> dict[str, float]:
    """What one more costs, in the time without any: medians of rounds."""
    cases = {
        "none": agc_case(file, varied=False),
        "weights": agc_case(file, varied=False, more=_WEIGHTS),
        "objects": agc_case(file, varied=False, more=_OBJECTS),
    }
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for i in range(rounds + 1):
        for name, case in cases.items():
            start = time.process_time()
            case.run(n_minus_one=False)
            if i:
                seconds[name].append(time.process_time() - start)

    def more(name: str) -> float:
        return median(b / a for a, b in zip(seconds["none"], seconds[name], strict=True)) - 1

    return {"weights": more("weights") / COPIES, "objects": more("objects")}


def command(program: Path, out: Path, cache: Path, *options: str) -> tuple[float, float]:
    """CPU seconds and peak bytes of `hepqc run` in one process."""
    ran = [sys.executable, "-c", _CHILD, "run", str(program), "-o", str(out), "--workers", "1", "--fresh", *options]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        ran, capture_output=True, text=True, check=True, env=os.environ | threads | {"XDG_CACHE_HOME": str(cache)}
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, float(done.stdout.split("peak ")[-1]) * 1024


#: what Linux says of this program alone: the peak that getrusage has may be of the process that it was forked from
_CHILD = """
from hepq.cli import main
try:
    main()
finally:
    with open("/proc/self/status") as status:
        [peak] = [line.split()[1] for line in status if line.startswith("VmHWM")]
    print("peak", peak)
"""


def fixed(folder: Path) -> tuple[float, float]:
    """CPU seconds of the eight queries of 1000 events: with an empty cache, and again."""
    program = folder / ADL.name
    program.write_text(ADL.read_text(encoding="utf-8"), encoding="utf-8")
    copy(FILE, folder)
    first, _ = command(program, folder / "first", folder / "cache")
    again = [command(program, folder / f"again{i}", folder / "cache")[0] for i in range(3)]
    return first, min(again)


def memory(folder: Path) -> tuple[float, float]:
    """Peak bytes of a run of one file, and of several."""
    names = [f"file_{i}.root" for i in range(FILES)]
    first = write(folder / names[0], EVENTS)
    for name in names[1:]:
        copy(first, folder / name)
    peaks = []
    for some in (names[:1], names):
        listed = ", ".join(f'"{name}"' for name in some)
        program = folder / f"adl_{len(some)}.hepq"
        text = ADL.read_text(encoding="utf-8").replace('"Run2012B_SingleMu-1000.root"', listed)
        program.write_text(text, encoding="utf-8")
        peaks.append(command(program, folder / f"of_{len(some)}", folder / "cache", "--chunk-size", str(CHUNK))[1])
    return peaks[0], peaks[1]


def shown(agc: Path, rounds: int, console: Console, large: bool) -> bool:
    """Whether all bars are met; without ``large`` those of variations do not hold."""
    more = variations(agc, rounds)
    with tempfile.TemporaryDirectory() as name:
        fresh, cached = fixed(Path(name))
        one, several = memory(Path(name))
    lines = [
        ("one more variation of weights", f"{more['weights']:.2%}", more["weights"], WEIGHT if large else math.inf),
        ("one more variation of jets", f"{more['objects']:.1%}", more["objects"], OBJECT if large else math.inf),
        ("text to first histogram, CPU s", f"{fresh:.2f}", fresh, FRESH),
        ("the same, code in the cache", f"{cached:.2f}", cached, CACHED),
        (f"memory of {FILES} files ÷ of one ({one / 2**20:.0f} MB)", f"{several / one:.2f}", several / one, MEMORY),
    ]
    table = Table("cost", "measured", "at most", "")
    for what, text, number, bar in lines:
        table.add_row(what, text, "" if bar == math.inf else f"{bar:g}", "" if number <= bar else "MISSED")
    console.print(table)
    return all(number <= bar for _, _, number, bar in lines)
