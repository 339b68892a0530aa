# SPDX-License-Identifier: Apache-2.0
"""The artifact ``.hepqx``: a zip whose every member is hash-checked and none is a pickle.

The zip's comment holds the SHA-256 of ``manifest.json``; the manifest holds that of every other member.
Hashes guard against damage and accidental edits. They do not say who made the file: an artifact holds
machine code, so load only those you would run a program from.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from pydantic import ValidationError

from hepq.runtime.errors import ArtifactError
from hepq.runtime.files import replacing
from hepq.runtime.manifest import FORMAT_VERSION, Code, Manifest

MANIFEST, WEIGHTS, SOURCE, GOLDEN = "manifest.json", "weights.safetensors", "source.hepq", "golden.safetensors"
MAX_BYTES = 4 << 30
MAX_RATIO = 1100  # deflate's own limit is 1032
_COMMENT = b"hepq manifest sha256 "
_EPOCH = (1980, 1, 1, 0, 0, 0)


def write(path: str | Path, manifest: Manifest, members: Mapping[str, bytes]) -> Manifest:
    """Write an artifact atomically; the same contents give the same bytes. Returns the manifest with hashes.

    ``members`` are all but ``manifest.json``: weights, code, packed weights, source, golden vectors.
    """
    manifest = manifest.model_copy(update={"members": {k: _sha(members[k]) for k in sorted(members)}})
    text = manifest.model_dump_json(indent=1).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, data in [(MANIFEST, text), *sorted(members.items())]:
            info = zipfile.ZipInfo(name, _EPOCH)
            info.external_attr = 0o644 << 16
            archive.writestr(info, data, zipfile.ZIP_DEFLATED)
        archive.comment = _COMMENT + _sha(text).encode()
    with replacing(Path(path)) as temporary:
        temporary.write_bytes(buffer.getvalue())
    return manifest


@dataclass(frozen=True)
class Artifact:
    """An opened and checked artifact, wholly in memory."""

    path: Path
    manifest: Manifest
    members: dict[str, bytes]

    @staticmethod
    def open(path: str | Path) -> Artifact:
        """Read and check an artifact; raises ArtifactError (HQ0801, HQ0820 to HQ0825)."""
        path = Path(path)
        if not path.is_file():
            raise ArtifactError("HQ0801", f"no such file: {path}", help="hepqc compile MODEL.hepq makes one")
        try:
            with zipfile.ZipFile(path) as archive:
                manifest, members = _read(path, archive)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError) as error:
            raise _not_a_zip(path, error) from error
        return Artifact(path, manifest, members)

    @cached_property
    def weights(self) -> dict[str, NDArray[Any]]:
        """Weight path -> array."""
        return self.tensors(WEIGHTS)

    @cached_property
    def packed(self) -> NDArray[Any]:
        """The weights as the compiled code wants them: one flat float32 array."""
        return self.tensors(self.code.packed)["packed"]

    @property
    def library(self) -> bytes:
        return self.members[self.code.library]

    @property
    def code(self) -> Code:
        """What compiled code needs. Raises ArtifactError HQ0827 where there is none."""
        if self.manifest.code is None:
            raise ArtifactError("HQ0827", f"{self.path} has no compiled code")
        return self.manifest.code

    def tensors(self, member: str) -> dict[str, NDArray[Any]]:
        """The arrays of a member in safetensors form."""
        from safetensors.numpy import load

        return load(self.members[member])

    @property
    def source(self) -> str:
        return self.members[self.manifest.provenance.source].decode()


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _not_a_zip(path: Path, error: Exception) -> ArtifactError:
    with path.open("rb") as file:
        head = file.read(4)
    if head[:2] == b"PK":
        why = f"it begins like an artifact, but {str(error) or type(error).__name__}"
        return ArtifactError("HQ0821", f"{path} is truncated or damaged", why, "copy it again, or compile it again")
    why = "the file is empty" if not head else f"it begins with {head!r}, an artifact with b'PK'"
    return ArtifactError("HQ0820", f"{path} is not an artifact", why, "give a .hepqx file made by hepqc compile")


def _read(path: Path, archive: zipfile.ZipFile) -> tuple[Manifest, dict[str, bytes]]:
    infos = _safe_members(path, archive)
    if MANIFEST not in infos:
        raise ArtifactError("HQ0820", f"{path} is a zip, but not an artifact", f"it has no {MANIFEST}")
    text = archive.read(infos.pop(MANIFEST))
    _check_version(path, text)
    if archive.comment != _COMMENT + _sha(text).encode():
        raise _changed(path, MANIFEST)
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise ArtifactError("HQ0825", f"malformed {MANIFEST} in {path}", f"{where}: {first['msg']}") from error
    needed = {*manifest.members, WEIGHTS, GOLDEN, *manifest.own_members, manifest.provenance.source}
    if odd := needed ^ infos.keys() | needed ^ manifest.members.keys():
        name = sorted(odd)[0]
        what = "is missing from" if name not in infos else "does not belong in"
        raise ArtifactError("HQ0823", f"member {name} {what} {path}", help="copy it again, or compile it again")
    members: dict[str, bytes] = {}
    for name, digest in manifest.members.items():
        try:
            members[name] = archive.read(infos[name])
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise _changed(path, name) from error
        if _sha(members[name]) != digest:
            raise _changed(path, name)
    return manifest, members


def _safe_members(path: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    infos = archive.infolist()
    for info in infos:
        parts = info.filename.replace("\\", "/").split("/")
        if info.filename.startswith(("/", "\\")) or ".." in parts or info.is_dir():
            raise ArtifactError("HQ0823", f"unsafe member name {info.filename!r} in {path}")
        if info.file_size > MAX_RATIO * max(info.compress_size, 1):
            raise ArtifactError("HQ0823", f"member {info.filename} in {path} claims an impossible size")
    if sum(i.file_size for i in infos) > MAX_BYTES:
        raise ArtifactError("HQ0823", f"{path} claims to hold more than {MAX_BYTES >> 30} GiB")
    if len({i.filename for i in infos}) != len(infos):
        raise ArtifactError("HQ0823", f"{path} holds two members of one name")
    return {i.filename: i for i in infos}


def _check_version(path: Path, text: bytes) -> None:
    """The manifest's format version is looked at before anything else of it."""
    try:
        version = json.loads(text)["format_version"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ArtifactError("HQ0825", f"malformed {MANIFEST} in {path}", f"{error}") from error
    if not isinstance(version, int) or version < 1:
        raise ArtifactError("HQ0825", f"malformed {MANIFEST} in {path}", f"format_version: {version!r}")
    if version > FORMAT_VERSION:
        why = f"it has format {version}; this hepq reads up to {FORMAT_VERSION}"
        raise ArtifactError("HQ0824", f"{path} was made by a newer hepq", why, "pip install --upgrade hepq")


def _changed(path: Path, name: str) -> ArtifactError:
    why = "its contents are not those it was written with"
    return ArtifactError("HQ0822", f"member {name} of {path} was changed", why, "copy it again, or compile it again")
