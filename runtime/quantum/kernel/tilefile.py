# SPDX-License-Identifier: Apache-2.0
"""A tile of a kernel matrix as a file that checks itself: a line with a hash, a line of JSON, float64 numbers."""

from __future__ import annotations

import hashlib
import json
import math
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, NonNegativeInt, TypeAdapter, ValidationError

from hepq.runtime.files import why_not

MAGIC = b"hepq-tile 1 "
_HASH = 64
#: room that the two lines before the numbers may need, beside what a kernel says of itself
OVERHEAD = 1024
LONGEST_HEADER = 1 << 20


class Damaged(Exception):
    """A tile file that is truncated, changed, or of another tile."""


@dataclass(frozen=True)
class Header:
    """``kernel``: its digest; ``rows``, ``columns``: hashes of the events; ``when``: UTC; ``about``: the kernel's."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(strict=True, extra="forbid")

    key: str
    kernel: str
    rows: str
    columns: str
    shape: tuple[NonNegativeInt, NonNegativeInt]
    when: str
    about: dict[str, Any]


_HEADER = TypeAdapter(Header)


def encode(header: Header, values: NDArray[np.float64]) -> bytes:
    body = json.dumps(asdict(header), separators=(",", ":")).encode() + b"\n" + values.astype("<f8").tobytes()
    return MAGIC + hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def decode(data: bytes, key: str) -> tuple[Header, NDArray[np.float64]]:
    """Raises Damaged unless ``data`` is what ``encode`` made for ``key``, byte for byte."""
    start = len(MAGIC) + _HASH + 1
    body = data[start:]
    if data[:start] != MAGIC + hashlib.sha256(body).hexdigest().encode() + b"\n":
        raise Damaged("its hash is not that of its content")
    line, _, numbers = body.partition(b"\n")
    header = _header(line)
    if header.key != key:
        raise Damaged("it is another tile's")
    if len(numbers) != 8 * math.prod(header.shape):
        raise Damaged("it does not hold as many numbers as it says")
    return header, np.frombuffer(numbers, "<f8").astype(np.float64).reshape(header.shape)


def read_header(path: Path) -> Header:
    """What a file says of its tile: it is as long as that, but its numbers are not read. Raises Damaged, OSError."""
    if why := why_not(path):
        raise Damaged(why)
    start = len(MAGIC) + _HASH + 1
    with path.open("rb") as file:
        if file.read(start)[: len(MAGIC)] != MAGIC:
            raise Damaged("it does not begin as a tile does")
        line = file.readline(LONGEST_HEADER)
        header, size = _header(line), os.fstat(file.fileno()).st_size
    if size != start + len(line) + 8 * math.prod(header.shape):
        raise Damaged("it does not hold as many numbers as it says")
    return header


def _header(line: bytes) -> Header:
    try:
        return _HEADER.validate_json(line)
    except ValidationError as error:
        raise Damaged("its header is malformed") from error
