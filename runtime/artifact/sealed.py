# SPDX-License-Identifier: Apache-2.0
"""Files of ours that are read again carry the SHA-256 of their content: damage is noticed, not computed with."""

from __future__ import annotations

import hashlib

MAGIC = b"hepq sealed 1 "
_HASH = 64


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def seal(content: bytes) -> bytes:
    """A line with the hash, then ``content``."""
    return MAGIC + digest(content).encode() + b"\n" + content


def unseal(data: bytes) -> bytes:
    """The content of what ``seal`` made. Raises ValueError, saying why, for anything else."""
    start = len(MAGIC) + _HASH + 1
    if data[: len(MAGIC)] != MAGIC:
        raise ValueError("it has no checksum: it is damaged, or an earlier hepq wrote it")
    content = data[start:]
    if data[len(MAGIC) : start] != digest(content).encode() + b"\n":
        raise ValueError("its checksum does not fit: it is damaged")
    return content


def seal_text(text: str) -> str:
    """``text``, then its hash on a line of its own."""
    return f"{text}\n{digest(text.encode())}"


def unseal_text(text: str) -> str:
    """As ``unseal``, of what ``seal_text`` made."""
    content, _, found = text.rstrip("\n").rpartition("\n")
    if found != digest(content.encode()):
        raise ValueError("its checksum does not fit: it is damaged")
    return content
