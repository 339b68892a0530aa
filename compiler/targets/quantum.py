# SPDX-License-Identifier: Apache-2.0
"""Names of quantum targets: devices that come with hepq, live ones, abstract topologies, users' files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from hepq.compiler.targets.abstract import abstract
from hepq.compiler.targets.stored import FOLDER, from_file, stored
from hepq.lang.catalogue import diag, near
from hepq.lang.diagnostic import HepqError
from hepq.runtime.quantum.device import Device

#: what a vendor's bare name means. IBM's: the Heron that published figures of circuit compilers most often use
DEFAULTS = {"ibm": "ibm:torino", "origin": "origin:wukong", "quafu": "quafu:baihua"}
ALIASES = {"origin:kf_c6_130": "origin:wuyuan", "origin:kf_c72_300": "origin:wukong"}
ABSTRACT = ("line:N", "ring:N", "grid:RxC", "full:N")


@dataclass(frozen=True)
class Entry:
    """A device in a list. ``date``: of its newest figure; ``status``: of its gate errors."""

    name: str
    title: str
    qubits: int
    gates: str
    date: str
    status: str


def device(target: str) -> Device:
    """The device that a target names. Raises HepqError HQ0720 for an unknown name, HQ0721 for a bad file."""
    if target.endswith((".toml", ".json")):
        return from_file(Path(target))
    name = target.lower().replace("×", "x")
    name = DEFAULTS.get(name, ALIASES.get(name, name))
    if name.startswith("ibm:ibm_"):
        from hepq.compiler.targets.ibm import live

        return live(name.removeprefix("ibm:"))
    if name in known():
        return _stored(name)
    made = abstract(name)
    if made is None:
        close = near(name, known())
        listed = None if close else "`hepqc targets` lists them all"
        raise HepqError([diag("HQ0720", name=target, near=close, help=listed)])
    return made


def known() -> tuple[str, ...]:
    """Names of the devices that come with hepq."""
    return tuple(sorted(path.stem.replace("-", ":", 1) for path in FOLDER.glob("*.json")))


def listed() -> Iterator[Entry]:
    """Every device that comes with hepq."""
    for name in known():
        chip = _stored(name)
        day = max(s.date for s in chip.sources.values())
        status = chip.sources["gate_errors"].status if "gate_errors" in chip.sources else "assumed"
        yield Entry(name, chip.title, chip.size, ", ".join(chip.two_qubit), day.isoformat(), status)


@lru_cache
def _stored(name: str) -> Device:
    return stored(name.replace(":", "-", 1))
