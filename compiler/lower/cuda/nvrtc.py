# SPDX-License-Identifier: Apache-2.0
"""CUDA C to machine code by NVRTC, which needs no GPU: by ctypes, from the package of the extra ``cuda``.

Names and argument types are those of the NVRTC documentation, 12.9. Code of 12.x runs on drivers from 525 on.
"""

from __future__ import annotations

import ctypes as ct
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hepq.compiler.lower.cpu.prepare import LoweringError
from hepq.runtime.imports import optional

PACKAGE = "nvidia-cuda-nvrtc-cu12"
#: what code is made for: a cubin runs on its generation from that one on, PTX is compiled by drivers of newer ones
ARCHITECTURES = ("sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120", "compute_80")
#: contraction would round otherwise than the rules of operations say; where it is wanted, the text has fmaf
OPTIONS = ("--std=c++17", "--fmad=false", "--disable-warnings")


def assemble(source: str, architectures: Sequence[str], options: Sequence[str] = ()) -> dict[str, bytes]:
    """Architecture -> a cubin, or PTX for ``compute_``. Raises DataError HQ0871 where NVRTC is not installed."""
    library = _library()
    workers = min(len(architectures), len(os.sched_getaffinity(0)))
    with ThreadPoolExecutor(workers, "nvrtc") as pool:
        made = pool.map(lambda architecture: _Program(library, source, architecture, options).code, architectures)
        return dict(zip(architectures, made, strict=True))


def report(source: str, architecture: str) -> str:
    """What the assembler says of registers, stacks and spills of each kernel."""
    return _Program(_library(), source, architecture, ("--ptxas-options=-v",)).log


def installed() -> str:
    """The version of NVRTC. Raises DataError HQ0871 where it is not installed."""
    _library()
    return version(PACKAGE)


@cache
def _library() -> Any:
    folder = Path(next(iter(optional("nvidia.cuda_nvrtc", "cuda").__path__)), "lib")
    return ct.CDLL(str(folder / "libnvrtc.so.12"))


class _Program:
    """``code``: what it gave. Raises LoweringError for text that does not compile."""

    def __init__(self, library: Any, source: str, architecture: str, options: Sequence[str]) -> None:
        self._library, self._handle = library, ct.c_void_p()
        self._call("CreateProgram", ct.byref(self._handle), source.encode(), b"kernels.cu", 0, None, None)
        try:
            words = [o.encode() for o in (f"--gpu-architecture={architecture}", *OPTIONS, *options)]
            status = library.nvrtcCompileProgram(self._handle, len(words), (ct.c_char_p * len(words))(*words))
            self.log = self._read("ProgramLog").rstrip(b"\0").decode(errors="replace")
            if status:
                raise LoweringError(f"the GPU's code does not compile for {architecture}: {self.log[:500]}")
            self.code = self._read("PTX" if architecture.startswith("compute") else "CUBIN")
        finally:
            library.nvrtcDestroyProgram(ct.byref(self._handle))

    def _read(self, what: str) -> bytes:
        size = ct.c_size_t()
        self._call(f"Get{what}Size", self._handle, ct.byref(size))
        text = ct.create_string_buffer(size.value)
        self._call(f"Get{what}", self._handle, text)
        return text.raw

    def _call(self, name: str, *arguments: Any) -> None:
        if status := getattr(self._library, f"nvrtc{name}")(*arguments):
            raise LoweringError(f"nvrtc{name} failed with error {status}")
