# SPDX-License-Identifier: Apache-2.0
"""Baskets of TTrees: what lies at their places in a file, decompressed as far as it is needed.

A basket is a key, the entries' bytes, and, of entries of different lengths, a table of where each begins. What is
behind the ``border`` of both is decompressed for those who ask for it: counts say the same, and are there once for
all branches of a collection.
"""

from __future__ import annotations

import os
import struct
import zlib
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
#: length, version, length of the object, date, length of the key, cycle
_KEY = struct.Struct(">ihiIhh")
#: at the key's end: version, buffer size, entry size, entries, where the last one ends; and one byte
_BASKET = struct.Struct(">Hiiii")
_TABLE = np.dtype(">i4")
#: what ZSTD decompresses at once
_ZSTD_BLOCK = 1 << 17
#: where a frame of ZSTD says what is in it, and the bit of that that is set where a checksum is at its end
_ZSTD_FLAGS, _ZSTD_CHECKED = 4, 4
#: bytes before each compressed block: how, and how long it is before and after
_HEAD = 9


@dataclass(frozen=True)
class Basket:
    """``content``: bytes of all entries. ``starts`` [entries + 1]: where each begins and the last ends, in bytes, if
    all of it was read and it has a table. Both may be overwritten by the next one that is read.
    """

    content: Bytes
    starts: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class _Header:
    """``packed``: where it ends, counted from its begin as ``key`` is, and ``border`` from there; ``size``: of all that
    is behind the key, decompressed.
    """

    packed: int
    size: int
    key: int
    border: int


class BasketFile:
    """A file on this machine, opened for its baskets, which share two buffers."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file = os.open(path, os.O_RDONLY)
        self._packed, self._unpacked = np.empty(0, np.uint8), np.empty(0, np.uint8)
        self._zstd = pa.Codec("zstd")

    def close(self) -> None:
        os.close(self._file)

    def read(self, seek: int, length: int, entries: int, table: bool) -> Basket:
        """The basket of so many ``entries`` at ``seek``, ``length`` bytes of the file; ``table``: with ``starts``.

        Raises ValueError or OSError where it is damaged.
        """
        if len(self._packed) < length:
            self._packed = np.empty(length + length // 4, np.uint8)
        given = self._packed[:length]
        if os.preadv(self._file, [given.data], seek) != length:
            raise EOFError(f"the file ends before the basket at {seek}, of {length} bytes, does")
        head = _header(given, seek)
        wanted = head.size if table else head.border
        found = self._raw(given[head.key : head.packed], head, wanted)
        if not table or head.border == head.size:
            return Basket(found[: head.border])
        return Basket(found[: head.border], _starts(found, head, entries, seek))

    def _raw(self, packed: Bytes, head: _Header, wanted: int) -> Bytes:
        """At least the first ``wanted`` bytes of what is ``packed``."""
        if len(packed) == head.size:
            return packed
        blocks = _blocks(packed)
        if not all(kind in (b"ZS", b"ZL") for kind, _, _ in blocks):
            return self._by_uproot(packed, head.size)
        total = sum(size for _, _, size in blocks)
        if total != head.size:
            raise ValueError(f"its blocks have {total} bytes, not {head.size}")
        if len(self._unpacked) < wanted:
            self._unpacked = np.empty(wanted + wanted // 4, np.uint8)
        filled, found = 0, self._unpacked
        for kind, data, size in blocks:
            if filled >= wanted:
                break
            into = self._unpacked[filled : min(filled + size, wanted)]
            found = self._block(kind, data, size, into)
            if len(found) < len(into):
                raise ValueError(f"a compressed block gave {len(found)} bytes, not {len(into)}")
            filled += size
            if len(blocks) > 1 and found is not into:
                into[:] = found[: len(into)]
        return found if len(blocks) == 1 else self._unpacked[:wanted]

    def _block(self, kind: bytes, data: Bytes, size: int, into: Bytes) -> Bytes:
        """Of a block of ``size`` bytes at least as many as ``into`` holds: ``into`` itself, or another array.

        All of it where a checksum is at its end: ZLIB has one, ZSTD may, and ROOT's has none.
        """
        if kind == b"ZL":
            return np.frombuffer(zlib.decompress(data.data, bufsize=size), np.uint8)
        wanted, checked = len(into), len(data) > _ZSTD_FLAGS and bool(data[_ZSTD_FLAGS] & _ZSTD_CHECKED)
        if checked or -(-wanted // _ZSTD_BLOCK) * _ZSTD_BLOCK >= size:
            return np.frombuffer(self._zstd.decompress(data, size), np.uint8)
        with pa.CompressedInputStream(pa.py_buffer(data), "zstd") as stream:
            return into if (filled := stream.readinto(into)) == wanted else into[:filled]

    def _by_uproot(self, packed: Bytes, size: int) -> Bytes:
        """By LZ4, LZMA, and what else uproot knows, which takes names of files for its messages from sources."""
        import uproot

        chunk = uproot.source.chunk.Chunk.wrap(_Named(self._path), packed)
        made = uproot.compression.decompress(chunk, uproot.source.cursor.Cursor(0), {}, len(packed), size)
        found: Bytes = np.asarray(made.raw_data)
        return found


@dataclass(frozen=True)
class _Named:
    file_path: str


def _header(given: Bytes, seek: int) -> _Header:
    data = given.data
    packed, _, size, _, key, _ = _KEY.unpack_from(data) if len(data) >= _KEY.size else (0,) * 6
    if not _KEY.size + _BASKET.size < key <= packed <= len(data):
        raise ValueError(
            f"no basket at {seek}: a key of {key} bytes, of {packed} in all, {len(data)} of which are there"
        )
    border = _BASKET.unpack_from(data, key - _BASKET.size - 1)[-1] - key
    if not 0 <= border <= size:
        raise ValueError(f"the entries of the basket at {seek} end at {border} of {size} bytes")
    return _Header(packed, size, key, border)


def _blocks(packed: Bytes) -> list[tuple[bytes, Bytes, int]]:
    """How each is compressed, its bytes, and how many it was made of."""
    found, at, end = [], 0, len(packed)
    while at < end:
        head = packed[at : at + _HEAD].tobytes()
        begin, at = at + _HEAD, at + _HEAD + int.from_bytes(head[3:6], "little")
        if at > end:
            raise ValueError(f"a compressed block ends at {at} of {end} bytes")
        found.append((head[:2], packed[begin:at], int.from_bytes(head[6:9], "little")))
    return found


def _starts(found: Bytes, head: _Header, entries: int, seek: int) -> NDArray[np.int64]:
    """The table behind the border: its length, then where each entry begins in a buffer that has the key, too."""
    behind = found[head.border : head.size]
    table = behind[: len(behind) // _TABLE.itemsize * _TABLE.itemsize].view(_TABLE)[1 : entries + 1]
    if len(table) < entries:
        raise ValueError(f"the basket at {seek} says of {len(table)} of {entries} entries where they begin")
    starts = np.empty(entries + 1, np.int64)
    np.subtract(table, head.key, out=starts[:-1])
    starts[-1] = head.border
    return starts
