# SPDX-License-Identifier: Apache-2.0
"""Reads the zips that artifacts are, and no others: from bytes in memory, and never more than each member declares.

Members stand one after the other from the first byte to the directory, stored or deflated, in the same words in both
places. What other zips may have is refused: other methods, encryption, zip64, links, folders, gaps, overlaps.
"""

from __future__ import annotations

import re
import stat
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

from hepq.core.errors import ArtifactError

#: of all members together, as they declare it
MAX_BYTES = (2 << 30) - 1
MAX_MEMBERS = 4096
#: deflate's own limit is 1032; what we write is far below the second, but for small members
MAX_RATIO, LARGE, MAX_LARGE_RATIO = 1100, 64 << 20, 100
_END, _DIRECTORY, _LOCAL = b"PK\x05\x06", b"PK\x01\x02", b"PK\x03\x04"
_STORED, _DEFLATED = 0, 8
_NAME = re.compile(rb"[A-Za-z0-9_][A-Za-z0-9_.\-]*(/[A-Za-z0-9_][A-Za-z0-9_.\-]*)*")
_AGAIN = "copy it again, or compile it again"


@dataclass(frozen=True)
class Member:
    """Where a member's bytes are, and how many they become."""

    method: int
    crc: int
    packed: int
    size: int
    start: int


@dataclass(frozen=True)
class Archive:
    """A zip whose directory was checked; ``read`` unpacks."""

    path: Path
    data: bytes
    comment: bytes
    members: dict[str, Member]

    def read(self, name: str) -> bytes:
        """A member's contents. Raises ArtifactError HQ0822 where they are not what its entry says."""
        member = self.members[name]
        raw = memoryview(self.data)[member.start : member.start + member.packed]
        if member.method == _STORED:
            found = bytes(raw)
        else:
            unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
            try:
                found = unpacker.decompress(raw, member.size + 1)
            except zlib.error as error:
                raise changed(self.path, name) from error
            if not unpacker.eof or unpacker.unused_data:
                raise changed(self.path, name)
        if len(found) != member.size or zlib.crc32(found) != member.crc:
            raise changed(self.path, name)
        return found


def changed(path: Path, name: str) -> ArtifactError:
    why = "its contents are not those it was written with"
    return ArtifactError("HQ0822", f"member {name} of {path} was changed", why, _AGAIN)


def opened(path: Path, data: bytes) -> Archive:
    """The zip in ``data``, of which nothing is unpacked yet.

    Raises ArtifactError HQ0820 (no zip), HQ0821 (truncated or damaged), HQ0823 (a member that cannot be safe).
    """
    if data[:4] != _LOCAL:
        if data[:2] == b"PK":
            raise _damaged(path, "its first member is not where it should be")
        why = "the file is empty" if not data else f"it begins with {data[:4]!r}, an artifact with b'PK'"
        raise ArtifactError("HQ0820", f"{path} is not an artifact", why, "give a .hepqx file made by hepqc compile")
    end = data.rfind(_END, max(0, len(data) - 22 - 0xFFFF))
    while end >= 0 and end + 22 + int.from_bytes(data[end + 20 : end + 22], "little") != len(data):
        end = data.rfind(_END, max(0, len(data) - 22 - 0xFFFF), end)
    if end < 0:
        raise _damaged(path, _after_end(data) or "its directory is not there")
    disk, first, here, count, size, start = struct.unpack_from("<4H2I", data, end + 4)
    if disk or first or here != count or start + size != end:
        raise _damaged(path, "its directory is not where it says")
    if count > MAX_MEMBERS:
        raise _unsafe(path, f"{path} holds {count:,} members", f"at most {MAX_MEMBERS:,} are read")
    members: dict[str, Member] = {}
    place = expected = 0
    for _ in range(count):
        name, member, place, expected = _entry(path, data, start + place, end, expected)
        place -= start
        if name in members:
            raise _unsafe(path, f"{path} holds two members of one name", name)
        members[name] = member
    if place != size or expected != start:
        raise _damaged(path, "its members are not one after the other")
    if sum(m.size for m in members.values()) > MAX_BYTES:
        raise _unsafe(path, f"{path} claims to hold more than {MAX_BYTES / 2**30:.3g} GiB")
    return Archive(path, data, data[end + 22 :], members)


def _entry(path: Path, data: bytes, at: int, end: int, expected: int) -> tuple[str, Member, int, int]:
    """The entry of the directory at ``at``: name, member, where the next entry and the next member begin.

    ``expected``: where this member must begin.
    """
    if at + 46 > end or data[at : at + 4] != _DIRECTORY:
        raise _damaged(path, "its directory is cut short")
    fields = struct.unpack_from("<6H3I5H2I", data, at + 4)
    _, _, flags, method, _, _, crc, packed, size, length, extra, comment, disk, _, mode, begin = fields
    raw = data[at + 46 : at + 46 + length]
    if not _NAME.fullmatch(raw):
        if flags & 0x800 and not _is_text(raw):
            raise _damaged(path, "the name of a member is no text")
        raise _unsafe(path, f"unsafe member name {raw.decode('utf-8', 'replace')!r} in {path}")
    name = raw.decode()
    if method not in (_STORED, _DEFLATED):
        raise _unsafe(path, f"member {name} of {path} is compressed by method {method}", "stored and deflate are read")
    if flags & ~0x806:  # bits 1 and 2: how hard deflate tried
        what = "encrypted" if flags & 1 else "written in a way that is not read"
        raise _unsafe(path, f"member {name} of {path} is {what}", f"its flags are {flags:#x}")
    if extra or comment or disk:
        raise _unsafe(path, f"member {name} of {path} has more than an artifact's members have", "extra fields")
    if stat.S_IFMT(mode >> 16) not in (0, stat.S_IFREG):
        raise _unsafe(path, f"member {name} of {path} is not a file", "a link, a folder or a device")
    if begin != expected:
        raise _damaged(path, f"{name} does not begin where the member before it ends")
    ratio = MAX_RATIO if size <= LARGE else MAX_LARGE_RATIO
    if size > ratio * max(packed, 1) or (method == _STORED and size != packed):
        raise _unsafe(path, f"member {name} in {path} claims an impossible size", f"{size:,} bytes of {packed:,}")
    # version, flags, method, time, date, crc, packed, size, length of the name, no extra
    local = data[at + 6 : at + 30] + b"\0\0" + raw
    if data[begin : begin + 4] != _LOCAL or data[begin + 4 : begin + 30 + length] != local:
        raise _damaged(path, f"{name} and the directory differ")
    start = begin + 30 + length
    return name, Member(method, crc, packed, size, start), at + 46 + length, start + packed


def _after_end(data: bytes) -> str:
    """Whether, in words, more bytes follow where the zip says that it ends; empty if it says nothing."""
    end = data.rfind(_END)
    if end < 0 or end + 22 > len(data):
        return ""
    size, start, comment = struct.unpack_from("<2IH", data, end + 12)
    more = len(data) - (end + 22 + comment)
    if start + size != end or more <= 0:
        return ""
    return f"{more:,} bytes follow its end" if more > 1 else "a byte follows its end"


def _is_text(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _damaged(path: Path, why: str) -> ArtifactError:
    title = f"{path} is truncated or damaged"
    return ArtifactError("HQ0821", title, f"it begins like an artifact, but {why}", _AGAIN)


def _unsafe(path: Path, title: str, why: str = "") -> ArtifactError:
    return ArtifactError("HQ0823", title, why, "hepqc compile makes no such file: do not trust it")
