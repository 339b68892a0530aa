# SPDX-License-Identifier: Apache-2.0
"""Does this machine run that code? Asked before loading it: the wrong instruction kills the process."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from hepq.core.errors import ArtifactError

#: ELF e_machine -> what ``platform.machine`` calls it
_ELF = {62: "x86_64", 183: "aarch64", 243: "riscv64"}
#: LLVM's names that /proc/cpuinfo spells otherwise (both without "_" and ".")
_ALIASES = {
    "64bit": "lm", "bmi": "bmi1", "crc32": "sse42", "lzcnt": "abm", "pclmul": "pclmulqdq", "prfchw": "3dnowprefetch",
    "rdrnd": "rdrand", "sahf": "lahflm", "sha": "shani", "sse3": "pni", "x87": "fpu", "neon": "asimd",
    "fullfp16": "asimdhp", "dotprod": "asimddp", "fparmv8": "fp",
}  # fmt: skip


def _plain(feature: str) -> str:
    return feature.lower().lstrip("+").replace("_", "").replace(".", "").replace("-", "")


@cache
def features() -> frozenset[str] | None:
    """This CPU's features as Linux names them; None where the system does not say."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return None
    lines = (line.partition(":") for line in text.splitlines())
    flags = next((value for key, _, value in lines if key.strip() in ("flags", "Features")), None)
    return frozenset(map(_plain, flags.split())) if flags else None


def missing(needed: Iterable[str]) -> list[str]:
    """Those of ``needed`` (LLVM's names) that this CPU lacks; none where it cannot be told."""
    have = features()
    if have is None:
        return []
    return [f for f in needed if not {_plain(f), _ALIASES.get(_plain(f), "")} & have]


def check(library: bytes, mcpu: str, needed: Iterable[str], artifact: str) -> None:
    """Raise HQ0826 or HQ0827 unless this machine can run ``library`` (an ELF file built for ``mcpu``)."""
    if library[:4] != b"\x7fELF" or len(library) < 64:
        raise ArtifactError("HQ0827", f"the code in {artifact} is not a Linux shared library")
    built, here = _ELF.get(int.from_bytes(library[18:20], "little"), "unknown"), platform.machine()
    help = "compile it here, or with --target cpu:MCPU for this machine"
    if platform.system() != "Linux" or built != here:
        why = f"it is for Linux on {built}; this is {platform.system()} on {here}"
        raise ArtifactError("HQ0826", f"the code in {artifact} is for another machine", why, help)
    if lacking := missing(needed):
        why = f"built for {mcpu}, it needs {', '.join(lacking)}, which this CPU lacks"
        raise ArtifactError("HQ0826", f"the code in {artifact} is for another CPU", why, help)
