# SPDX-License-Identifier: Apache-2.0
"""Devices that users describe in files: TOML or JSON, every mistake a diagnostic in words."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hepq.compiler.targets.stored import COUPLING, QUBIT, from_data, unsourced
from hepq.core.diagnostics.catalogue import diag, near
from hepq.core.diagnostics.diagnostic import Diagnostic, HepqError
from hepq.runtime.artifact.sealed import digest
from hepq.runtime.quantum.device import Device
from hepq.runtime.regular import read

_FIELDS = {
    "qubits": QUBIT, "couplings": COUPLING, "sources": ("source", "date", "status"),
    "durations": ("gate", "readout", "reset"), "": (*Device.model_fields, "source"),
}  # fmt: skip
#: of mistakes that are said; of a file
_MOST, _MOST_BYTES = 5, 64 << 20
_MARK = re.compile(r'(?:\{\n)?((?:# sha256: |"sha256": ")(?P<sha256>[0-9a-f]{64})(?:",)?\n)')


def from_file(path: Path) -> Device:
    """A user's device. Raises HepqError HQ0721 for a file that cannot be read or does not describe one."""
    data = parsed(path)
    try:
        device = from_data(data)
    except ValidationError as error:
        raise HepqError([_problem(path, e) for e in error.errors(include_url=False)[:_MOST]]) from error
    except ValueError as error:
        raise HepqError([diag("HQ0721", path=path, found=str(error))]) from error
    if missing := unsourced(device):
        help = f'add [sources], {missing[0]} = {{source = "…", date = 2026-01-31, status = "assumed"}}'
        found = f"it does not say where its {' and '.join(m.replace('_', ' ') for m in missing)} are from"
        raise HepqError([diag("HQ0721", path=path, found=found, help=help)])
    return device


def parsed(path: Path, code: str = "HQ0721", **fields: str) -> dict[str, Any]:
    """What a TOML or JSON file holds. Raises HepqError ``code`` if it cannot be read or is no table."""
    try:
        text = read(path, _MOST_BYTES).decode().replace("\r\n", "\n")
        if code == "HQ0721":
            text = _unmarked(path, text)
        data = tomllib.loads(text) if path.suffix.lower() == ".toml" else json.loads(text)
    except OSError as error:
        found = error.strerror or str(error)
        raise HepqError([diag(code, path=path, found=found, help="is the path right?", **fields)]) from error
    except (ValueError, RecursionError) as error:  # both parsers say line and column
        kind = "TOML" if path.suffix.lower() == ".toml" else "JSON"
        found = "not text" if isinstance(error, UnicodeDecodeError) else _lower(str(error) or type(error).__name__)
        raise HepqError([diag(code, path=path, found=f"not {kind}: {found}", **fields)]) from error
    if not isinstance(data, dict):
        raise HepqError([diag(code, path=path, found="it should hold a table of names and values", **fields)])
    return data


def marked(text: str) -> str:
    """The text of an imported calibration, TOML or JSON, with a line that says what it was: changes are noticed."""
    checksum = digest(text.encode())
    if text.startswith("{\n"):
        return text.replace("{\n", f'{{\n"sha256": "{checksum}",\n', 1)
    return f"# sha256: {checksum}\n{text}"


def _unmarked(path: Path, text: str) -> str:
    """The text without that line, if it has one. Raises HepqError HQ0721 where it was changed."""
    found = _MARK.match(text)
    if found is None:
        return text
    rest = text[: found.start(1)] + text[found.end(1) :]
    if digest(rest.encode()) != found["sha256"]:
        reason = "it is not as `hepqc targets import` wrote it: its checksum does not fit"
        help = f"import it again; if you edited it, remove its line {'2' if found.start(1) else '1'}, the checksum"
        raise HepqError([diag("HQ0721", path=path, found=reason, help=help)])
    return rest


def _problem(path: Path, error: Any) -> Diagnostic:
    where: Sequence[Any] = error["loc"]
    name, known = _where(where), _FIELDS.get(str(where[0]) if len(where) > 1 else "", ())
    message = str(error["msg"]).removeprefix("Value error, ").replace("Input should be", "should be")
    match error["type"]:
        case "missing":
            return diag("HQ0721", path=path, found=f"{name} is missing")
        case "extra_forbidden":
            field = str(where[-1])
            help = None if near(field, known) else f"known are: {', '.join(known)}"
            return diag("HQ0721", path=path, found=f"{name} is not known", near=near(field, known), help=help)
        case "value_error":
            return diag("HQ0721", path=path, found=message)
    given = re.sub(r"\s+", " ", repr(error["input"]))
    return diag("HQ0721", path=path, found=f"{name} {_lower(message)}, not {given[:60]}")


def _where(where: Sequence[Any]) -> str:
    """``("qubits", 3, "error")`` as ``error of qubit 3``."""
    words: list[str] = []
    for at, after in zip(where, [*where, None][1:], strict=True):
        if isinstance(at, int):
            continue
        words.append(f"{str(at).removesuffix('s')} {after}" if isinstance(after, int) else f"`{at}`")
    return " of ".join(reversed(words)) or "it"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
