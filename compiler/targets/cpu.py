# SPDX-License-Identifier: Apache-2.0
"""CPU targets: which instructions generated code may use, and how wide its vectors are."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path

from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import HepqError

# Names of instruction sets as the Linux kernel prints them, in /proc/cpuinfo.
_V2 = ("ssse3", "sse4_1", "sse4_2", "popcnt", "cx16")
_V3 = (*_V2, "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe")
_V4 = (*_V3, "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl")
_ICELAKE = (*_V4, "avx512vbmi", "avx512_vnni", "vaes", "gfni")

#: LLVM's name -> (machine, vector bits, instruction sets the code needs). Best last within one machine.
KNOWN: dict[str, tuple[str, int, tuple[str, ...]]] = {
    "x86-64": ("x86_64", 128, ()),
    "x86-64-v2": ("x86_64", 128, _V2),
    "x86-64-v3": ("x86_64", 256, _V3),
    "haswell": ("x86_64", 256, _V3),
    "skylake": ("x86_64", 256, _V3),
    "znver2": ("x86_64", 256, _V3),
    "znver3": ("x86_64", 256, _V3),
    "x86-64-v4": ("x86_64", 512, _V4),
    "skylake-avx512": ("x86_64", 512, _V4),
    "cascadelake": ("x86_64", 512, (*_V4, "avx512_vnni")),
    "icelake-server": ("x86_64", 512, _ICELAKE),
    "sapphirerapids": ("x86_64", 512, (*_ICELAKE, "avx512_bf16", "avx512_fp16", "amx_tile")),
    "znver4": ("x86_64", 512, (*_ICELAKE, "avx512_bf16", "sse4a")),
    "znver5": ("x86_64", 512, (*_ICELAKE, "avx512_bf16", "avx512_vp2intersect", "sse4a")),
    "armv8-a": ("aarch64", 128, ("asimd",)),
    "neoverse-n1": ("aarch64", 128, ("asimd", "asimddp", "atomics")),
    "apple-m1": ("aarch64", 128, ("asimd", "asimddp", "atomics")),
}
_LLVM_CPU = {"armv8-a": "generic"}
_MACHINE = {"amd64": "x86_64", "arm64": "aarch64"}


@dataclass(frozen=True)
class CpuTarget:
    """``mcpu``: LLVM's name. ``vector_bits``: register width. ``features``: instruction sets the code needs."""

    mcpu: str
    vector_bits: int
    features: tuple[str, ...]

    @property
    def lanes(self) -> int:
        """float32 numbers per vector register."""
        return self.vector_bits // 32

    @property
    def llvm_cpu(self) -> str:
        return _LLVM_CPU.get(self.mcpu, self.mcpu)

    def __str__(self) -> str:
        return f"cpu:{self.mcpu}"


def machine() -> str:
    """This machine's architecture: ``x86_64``, ``aarch64``, …"""
    name = platform.machine().lower()
    return _MACHINE.get(name, name)


def host_features() -> frozenset[str]:
    """Instruction sets of this machine, by the Linux kernel's names; empty where the kernel does not tell."""
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return frozenset({"asimd", "asimddp", "atomics"} if machine() == "aarch64" else ())
    found: set[str] = set()
    for line in cpuinfo.read_text(errors="replace").splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("flags", "Features"):
            found.update(value.split())
            break
    return frozenset(found)


def native() -> CpuTarget:
    """The best known target that runs on this machine.

    Raises ValueError on an architecture we generate no code for.
    """
    here, features = machine(), host_features()
    fits = [n for n, (arch, _, needs) in KNOWN.items() if arch == here and features.issuperset(needs)]
    if not fits:
        raise ValueError(f"no CPU target for this machine ({here}); known: {', '.join(KNOWN)}")
    return named(fits[-1])


def named(mcpu: str) -> CpuTarget:
    """The target of LLVM's name. Raises ValueError for an unknown name, or one of another architecture."""
    if mcpu not in KNOWN:
        raise ValueError(f"unknown CPU {mcpu!r}; choose native or one of: {', '.join(KNOWN)}")
    arch, bits, features = KNOWN[mcpu]
    if arch != machine():
        same = ", ".join(n for n, (a, _, _) in KNOWN.items() if a == machine())
        raise ValueError(f"CPU {mcpu!r} is {arch}, this machine is {machine()}; choose native or one of: {same}")
    return CpuTarget(mcpu, bits, features)


def parse(text: str) -> CpuTarget:
    """``cpu``, ``cpu:native`` or ``cpu:<name>``. Raises ValueError with the list of names."""
    kind, _, name = text.partition(":")
    if kind != "cpu":
        raise ValueError(f"{text!r} is not a CPU target: write cpu, cpu:native or cpu:NAME")
    return native() if name in ("", "native") else named(name)


def resolved(text: str) -> CpuTarget:
    """The same of a target that a user names. Raises HepqError HQ0708."""
    try:
        return parse(text)
    except ValueError as error:
        raise HepqError([diag("HQ0708", name=text, known="cpu, cpu:native, cpu:NAME", help=str(error))]) from error
