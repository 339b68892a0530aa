# SPDX-License-Identifier: Apache-2.0
"""Results of long measurements, in a file with a line for each: what is in it is not measured again."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import TypeAdapter

from hepq.runtime.files import digest

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

R = TypeVar("R", bound="DataclassInstance")


def kept(names: Iterable[str], measure: Callable[[str], R], of: type[R], path: Path | None) -> Iterator[R]:
    """A result for each name, as they come; new ones are added to the file ``path``.

    ``of``: a dataclass of numbers, strings, tuples and such dataclasses, whose first field is the name.
    """
    keep = Keep(path, of)
    known = {getattr(row, fields(of)[0].name): row for row in keep.read()}
    for name in names:
        if name in known:
            yield known[name]
            continue
        made = measure(name)
        keep.add(made)
        yield made


@dataclass(frozen=True)
class Keep(Generic[R]):
    """Rows of a dataclass in a file, a checksum before each; without a path, nowhere."""

    path: Path | None
    of: type[R]

    def read(self) -> Iterator[R]:
        """Rows whose checksum fits; what else the file holds is said, to be measured again."""
        text = self.path.read_text() if self.path is not None and self.path.exists() else ""
        for number, line in enumerate(text.splitlines(), 1):
            checksum, _, row = line.partition(" ")
            if checksum == digest(row.encode()):
                yield _read(self.of, json.loads(row))
            else:
                print(f"{self.path}, line {number}: no checksum that fits; measured again", file=sys.stderr)

    def add(self, row: R) -> None:
        if self.path is not None:
            with self.path.open("a") as file:
                text = json.dumps(asdict(row))
                file.write(f"{digest(text.encode())} {text}\n")


def _read(of: type[R], row: dict[str, Any]) -> R:
    return TypeAdapter(of).validate_python(row)
