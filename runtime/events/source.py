# SPDX-License-Identifier: Apache-2.0
"""One file of events, a piece of it, and how much of it is held at once: a number of events, or an amount of memory."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from hepq.core.errors import DataError
from hepq.runtime.events.columns import check_present

Format = Literal["root", "parquet", "csv", "npz"]
#: of names, the branch that each is in, and the path in its records
Places = dict[str, tuple[str, tuple[str, ...]]]
DEFAULT_STEP = "32 MB"
_UNITS = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_AMOUNT = re.compile(r"\s*([0-9.]+(?:e[0-9]+)?)\s*([kmgt]?b)\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Source:
    """One file, the tree to read in it ("" where there are none), and its number of events.

    ``mark``: what ``writers`` left in it. ``pattern``: which matched it, if it was not named. ``columns``, ``kinds``:
    of a CSV file, the names it was given, and the type of each branch. ``parts``: itself and its
    friend, entries side by side, whose branches are its own. ``sample``: the dataset's source that it is of.
    ``uuid``: of a ROOT file, what it was named when it was made.
    """

    path: str
    tree: str
    events: int
    branches: tuple[str, ...]
    mark: str = ""
    pattern: str = ""
    format: Format = "root"
    columns: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    parts: tuple[Source, ...] = ()
    sample: str = ""
    uuid: str = ""

    def __str__(self) -> str:
        if self.parts:
            return " + ".join(map(str, self.parts))
        return f"{self.path}:{self.tree}" if self.tree else self.path

    def beside(self, friend: Source) -> Source:
        """With a friend, whose branches it has too. Raises DataError HQ0836 where it has not as many events."""
        if friend.events != self.events:
            why = f"{self} has {self.events:,} entries, {friend} has {friend.events:,}"
            help = "name files that were made of the same events, in the same order"
            raise DataError("HQ0836", f"{friend} is no friend of {self}", why, help)
        more = tuple(b for b in friend.branches if b not in self.branches)
        return replace(self, branches=(*self.branches, *more), parts=(self, friend))

    def places(self, names: Collection[str]) -> Places:
        """Of each of ``names`` that it has, the branch and the path in its records: ``jet.fP.fX`` of ``jet``."""
        known = set(self.branches)
        found: Places = {}
        for name in names:
            parts = name.split(".")
            cut = next((i for i in range(len(parts), 0, -1) if ".".join(parts[:i]) in known), 0)
            if cut:
                found[name] = ".".join(parts[:cut]), tuple(parts[cut:])
        return found

    def check_present(self, branches: Collection[str], help: str = "") -> None:
        """Raise DataError HQ0805 for the first of ``branches`` that it lacks."""
        known = self.places(branches)
        lacking = [b for b in branches if b not in known]
        check_present(lacking, list(self.branches), str(self), help or matched(self.pattern))


@dataclass(frozen=True)
class Chunk:
    """Consecutive events of one file; ``first`` is the number of the first."""

    source: Source
    first: int
    events: Any


def projected(events: Any, places: Places) -> Any:
    """``events`` by the names of ``places``, without those that its records do not have."""
    import awkward as ak

    columns = {}
    for name, (branch, path) in places.items():
        if not path and events.layout.is_record:
            columns[name] = events.layout.content(branch)
            continue
        value = events[branch]
        for step in path:
            value = value[step] if value is not None and step in value.fields else None
        if value is not None:
            columns[name] = value.layout
    return ak.Array(ak.contents.RecordArray(list(columns.values()), list(columns), length=len(events)))


def matched(pattern: str) -> str:
    return f"{pattern} matches it too: name the files of events, if it is none" if pattern else ""


def checked_step(step: object) -> int | str:
    """``step``. Raises ValueError for one that is no number of events above 0, and no amount such as "32 MB"."""
    if isinstance(step, str):
        size(step)
        return step
    if isinstance(step, bool) or not isinstance(step, int | np.integer) or step < 1:
        raise ValueError(f"{step!r} is not a number of events: give 1 or more, or a size such as '32 MB'")
    return int(step)


def asked_step(step: int | str) -> int | str:
    """As ``checked_step``. Raises DataError HQ0887."""
    try:
        return checked_step(step)
    except ValueError as error:
        raise DataError("HQ0887", f"cannot read in steps of {step!r}", str(error)) from error


def size(step: str) -> int:
    """Bytes of an amount of memory, 1 or more."""
    found = _AMOUNT.fullmatch(step)
    try:
        amount = float(found[1]) * _UNITS[found[2].lower()] if found else 0.0
    except ValueError:
        amount = 0.0
    if not 1 <= amount < math.inf:
        raise ValueError(f"{step!r} is neither a number of events nor a size such as '32 MB'")
    return int(amount)


def damaged(path: str, error: Exception) -> DataError:
    why = (str(error).strip() or type(error).__name__).splitlines()[0]
    return DataError("HQ0803", f"{path} is truncated or damaged", why, "copy it again from where it came")
