# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with a user's data or artifact: one exception family."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from hepq.core.diagnostics.codes_data import DATA


class DataError(Exception):
    """Something is wrong with the data: ``code``, ``title`` (names the thing), ``why``, ``help``."""

    def __init__(self, code: str, title: str, why: str = "", help: str = "") -> None:
        if code not in DATA:
            raise KeyError(code)
        super().__init__(code, title, why, help)
        self.code, self.title, self.why, self.help = code, title, why, help

    def __str__(self) -> str:
        lines = [f"error[{self.code}]: {self.title}"]
        lines += [f"  {self.why}"] if self.why else []
        lines += [f"  help: {self.help}"] if self.help else []
        return "\n".join(lines)


class ArtifactError(DataError):
    """Something is wrong with a ``.hepqx`` file."""


def did_you_mean(name: str, known: Iterable[str], limit: int = 12) -> str:
    """``did you mean "x"? (it has: a, b, c …)``, for a name that ``known`` lacks."""
    names = sorted(known)
    close = get_close_matches(name, names, n=1, cutoff=0.6)
    first = f'did you mean "{close[0]}"? ' if close else ""
    listed = ", ".join(names[:limit]) + (f", … {len(names)} in all" if len(names) > limit else "")
    return f"{first}It has: {listed}" if names else "It has nothing at all"
