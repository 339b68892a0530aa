# SPDX-License-Identifier: Apache-2.0
"""A ``.onnx`` file that hepq made, in onnxruntime: what it says of itself, and its golden vectors replayed."""

from __future__ import annotations

import base64
import hashlib
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from hepq.core.errors import ArtifactError
from hepq.runtime.artifact.golden import Golden
from hepq.runtime.artifact.manifest import FORMAT_VERSION, OnnxManifest
from hepq.runtime.artifact.trust import Trust
from hepq.runtime.events.columns import Raw
from hepq.runtime.events.elementwise import to_int
from hepq.runtime.files import unopened, why_not
from hepq.runtime.imports import optional
from hepq.runtime.verify import Verification, replay

#: keys of the model's metadata
MANIFEST, GOLDEN, SOURCE, CHECKSUM = "hepq.manifest", "hepq.golden", "hepq.source", "hepq.sha256"
#: stands for the file's SHA-256 while that is computed
BLANK = "unsealed" * 8
#: bytes of golden vectors that are unpacked
MOST_OF_GOLDEN = 256 << 20
#: padded events scored in one call
_CHUNK = 64


def load(path: str | Path, threads: int | None = None, trust: Trust | None = None) -> OnnxModel:
    """The model in a ``.onnx`` file."""
    return OnnxModel(path, trust=trust)


def packed(golden: Golden) -> str:
    """Golden vectors as text for the metadata."""
    return base64.b64encode(zlib.compress(golden.to_bytes(), 9)).decode()


def sealed(content: bytes) -> bytes:
    """A file whose metadata has ``BLANK`` for its checksum, with the checksum."""
    if content.count(BLANK.encode()) != 1:
        raise ValueError("not one place for a checksum")
    return content.replace(BLANK.encode(), hashlib.sha256(content).hexdigest().encode())


