# SPDX-License-Identifier: Apache-2.0
"""What simulation of circuits will take of memory, and what there is of it: asked before anything is taken."""

from __future__ import annotations

import resource
from pathlib import Path

from hepq.core.errors import DataError

#: wires beyond which one state, 2^wires complex numbers, is refused: a gate then takes seconds
WIRES = 26
#: bytes that the amplitudes or probabilities of all events may take, however much memory there is
MEMORY = 1 << 32
#: bytes of one amplitude in double precision; states' worth, tables of layers included, that a simulation holds at
#: once beside its result: measured, 7.6
AMPLITUDE, COPIES = 16, 8
#: bytes that are taken without a look at how much there is
SMALL = 1 << 26
#: of a control group: its limit and its use, by version 2 and 1 of Linux's interface
_GROUP = (("", "memory.max", "memory.current"), ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes"))


def ask(wires: int, events: int = 1, *, size: int = AMPLITUDE, copies: int = COPIES, free: int | None = None) -> None:
    """Raise DataError HQ0850 (one state) or HQ0852 (those of all events) where states do not fit in memory.

    ``size``: bytes kept for each amplitude of each event; ``copies``: states of one event that are held beside them.
    ``free``: bytes there are; by default ``available()``.
    """
    state, kept = AMPLITUDE * copies << wires, events * size << wires
    if wires <= WIRES and kept <= MEMORY and state + kept <= SMALL:
        return
    free = available() if free is None else free
    if wires > WIRES or state + (size << wires) > free:
        why = f"at most 2^{WIRES} amplitudes are simulated, and " if wires > WIRES else ""
        raise DataError(
            "HQ0850", f"a circuit of {wires} wires is too large for exact simulation",
            f"its state has 2^{wires} amplitudes, and simulating it takes {amount(state + (size << wires))}; "
            f"{why}{amount(free)} are available",
            "use fewer wires, or a device as backend" if wires > WIRES else
            "free memory or raise its limit, use fewer wires, or a device as backend",
        )  # fmt: skip
    if kept > MEMORY or state + kept > free:
        raise DataError(
            "HQ0852", f"states of {events} events do not fit in memory",
            f"{events} times 2^{wires} amplitudes take {amount(state + kept)}; at most {amount(MEMORY)} are made, "
            f"and {amount(free)} are available",
            "take fewer events at a time: of kernels, smaller tiles; in training, smaller batches",
        )  # fmt: skip


def amount(size: int) -> str:
    """``1.5 GiB`` or ``64 MiB``, of bytes."""
    if size < 1 << 27:
        return f"{size / 2**20:,.0f} MiB"
    return f"{size / 2**30:,.{1 if size < 100 << 30 else 0}f} GiB"


def available(root: Path = Path("/")) -> int:
    """Bytes this process may still take: the least of what the machine has left (MemAvailable), of what limits of the
    control group and those above it leave, and of RLIMIT_AS. Page cache that can be given up counts as free.

    ``root``: where ``proc`` and ``sys`` are. A system that says nothing sets no bound.
    """
    left = [1 << 62]
    machine = _fields(root / "proc/meminfo")
    if "MemAvailable" in machine:
        left.append(machine["MemAvailable"] << 10)
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    if most != resource.RLIM_INFINITY:
        left.append(most - (_fields(root / "proc/self/status").get("VmSize", 0) << 10))
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        for controller, limit, use in _GROUP:
            if controller in controllers.split(","):
                top = root / "sys/fs/cgroup" / controller
                group = top / path.lstrip("/")
                folders = [f for f in (group, *group.parents) if f.is_relative_to(top)]
                left += [n for f in folders if (n := _left(f, limit, use)) is not None]
    return max(0, min(left))


def _left(group: Path, limit: str, use: str) -> int | None:
    most, taken = _read(group / limit).strip(), _read(group / use).strip()
    if not (most.isdecimal() and taken.isdecimal()):
        return None
    stat = _fields(group / "memory.stat")  # version 1 counts the groups below in `total_…`, version 2 always
    return int(most) - int(taken) + stat.get("total_inactive_file", stat.get("inactive_file", 0))


def _fields(file: Path) -> dict[str, int]:
    """The first number of each line, by the word before it."""
    words = (line.replace(":", " ").split() for line in _read(file).splitlines())
    return {w[0]: int(w[1]) for w in words if len(w) > 1 and w[1].isdecimal()}


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
