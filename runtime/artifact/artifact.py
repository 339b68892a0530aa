# SPDX-License-Identifier: Apache-2.0
"""The artifact ``.hepqx``: a zip whose every member is hash-checked and none is a pickle.

The zip's comment holds the SHA-256 of ``manifest.json``; the manifest holds that of every other member.
Hashes guard against damage and accidental edits. They do not say who made the file: an artifact holds machine code,
which runs. ``trust`` checks the file itself, before anything of it is opened; what was checked is what is loaded.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from hepq.core.errors import ArtifactError
from hepq.runtime.artifact import archive, tensors
from hepq.runtime.artifact.manifest import FORMAT_VERSION, Code, Manifest
from hepq.runtime.artifact.trust import Trust
from hepq.runtime.files import replacing, unopened, why_not

MANIFEST, WEIGHTS, SOURCE, GOLDEN = "manifest.json", "weights.safetensors", "source.hepq", "golden.safetensors"
#: which an artifact may have
VARIABLES = "derived.json"
#: of the manifest, unpacked
MAX_MANIFEST = 4 << 20
_COMMENT = b"hepq manifest sha256 "
_EPOCH = (1980, 1, 1, 0, 0, 0)


def write(path: str | Path, manifest: Manifest, members: Mapping[str, bytes]) -> None:
    """Write an artifact, as ``encoded`` has it, atomically."""
    with replacing(Path(path)) as temporary:
        temporary.write_bytes(encoded(manifest, members))


def encoded(manifest: Manifest, members: Mapping[str, bytes]) -> bytes:
    """An artifact as a file's contents; the same manifest and members give the same bytes.

    ``members`` are all but ``manifest.json``: weights, code, packed weights, source, golden vectors.
    """
    text = hashed(manifest, members).model_dump_json(indent=1).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as zipped:
        for name, data in [(MANIFEST, text), *sorted(members.items())]:
            info = zipfile.ZipInfo(name, _EPOCH)
            info.external_attr = 0o644 << 16
            zipped.writestr(info, data, zipfile.ZIP_DEFLATED)
        zipped.comment = _COMMENT + _sha(text).encode()
    return buffer.getvalue()


def hashed(manifest: Manifest, members: Mapping[str, bytes]) -> Manifest:
    """The manifest with the hashes of these members."""
    return manifest.model_copy(update={"members": {k: _sha(members[k]) for k in sorted(members)}})


@dataclass(frozen=True)
class Artifact:
    """An opened and checked artifact, wholly in memory. ``sha256``: of the file it was read from. ``rebuilt``: its
    code is not that of the file, but was compiled anew."""

    path: Path
    manifest: Manifest
    members: dict[str, bytes]
    sha256: str = ""
    rebuilt: bool = False

    @staticmethod
    def open(path: str | Path, trust: Trust | None = None) -> Artifact:
        """Read and check an artifact; by default it must be what the environment asks for (``HEPQ_TRUST``).

        Raises ArtifactError (HQ0801, HQ0820 to HQ0825, HQ0892, HQ0894, HQ0896).
        """
        path, trust = Path(path), trust or Trust.of()
        if why := why_not(path):
            raise ArtifactError("HQ0801", unopened(path, why), help="hepqc compile MODEL.hepq makes one")
        if path.stat().st_size > archive.MAX_BYTES:
            why = f"an artifact has at most {archive.MAX_BYTES / 2**30:.3g} GiB"
            raise ArtifactError("HQ0820", f"{path} is not an artifact", why)
        try:
            data = path.read_bytes()
            trust.check(path, data)
            manifest, members = _read(path, archive.opened(path, data))
        except MemoryError as error:
            raise ArtifactError("HQ0823", f"{path} does not fit in memory", "its members are too large") from error
        return Artifact(path, manifest, members, _sha(data))

    @cached_property
    def weights(self) -> dict[str, NDArray[Any]]:
        """Weight path -> float32 array. Raises ArtifactError HQ0896 unless they are those of the manifest."""
        found, wanted = self.tensors(WEIGHTS), self.manifest.weights
        for name in sorted(found.keys() | wanted.keys()):
            if name not in found or name not in wanted:
                raise self.malformed(WEIGHTS, f"{name} is in one of {WEIGHTS} and {MANIFEST}, not in both")
            if found[name].shape != wanted[name] or found[name].dtype != np.float32:
                what = f"{found[name].dtype}{list(found[name].shape)}, not float32{list(wanted[name])}"
                raise self.malformed(WEIGHTS, f"{name} is {what}")
        return found

    @cached_property
    def packed(self) -> NDArray[Any]:
        """The weights as the compiled code wants them: one flat float32 array. Raises ArtifactError HQ0896."""
        return self.flat(self.code.packed)

    def flat(self, member: str) -> NDArray[Any]:
        """The one flat float32 array, ``packed``, of a member. Raises ArtifactError HQ0896."""
        found = self.tensors(member)
        if found.keys() != {"packed"} or found["packed"].dtype != np.float32 or found["packed"].ndim != 1:
            raise self.malformed(member, "it should hold one flat float32 array, packed")
        return found["packed"]

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
        """The arrays of a member in safetensors form. Raises ArtifactError HQ0896 where it is not."""
        try:
            return tensors.read(self.members[member])
        except ValueError as error:
            raise self.malformed(member, str(error)) from error

    @property
    def source(self) -> str:
        """The program it was made from. Raises ArtifactError HQ0896 where it is no text."""
        try:
            return self.members[SOURCE].decode()
        except UnicodeDecodeError as error:
            raise self.malformed(SOURCE, str(error)) from error

    def malformed(self, member: str, why: str) -> ArtifactError:
        """What to raise for a member whose contents make no sense."""
        return ArtifactError("HQ0896", f"malformed {member} in {self.path.name}", why, "compile it again")


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _read(path: Path, zipped: archive.Archive) -> tuple[Manifest, dict[str, bytes]]:
    if MANIFEST not in zipped.members:
        raise ArtifactError("HQ0820", f"{path} is a zip, but not an artifact", f"it has no {MANIFEST}")
    if (size := zipped.members[MANIFEST].size) > MAX_MANIFEST:
        why = f"it claims {size:,} bytes; at most {MAX_MANIFEST:,} are read"
        raise ArtifactError("HQ0823", f"{MANIFEST} of {path} is too large", why)
    text = zipped.read(MANIFEST)
    _check_version(path, text)
    if zipped.comment != _COMMENT + _sha(text).encode():
        raise archive.changed(path, MANIFEST)
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise ArtifactError("HQ0825", f"malformed {MANIFEST} in {path}", f"{where}: {first['msg']}") from error
    held = zipped.members.keys() - {MANIFEST}
    needed = {WEIGHTS, GOLDEN, SOURCE, *manifest.own_members} | (held & {VARIABLES})
    if odd := (needed ^ held) | (needed ^ manifest.members.keys()):
        name = sorted(odd)[0]
        what = "is missing from" if name not in held else "does not belong in"
        raise ArtifactError("HQ0823", f"member {name} {what} {path}", help="copy it again, or compile it again")
    members = {name: zipped.read(name) for name in manifest.members}
    for name, digest in manifest.members.items():
        if _sha(members[name]) != digest:
            raise archive.changed(path, name)
    return manifest, members


def _check_version(path: Path, text: bytes) -> None:
    """The manifest's format version is looked at before anything else of it."""
    try:
        version = json.loads(text)["format_version"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ArtifactError("HQ0825", f"malformed {MANIFEST} in {path}", f"{error}") from error
    if type(version) is not int or version < 1:
        raise ArtifactError("HQ0825", f"malformed {MANIFEST} in {path}", f"format_version: {version!r}")
    if version > FORMAT_VERSION:
        why = f"it has format {version}; this hepq reads up to {FORMAT_VERSION}"
        raise ArtifactError("HQ0824", f"{path} was made by a newer hepq", why, "pip install --upgrade hepq")