class OnnxModel:
    """Raises ArtifactError (HQ0801, HQ0820, HQ0824, HQ0825), DataError HQ0871 without onnxruntime."""

    def __init__(self, path: str | Path, content: bytes | None = None, trust: Trust | None = None) -> None:
        """``content``: the file's, if it is not to be read, nor checked as ``trust`` (or ``HEPQ_TRUST``) asks."""
        self.path = Path(path)
        if content is None:
            if why := why_not(self.path):
                help = "hepqc compile MODEL.hepq --target onnx makes one"
                raise ArtifactError("HQ0801", unopened(self.path, why), help=help)
            content = self.path.read_bytes()
            (trust or Trust.of()).check(self.path, content)
        self.runtime = runtime = optional("onnxruntime", "onnx")
        options = runtime.SessionOptions()
        options.log_severity_level = 3
        try:
            self.session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # of many kinds, none of them public
            why = str(error).strip().splitlines()[0]
            raise ArtifactError("HQ0820", f"{path} is not a model that onnxruntime runs", why) from error
        try:
            self.metadata: dict[str, str] = self.session.get_modelmeta().custom_metadata_map
        except UnicodeDecodeError as error:
            why, help = "its metadata are no text", "copy it again, or compile it again"
            raise ArtifactError("HQ0822", f"{path} was changed", why, help) from error
        self._check(content)
        self.manifest = self._manifest()

    def verify(self, seed: int = 0) -> Verification:
        """As of artifacts: golden vectors, and permuted ones where that must not matter."""
        golden = self._golden()
        return replay(self.manifest, golden, lambda raw, where: self.score(raw), seed)

    def _golden(self) -> Golden:
        try:
            unpacker = zlib.decompressobj()
            data = unpacker.decompress(base64.b64decode(self.metadata[GOLDEN], validate=True), MOST_OF_GOLDEN)
        except (ValueError, zlib.error) as error:
            raise ArtifactError("HQ0830", f"the golden vectors of {self.path} cannot be read", str(error)) from error
        if not unpacker.eof:
            why = f"they are cut short, or longer than {MOST_OF_GOLDEN >> 20} MiB"
            raise ArtifactError("HQ0830", f"the golden vectors of {self.path} cannot be read", why)
        return Golden.from_bytes(data)

    @property
    def source(self) -> str:
        """The program it was made from."""
        return self.metadata.get(SOURCE, "")

    def score(self, raw: Raw) -> dict[str, NDArray[Any]]:
        """Outputs of raw events, laid out as by ``outputs.scatter``."""
        parts = [self._score(raw, lo, min(lo + _CHUNK, raw.events)) for lo in range(0, raw.events, _CHUNK)]
        return {
            o.name: np.concatenate([p[o.name] for p in parts])
            if parts
            else np.zeros((0, *self.manifest.static_shape(o.dims)), o.kind)
            for o in self.manifest.outputs
        }

    def _score(self, raw: Raw, lo: int, hi: int) -> dict[str, NDArray[Any]]:
        counts = {dim: raw.counts[dim][lo:hi] for dim in self.manifest.counts}
        feed = {name: counts[dim].astype(np.float32) for dim, name in self.manifest.counts.items()}
        valid = {dim: np.arange(max(n.max(initial=0), 1)) < n[:, None] for dim, n in counts.items()}
        # graphs of an earlier hepq take whole numbers as floats
        whole = {i.name for i in self.session.get_inputs() if "int64" in i.type}
        for column in self.manifest.columns:
            dim, content = self.manifest.ragged_dim(column.dims), raw.contents[column.name]
            content = to_int(content) if column.branch in whole else content.astype(np.float32)
            if dim is None:
                feed[column.branch] = content[lo:hi]
                continue
            first, last = (int(raw.counts[dim.name][:i].sum()) for i in (lo, hi))
            padded = np.zeros((*valid[dim.name].shape, *content.shape[1:]), content.dtype)
            padded[valid[dim.name]] = content[first:last]
            feed[column.branch] = padded
        names = [o.name for o in self.manifest.outputs]
        found: dict[str, NDArray[Any]] = {}
        try:
            made: list[NDArray[Any]] = self.session.run(names, feed)
            for output, value in zip(self.manifest.outputs, made, strict=True):
                dim, inner = self.manifest.ragged_dim(output.dims), self.manifest.inner_dim(output.dims)
                there = None if dim is None else valid[dim.name]
                if there is not None and inner is not None:
                    there = there[:, :, None] & valid[inner.name][:, None, :]
                found[output.name] = value if there is None else value[there]
        except Exception as error:  # onnxruntime's are of many kinds, none of them public
            why = str(error).strip().splitlines()[0][:300]
            raise ArtifactError("HQ0828", f"the graph of {self.path} refused its inputs", why) from error
        return found

    def _check(self, content: bytes) -> None:
        """A file that an earlier hepq wrote has no checksum, and is taken as it is."""
        stated = self.metadata.get(CHECKSUM)
        if stated is None:
            return
        if hashlib.sha256(content.replace(stated.encode(), BLANK.encode())).hexdigest() != stated:
            why = "its contents are not those it was written with"
            help = "copy it again, or compile it again; a model that other tools changed is no longer hepq's"
            raise ArtifactError("HQ0822", f"{self.path} was changed", why, help)

    def _manifest(self) -> OnnxManifest:
        if MANIFEST not in self.metadata or GOLDEN not in self.metadata:
            why, help = "its metadata has no manifest", "hepqc compile MODEL.hepq --target onnx makes such files"
            raise ArtifactError("HQ0820", f"{self.path} was not made by hepq", why, help)
        try:
            manifest = OnnxManifest.model_validate_json(self.metadata[MANIFEST])
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the whole"
            raise ArtifactError("HQ0825", f"malformed manifest in {self.path}", f"{where}: {first['msg']}") from error
        if manifest.format_version > FORMAT_VERSION:
            why = f"it has format {manifest.format_version}; this hepq reads up to {FORMAT_VERSION}"
            raise ArtifactError("HQ0824", f"{self.path} was made by a newer hepq", why, "pip install --upgrade hepq")
        return manifest
