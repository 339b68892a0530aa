# SPDX-License-Identifier: Apache-2.0
"""Whom an artifact must be from before any of it is opened: a SHA-256 of the file, or a signature by a trusted key.

A signature lies beside the file, as ``NAME.sig``: a line that says so, then for each signer a line ``KEY SIGNATURE``
in base64, Ed25519 over ``MESSAGE`` and the file's SHA-256. A keyring is a file with a line ``hepq-ed25519 KEY NAME``
for each trusted key (``#`` begins a comment), or a folder of such files, ``*.pub``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hepq.core.errors import ArtifactError, DataError
from hepq.runtime.files import read, replacing, unopened, why_not

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SUFFIX, HEAD, KIND = ".sig", "hepq signature 1", "hepq-ed25519"
MESSAGE = b"hepq signature 1 of a file with this SHA-256:\n"
#: environment: ``signed`` demands a signature of every artifact; a keyring other than the user's own
POLICY, KEYS = "HEPQ_TRUST", "HEPQ_KEYS"
_MOST = 1 << 20  #: bytes of a signature or a keyring
_SIGN = "hepqc sign --help says how to make keys and signatures"


@dataclass(frozen=True)
class Trust:
    """What is asked of an artifact's file: its ``sha256``, and a signature by one of ``keys`` (key -> name).

    ``source``: where the keys are from. None: not asked for. It holds no path: what it asks travels to workers.
    """

    sha256: str | None = None
    keys: Mapping[str, str] | None = None
    source: str = ""
    #: the file's hash that another process found right; beside it nothing is asked again
    pinned: str | None = field(default=None, kw_only=True)

    @staticmethod
    def of(sha256: str | None = None, trusted: str | Path | None = None) -> Trust:
        """As asked; where no keyring is named, as ``HEPQ_TRUST`` has it.

        Raises DataError HQ0891 for a ``sha256`` that is none, HQ0893 for a keyring that cannot be read, HQ0895 for an
        unknown policy.
        """
        if sha256 is not None:
            sha256 = sha256.strip().lower()
            if len(sha256) != 64 or set(sha256) - set("0123456789abcdef"):
                why = f"{sha256!r} is not 64 hexadecimal digits"
                raise DataError("HQ0891", "not a SHA-256", why, "sha256sum FILE prints it")
        policy = os.environ.get(POLICY, "")
        if policy not in ("", "signed"):
            raise DataError(
                "HQ0895", f"{POLICY} cannot be {policy!r}", "it is signed, or not set", "export HEPQ_TRUST=signed"
            )
        if trusted is None and policy != "signed":
            return Trust(sha256)
        ring = Path(trusted) if trusted is not None else keyring()
        return Trust(sha256, read_keys(ring), str(ring))

    def check(self, path: Path, data: bytes) -> None:
        """Raises ArtifactError HQ0892 unless ``data``, the whole of the file ``path``, is what is asked for."""
        digest = hashlib.sha256(data).hexdigest()
        if self.pinned is not None:
            if digest != self.pinned:
                why = f"its SHA-256 was {self.pinned[:16]}…, and is {digest[:16]}…"
                raise ArtifactError("HQ0892", f"{path} changed while it was in use", why, "begin again")
            return
        if self.sha256 is not None and digest != self.sha256:
            why = f"its SHA-256 is {digest}"
            raise ArtifactError("HQ0892", f"{path} is not the file that was asked for", why, "nothing of it was opened")
        if self.keys is not None:
            self._check_signature(path, digest)

    def _check_signature(self, path: Path, digest: str) -> None:
        keys, beside = self.keys or {}, Path(f"{path}{SUFFIX}")
        help = "nothing of it was opened; hepqc sign makes signatures"
        if not keys:
            raise ArtifactError("HQ0892", f"{path} is not signed by a trusted key", f"{self.source} holds no key", help)
        if not beside.is_file():
            raise ArtifactError("HQ0892", f"{path} is not signed", f"there is no {beside}", help)
        strangers = []
        for key, signature in read_signatures(beside):
            if key not in keys:
                strangers.append(key)
            elif _verified(key, signature, digest):
                return
            else:
                why = f"the signature of {keys[key] or key} in {beside} is not of this file"
                raise ArtifactError("HQ0892", f"{path} is not the file that was signed", why, help)
        why = f"{beside} is signed by {', '.join(strangers) or 'nobody'}; {self.source} has none of these keys"
        raise ArtifactError("HQ0892", f"{path} is not signed by a trusted key", why, help)


def keyring() -> Path:
    """``$HEPQ_KEYS``, else ``hepq/keys`` in the user's configuration folder."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(os.environ.get(KEYS) or Path(base, "hepq", "keys"))


