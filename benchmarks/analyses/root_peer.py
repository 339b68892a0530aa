# SPDX-License-Identifier: Apache-2.0
"""Programs in C++ for ROOT, compiled for this machine once, run as processes that time themselves."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from shutil import which

import numpy as np
from numpy.typing import NDArray

from benchmarks.shared.data import Absent

_LIBRARIES = ("ROOTDataFrame", "ROOTVecOps", "Hist", "GenVector", "Tree", "RIO", "Core", "MathCore")
_BUILD = Path("build/peers")


@dataclass(frozen=True)
class Timed:
    """CPU seconds of each repetition in one process; histograms of the last, with underflow and overflow."""

    seconds: list[float]
    histograms: dict[str, NDArray[np.float64]]


def built(source: Path, folder: Path = _BUILD) -> Path:
    """``source``, compiled with -O3. Raises ``Absent`` without ROOT's headers or a compiler."""
    found, compiler = find_spec("ROOT"), which("g++")
    if found is None or found.origin is None or not (Path(found.origin).parent / "include/ROOT").is_dir():
        raise Absent("ROOT is not installed (pip install root==0.1a12)")
    if compiler is None:
        raise Absent("g++ is not installed")
    root = Path(found.origin).parent
    made = folder / f"{source.stem}_{sha256(source.read_bytes() + str(root).encode()).hexdigest()[:16]}"
    if made.exists():
        return made
    folder.mkdir(parents=True, exist_ok=True)
    command = [compiler, "-std=c++17", "-O3", "-march=native", str(source), "-o", str(made), f"-I{root}/include"]
    command += [f"-L{root}/lib", *(f"-l{name}" for name in _LIBRARIES), f"-Wl,-rpath,{root}/lib"]
    # the wheel's libraries need some that it renames
    command += ["-Wl,--unresolved-symbols=ignore-in-shared-libs"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise Absent(f"{source.name} does not compile with this ROOT: {done.stderr.strip()[-300:]}")
    return made


def timed(program: Path, file: Path, query: str, repetitions: int = 2) -> Timed:
    """The second repetition finds libraries and pages warm."""
    done = subprocess.run([program, file, query, str(repetitions)], capture_output=True, text=True, check=True)
    found = Timed([], {})
    for line in done.stdout.splitlines():
        name, *numbers = line.split()
        if name == "seconds":
            found.seconds.append(float(numbers[0]))
        else:
            found.histograms[name] = np.array(numbers, float)
    return found
