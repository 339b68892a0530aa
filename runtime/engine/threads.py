# SPDX-License-Identifier: Apache-2.0
"""How many threads to use, and threads that sleep while they wait: this machine may be used by others too."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from pathlib import Path

#: what tells libraries that are loaded later how many threads to use
_NUMBERS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
#: what makes those of GNU, Intel and OpenBLAS sleep as soon as they have nothing to do; the last as 2^… cycles
_PATIENCE = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0", "OPENBLAS_THREAD_TIMEOUT": "14"}


def available() -> int:
    """The cores this process may use: by its affinity, its control group's share, and ``OMP_NUM_THREADS``."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    said = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    limits = [cores, quota(), int(said) if said.isdecimal() and int(said) else None]
    return max(1, min(n for n in limits if n is not None))


def quota(root: Path = Path("/")) -> int | None:
    """The cores whose time this process's control groups may use, rounded up; None where nothing limits them.

    Linux's ``cpu.max`` of version 2, ``cpu.cfs_quota_us`` and ``cpu.cfs_period_us`` of version 1, of the group and
    those above it. ``root``: where ``proc`` and ``sys`` are.
    """
    shares = []
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        names = controllers.split(",")
        if controllers and "cpu" not in names:
            continue
        for mount in ("", "unified") if not controllers else (controllers, "cpu"):
            top = root / "sys/fs/cgroup" / mount
            group = top / path.lstrip("/")
            shares += [_share(folder) for folder in (group, *group.parents) if folder.is_relative_to(top)]
    found = [share for share in shares if share is not None]
    return max(1, ceil(min(found))) if found else None


def _share(group: Path) -> float | None:
    limit, period = ([*_read(group / "cpu.max").split(), "", ""])[:2]
    if not limit:
        limit, period = (_read(group / f"cpu.cfs_{name}_us").strip() for name in ("quota", "period"))
    return int(limit) / int(period) if limit.isdecimal() and period.isdecimal() and int(period) else None


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""


def sleep_when_idle() -> None:
    """Threads of libraries that are loaded later do not spin while they wait, unless the environment says so already.

    A thread that spins on a core that others use too keeps away those that it waits for: two then take several times
    as long as one.
    """
    for name, value in _PATIENCE.items():
        os.environ.setdefault(name, value)


@contextmanager
def limited(threads: int | None) -> Iterator[None]:
    """Inside, numerical libraries use ``threads`` threads, or as many as are ``available``."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    count = threads or available()
    before = {name: os.environ.get(name) for name in _NUMBERS}
    torch = sys.modules.get("torch")
    torch_before = torch.get_num_threads() if torch else 0
    os.environ.update(dict.fromkeys(_NUMBERS, str(count)))
    if torch:
        torch.set_num_threads(count)
    try:
        with threadpool_limits(count):
            yield
    finally:
        if torch:
            torch.set_num_threads(torch_before)
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})
