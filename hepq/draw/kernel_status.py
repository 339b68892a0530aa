# SPDX-License-Identifier: Apache-2.0
"""What a kernel store holds, as a table: one row for each kernel and way of running it."""

from __future__ import annotations

from collections import defaultdict
from math import prod
from pathlib import Path

from rich.console import Console
from rich.table import Table

from hepq.runtime.quantum.kernel.store import Header, Store


def show(path: Path, console: Console) -> None:
    """Print it. Raises DataError HQ0858 if ``path`` is no store."""
    with Store(path, create=False) as store:
        kernels: dict[str, list[Header]] = defaultdict(list)
        for header in store.headers():
            kernels[header.kernel].append(header)
        working, damaged = store.working(), store.damaged()
    if kernels:
        table = Table(box=None)
        for name in ("kernel", "backend", "calibration", "shots", "tiles", "values"):
            table.add_column(name, overflow="fold")
        table.add_column("newest, UTC", no_wrap=True)
        for digest, headers in sorted(kernels.items(), key=lambda item: min(h.when for h in item[1])):
            about, newest = headers[0].about, max(h.when for h in headers)[:16].replace("T", " ")
            told = [str(about.get(k, "")) for k in ("backend", "calibration", "shots")]
            name = f"{about['name']} {digest[:8]}" if "name" in about else digest[:12]
            values = sum(prod(h.shape) for h in headers)
            table.add_row(name, *told, f"{len(headers):,}", f"{values:,}", newest)
        console.print(table)
    else:
        console.print("no tiles yet")
    if working:
        console.print(f"{working} being computed now")
    if damaged:
        console.print(f"{damaged} damaged, set aside in {path / 'damaged'}")
