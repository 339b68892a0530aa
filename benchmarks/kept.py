# SPDX-License-Identifier: Apache-2.0
"""Results of long measurements, in a file with a line for each: what is in it is not measured again."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hepq.runtime.sealed import digest

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

R = TypeVar("R", bound="DataclassInstance")


def kept(names: Iterable[str], measure: Callable[[str], R], of: type[R], path: Path | None) -> Iterator[R]:
    """A result for each name, as they come; new ones are added to the file ``path``.

    ``of``: a dataclass of numbers, strings and tuples, whose first field is the name.
    """
    known = {row[fields(of)[0].name]: _read(of, row) for row in _rows(path)}
    for name in names:
        if name in known:
            yield known[name]
            continue
        made = measure(name)
        if path is not None:
            with path.open("a") as file:
                text = json.dumps(asdict(made))
                file.write(f"{digest(text.encode())} {text}\n")
        yield made


def _rows(path: Path | None) -> Iterator[dict[str, Any]]:
    """Rows whose checksum fits; what else the file holds is said, and measured again."""
    for number, line in enumerate(path.read_text().splitlines() if path is not None and path.exists() else [], 1):
        checksum, _, text = line.partition(" ")
        if checksum == digest(text.encode()):
            yield json.loads(text)
        else:
            print(f"{path}, line {number}: no checksum that fits; measured again", file=sys.stderr)


def _read(of: type[R], row: dict[str, Any]) -> R:
    return of(**{name: tuple(value) if isinstance(value, list) else value for name, value in row.items()})
