# SPDX-License-Identifier: Apache-2.0
"""Who computes which tile, among processes that share a store: claims (leases), which die with their owners.

A claim is the file that the tile will be: its room is taken before anything is measured, and renaming it publishes
the tile and ends the claim in one step. Two processes that claim one tile at the same moment both see the other's
file, and both withdraw, so that no lock is ever waited for.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import socket
import threading
from contextlib import suppress
from functools import cache
from pathlib import Path

#: seconds between signs of life, and after how many without one a claim from another machine counts no more
SIGN, SILENCE = 30.0, 600.0
_serial = itertools.count()


def new_owner() -> str:
    """A name that no other owner has or will have: machine, process, its start, a serial number."""
    pid = os.getpid()
    return f"{machine()}-{pid}-{_start(pid)}-{next(_serial)}"


def lives(owner: str) -> bool | None:
    """Whether the owner's process runs; None if it ran on another machine."""
    where, pid, start, _ = owner.split("-")
    if where != machine():
        return None
    return _start(int(pid)) == start


@cache
def machine() -> str:
    """Tells apart hosts, boots of a host, and containers: wherever process numbers mean something else."""
    boot = _text(Path("/proc/sys/kernel/random/boot_id"))
    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        space = ""
    return hashlib.sha256(f"{socket.gethostname()} {boot} {space}".encode()).hexdigest()[:12]


def _start(pid: int) -> str:
    """When a process started, in clock ticks since boot; empty if it is gone or dead (proc_pid_stat(5), field 22)."""
    state, *fields = _text(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split() or ["X"]
    return "" if state in "ZX" else fields[18]


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


class Claims:
    """Files ``KEY.OWNER`` in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.owner = folder, new_owner()
        self._held: set[Path] = set()
        self._closed = threading.Event()
        self._signs: threading.Thread | None = None

    def path(self, key: str) -> Path:
        return self.folder / f"{key}.{self.owner}"

    def take(self, key: str, room: int) -> bool:
        """Claim ``key`` and take ``room`` bytes; False if another living process has it. Raises OSError."""
        mine = self.path(key)
        try:
            with mine.open("xb") as file:
                os.posix_fallocate(file.fileno(), 0, room)
            others = [n for n in os.listdir(self.folder) if n.startswith(f"{key}.") and n != mine.name]
            if any(self._holds(self.folder / name, mine) for name in others):
                mine.unlink()
                return False
        except FileExistsError:  # another thread has it
            return False
        except BaseException:
            self.drop(key)
            raise
        self._held.add(mine)
        if self._signs is None:
            self._signs = threading.Thread(target=self._give_signs, name="hepq-claims", daemon=True)
            self._signs.start()
        return True

    def drop(self, key: str) -> None:
        self._held.discard(self.path(key))
        with suppress(OSError):
            self.path(key).unlink()

    def close(self) -> None:
        """Give up every claim."""
        self._closed.set()
        for claim in list(self._held):
            self.drop(claim.name.partition(".")[0])

    def published(self, key: str) -> None:
        """The claim became a tile."""
        self._held.discard(self.path(key))

    def working(self) -> int:
        """How many claims there are of processes that live, or may."""
        return sum(lives(p.name.partition(".")[2]) is not False for p in self.folder.glob("*.*"))

    def _holds(self, other: Path, mine: Path) -> bool:
        """Whether another's claim holds; if its owner is dead it is removed."""
        living = lives(other.name.partition(".")[2])
        try:
            if living is None:  # on another machine; both times are by the file system's clock
                living = mine.stat().st_mtime - other.stat().st_mtime < SILENCE
            if not living:
                other.unlink()
        except FileNotFoundError:
            return False
        return living

    def _give_signs(self) -> None:
        while not self._closed.wait(SIGN):
            for claim in list(self._held):
                with suppress(OSError):
                    os.utime(claim)
