# SPDX-License-Identifier: Apache-2.0
"""Who works on what, among processes that share a folder: names of owners, and whether an owner still lives."""

from __future__ import annotations

import hashlib
import itertools
import os
import socket
from functools import cache
from pathlib import Path

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