def read_keys(ring: Path) -> dict[str, str]:
    """Key -> name, of a keyring. Raises DataError HQ0893 where it cannot be read."""
    files = sorted(ring.glob("*.pub")) if ring.is_dir() else [ring]
    found: dict[str, str] = {}
    for file in files:
        for number, line in enumerate(_text(file, "HQ0893", f"cannot read the keyring {file}").splitlines(), 1):
            if line.startswith("-----BEGIN") and "PRIVATE KEY" in line:
                why = "it is a private key, to be kept secret: who trusts names public ones"
                raise DataError("HQ0893", f"cannot read the keyring {file}", why, f"the public one is {file}.pub")
            words = line.partition("#")[0].split(maxsplit=2)
            if not words:
                continue
            if len(words) < 2 or words[0] != KIND or len(_bytes(words[1])) != 32:
                why = f"line {number} is not `{KIND} KEY NAME`"
                raise DataError("HQ0893", f"cannot read the keyring {file}", why, _SIGN)
            found[words[1]] = words[2].strip() if len(words) > 2 else ""
    return found


def read_signatures(file: Path) -> list[tuple[str, bytes]]:
    """(key, signature) pairs of a ``.sig`` file. Raises ArtifactError HQ0894 where it is none."""
    title = f"{file} is not a signature"
    head, *lines = _text(file, "HQ0894", title).splitlines() or [""]
    pairs = [line.split() for line in lines if line.strip()]
    if head != HEAD or any(len(p) != 2 or len(_bytes(p[0])) != 32 or len(_bytes(p[1])) != 64 for p in pairs):
        raise ArtifactError("HQ0894", title, f"it should begin with {HEAD!r}, then have lines `KEY SIGNATURE`", _SIGN)
    return [(key, _bytes(signature)) for key, signature in pairs]


def generate(path: Path, name: str) -> str:
    """Make a key pair: ``path`` (private, readable by its owner alone) and ``path`` + ``.pub``; the public key.

    Raises DataError HQ0817 where a file is in the way or cannot be written.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519

    public = Path(f"{path}.pub")
    for taken in (p for p in (path, public) if p.exists()):
        raise DataError("HQ0817", f"cannot write {taken}", "there is one already", "a key is never overwritten")
    made = ed25519.Ed25519PrivateKey.generate()
    pem = made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with replacing(path) as temporary:
        temporary.touch()
        temporary.chmod(0o600)
        temporary.write_bytes(pem)
    key = _public(made)
    with replacing(public) as temporary:
        temporary.write_text(f"{KIND} {key} {name}\n", encoding="utf-8")
    return key


def sign(path: Path, private: Path) -> tuple[Path, str]:
    """Add a signature of ``path`` to the file beside it; that file, and the public key.

    Signatures of other keys stay if they are of the file as it is. Raises ArtifactError HQ0801, HQ0894, DataError
    HQ0893 for a key that cannot be read.
    """
    if why := why_not(path):
        raise ArtifactError("HQ0801", unopened(path, why), help="hepqc compile MODEL.hepq makes one")
    key = _private(private)
    with path.open("rb") as file:
        digest, beside = hashlib.file_digest(file, "sha256").hexdigest(), Path(f"{path}{SUFFIX}")
    mine = _public(key)
    kept = [] if not beside.is_file() else [p for p in read_signatures(beside) if p[0] != mine]
    pairs = [p for p in kept if _verified(*p, digest)] + [(mine, key.sign(_message(digest)))]
    lines = [HEAD, *(f"{k} {base64.b64encode(s).decode()}" for k, s in pairs)]
    with replacing(beside) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="ascii")
    return beside, mine


def _private(path: Path) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519

    title = f"cannot read the key {path}"
    text = _text(path, "HQ0893", title)
    if text.startswith(KIND):
        help = f"the private one is {path.with_suffix('')}" if path.suffix == ".pub" else _SIGN
        raise DataError("HQ0893", title, "it is a public key, which signs nothing", help)
    try:
        found: Any = serialization.load_pem_private_key(text.encode(), None)
    except (ValueError, TypeError) as error:  # TypeError: it wants a password
        raise DataError("HQ0893", title, str(error).splitlines()[0], _SIGN) from error
    if not isinstance(found, ed25519.Ed25519PrivateKey):
        raise DataError("HQ0893", title, "it is not an Ed25519 key", _SIGN)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise DataError("HQ0893", title, "others may read it", f"chmod 600 {path}")
    return found


def _public(key: Ed25519PrivateKey) -> str:
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def _message(digest: str) -> bytes:
    return MESSAGE + digest.encode()


def _verified(key: str, signature: bytes, digest: str) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ed25519

    try:
        ed25519.Ed25519PublicKey.from_public_bytes(_bytes(key)).verify(signature, _message(digest))
    except (InvalidSignature, ValueError):
        return False
    return True


def _bytes(text: str) -> bytes:
    """Of base64; none if it is not."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _text(path: Path, code: str, title: str) -> str:
    try:
        return read(path, _MOST).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(code, title, getattr(error, "strerror", None) or str(error), _SIGN) from error
