# SPDX-License-Identifier: Apache-2.0
"""The zip of an artifact, as bytes: where its first member and its directory may be."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from hepq.core.errors import ArtifactError
from hepq.runtime.artifact.archive import opened

PATH = Path("a.hepqx")


def packed(comment: bytes = b"") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("manifest.json", "{}")
        archive.comment = comment
    return file.getvalue()


def code_of(data: bytes) -> str:
    with pytest.raises(ArtifactError) as refused:
        opened(PATH, data)
    return refused.value.code


@pytest.mark.parametrize("length", [0, 1, 65514, 65535])
def test_a_comment_may_be_as_long_as_a_zip_allows(length: int) -> None:
    opened(PATH, packed(b"c" * length))


def test_what_is_no_zip_is_told_from_a_damaged_one() -> None:
    empty = io.BytesIO()
    zipfile.ZipFile(empty, "w").close()
    assert code_of(empty.getvalue()) == "HQ0821"
    assert code_of(b"PK" + packed()[2:][::-1]) == "HQ0821"
    assert code_of(b"") == "HQ0820"
    assert code_of(b"%PDF-1.7") == "HQ0820"
    assert code_of(packed()[:-1]) == "HQ0821"


@pytest.mark.parametrize(
    ("more", "why"), [(b"x", "a byte follows its end"), (b"\n" * 1234, "1,234 bytes follow its end")]
)
def test_what_follows_an_artifact_is_said(more: bytes, why: str) -> None:
    for comment in (b"", b"about"):
        with pytest.raises(ArtifactError, match=f"HQ0821.*\n.*but {why}"):
            opened(PATH, packed(comment) + more)


@pytest.mark.parametrize(
    ("flags", "what"),
    [(0x1, "is encrypted"), (0x41, "is encrypted"), (0x8, "is written in a way"), (0x20, "is written in a way")],
)
def test_flags_that_are_not_read(flags: int, what: str) -> None:
    data = bytearray(packed())
    entry = data.index(b"PK\x01\x02")
    data[entry + 8 : entry + 10] = flags.to_bytes(2, "little")
    with pytest.raises(ArtifactError, match=f"member manifest.json of a.hepqx {what}"):
        opened(PATH, bytes(data))
