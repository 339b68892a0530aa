# SPDX-License-Identifier: Apache-2.0
"""CUDA C as a shared library for a CPU, and a driver that runs it: what tests have in place of a GPU."""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import subprocess
import tempfile
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
SCHEDULES = range(5)
#: all threads of a block wait for each other
BARRIER = "__syncthreads();"
_KERNEL = re.compile(r'extern "C" __global__ void __launch_bounds__\(\d+\) (\w+)\(([^)]*)\) \{')
#: rounds as the GPU does: no contraction but where the text says fmaf
_OPTIONS = ("-std=c++17", "-shared", "-fPIC", "-w", "-fno-strict-aliasing", "-ffp-contract=off", "-march=native")


def cubin(source: str, optimised: bool = False) -> bytes:
    """Kernels that the fake driver can load. ``optimised``: takes longer to make than small models take to run."""
    body = source[source.index('extern "C"') :].replace("__restrict__ ", "")
    starts = [*_KERNEL.finditer(body)]
    ends = [*(k.start() for k in starts[1:]), len(body)]
    launchers = "\n".join(
        _launcher(k[1], k[2], BARRIER in body[k.end() : end]) for k, end in zip(starts, ends, strict=True)
    )
    text = f'#include "{HERE / "shim.h"}"\n{body}\n{launchers}\n'
    return _built(text, "kernels.cc", (HERE / "shim.h").read_text(), "-O2" if optimised else "-O0").read_bytes()


def _launcher(name: str, parameters: str, barriers: bool) -> str:
    kinds = [p.rsplit(" ", 1)[0] for p in parameters.split(", ")]
    arguments = ", ".join(f"*({kind}*)given_{name}[{i}]" for i, kind in enumerate(kinds))
    return (
        f"static void** given_{name};\n"
        f"static void body_{name}() {{ {name}({arguments}); }}\n"
        f'extern "C" int launch_{name}(void** arguments, unsigned x, unsigned y, unsigned threads, int schedule) '
        f"{{ given_{name} = arguments; shim::body = body_{name}; "
        f"return shim::run(x, y, threads, schedule, {str(barriers).lower()}, body_{name}); }}"
    )


def _built(text: str, name: str, more: str = "", optimise: str = "-O1") -> Path:
    """A shared library of C++, made once on this machine."""
    digest = hashlib.sha256("\n".join([text, more, optimise, *_OPTIONS]).encode()).hexdigest()[:24]
    folder = Path(tempfile.gettempdir(), f"hepq-shim-{os.getuid()}")
    made = folder / f"{digest}.so"
    if not made.exists():
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            source, out = Path(scratch, name), Path(scratch, "made.so")
            source.write_text(text)
            subprocess.run(["g++", optimise, *_OPTIONS, str(source), "-o", str(out), "-ldl"], check=True)
            out.rename(made)
    return made


@cache
def library() -> Path:
    """The fake ``libcuda.so.1``."""
    return _built((HERE / "fake_driver.cc").read_text(), "fake_driver.cc")


class Fake:
    """Says how the fake driver behaves: ``schedule``, ``capability``, ``devices``, ``memory``."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(str(library()))
        self._library.fake_get.restype = ctypes.c_longlong

    def set(self, name: str, value: int) -> None:
        self._library.fake_set(name.encode(), ctypes.c_longlong(value))

    def get(self, name: str) -> int:
        """``launches`` so far, ``buffers`` that are held."""
        return int(self._library.fake_get(name.encode()))
