# SPDX-License-Identifier: Apache-2.0
"""Devices as JSON or TOML: a short row for each qubit and coupling, or one figure for all; mistakes as diagnostics."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hepq.compiler.targets.lattices import Pair, Place, lattice, places
from hepq.core.diagnostics.catalogue import diag, near
from hepq.core.diagnostics.diagnostic import Diagnostic, HepqError
from hepq.runtime.files import digest, read
from hepq.runtime.quantum.device import FIGURES, Device

FOLDER = Path(__file__).parents[1] / "calibrations"
QUBIT = ("error", "readout_error", "t1", "t2", "usable", "readout_errors")
COUPLING = ("a", "b", "gate", "error", "duration", "usable")
#: figure -> the fields it is stated in
_STATED = {"gate_errors": ("error",), "readout_errors": ("readout_error", "readout_errors"), "coherence": ("t1", "t2")}
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


def to_json(device: Device) -> str:
    """Rows on lines of their own, in the order of ``QUBIT`` and ``COUPLING``; figures to 5 digits."""
    lines = [f"{json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in _head(device).items()]
    for name, rows, keys in (("qubits", device.qubits, QUBIT), ("couplings", device.couplings, COUPLING)):
        written = ",\n ".join(json.dumps(_trimmed([_short(getattr(row, k)) for k in keys])) for row in rows)
        lines.append(f'"{name}": [\n {written}\n]')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def to_toml(device: Device) -> str:
    """The same as TOML, for users to edit."""
    head = _head(device)
    sources = head.pop("sources")
    lines = [f"{k} = {_toml(v)}" for k, v in head.items()]
    for name, rows, keys in (("qubits", device.qubits, QUBIT), ("couplings", device.couplings, COUPLING)):
        fields = [{k: _short(getattr(row, k)) for k in keys if getattr(row, k) is not None} for row in rows]
        lines += [f"{name} = [", *(f"  {_toml(_without_usable(row))}," for row in fields), "]"]
    lines += ["", "[sources]"]
    lines += [f"{k} = {_toml(v)}".replace(f'"{v["date"]}"', v["date"]) for k, v in sources.items()]
    return "\n".join(lines) + "\n"


def _trimmed(row: list[Any]) -> list[Any]:
    while row and row[-1] is None:
        row = row[:-1]
    return row


def _head(device: Device) -> dict[str, Any]:
    data = device.model_dump(mode="json", exclude={"qubits", "couplings"}, exclude_none=True)
    data["durations"] = {k: _short(v) for k, v in data["durations"].items()}
    if "positions" in data:
        data["positions"] = [[int(x) if x == int(x) else _short(x) for x in place] for place in data["positions"]]
    return data


def _without_usable(row: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in row.items() if k != "usable" or not v}


def _short(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_short(v) for v in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k} = {_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def from_data(data: Mapping[str, Any]) -> Device:
    """A device from what a file holds.

    ``qubits``, ``couplings``: lists of rows (lists in the order of ``QUBIT``, ``COUPLING``, or tables); or one
    table with the figures of all, with ``count`` of qubits and ``pairs`` of couplings: a list of pairs or the name
    of a lattice (``line``, ``ring``, ``full``, ``grid:RxC``). ``source``: of the figures that ``sources`` leaves out.
    Raises pydantic's ValidationError, and ValueError for what it cannot say.
    """
    data = dict(data)
    at: tuple[Place, ...] | None = None
    qubits, couplings = data.get("qubits"), data.get("couplings")
    if isinstance(qubits, Mapping):
        qubits = [{k: v for k, v in qubits.items() if k != "count"}] * _count(qubits)
    if isinstance(couplings, Mapping):
        pairs, at = _pairs(couplings.get("pairs"), len(qubits or ()))
        same = {k: v for k, v in couplings.items() if k != "pairs"}
        couplings = [{**same, "a": a, "b": b} for a, b in pairs]
    if isinstance(qubits, list):
        data["qubits"] = [_row(row, QUBIT, f"qubit {i}") for i, row in enumerate(qubits)]
    if isinstance(couplings, list):
        data["couplings"] = [_row(row, COUPLING, f"coupling {i}") for i, row in enumerate(couplings)]
    if at is not None:
        data.setdefault("positions", at)
    common = data.pop("source", None)
    if common is not None:
        data["sources"] = dict.fromkeys(stated(data), common) | dict(data.get("sources") or {})
    return Device.model_validate(data)


def _count(qubits: Mapping[str, Any]) -> int:
    count = qubits.get("count")
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise ValueError("`qubits` should be a list of tables, or one table with their `count`")
    return count


def _pairs(pairs: Any, size: int) -> tuple[list[Pair], tuple[Place, ...] | None]:
    if isinstance(pairs, str):
        found = lattice(pairs if ":" in pairs else f"{pairs}:{size}")
        if found is None:
            raise ValueError(f"`pairs` of couplings: no lattice {pairs!r}; there are line, ring, full and grid:RxC")
        if found.size != size:
            raise ValueError(f"`pairs` of couplings: {pairs} has {found.size} qubits, not {size}")
        return list(found.pairs), found.places
    if isinstance(pairs, list) and all(
        isinstance(p, list) and len(p) == 2 and all(isinstance(q, int) for q in p) for p in pairs
    ):
        return [(p[0], p[1]) for p in pairs], None
    raise ValueError("`couplings` should be a list of tables, or one table with their `pairs`, e.g. [[0, 1], [1, 2]]")


def _row(row: Any, keys: tuple[str, ...], what: str) -> Any:
    if not isinstance(row, list):
        return row
    if len(row) > len(keys):
        raise ValueError(f"{what} has {len(row)} figures, at most {len(keys)} are known: {', '.join(keys)}")
    return dict(zip(keys, row, strict=False))


def stated(data: Mapping[str, Any]) -> tuple[str, ...]:
    """Which of ``FIGURES`` a device states: these need sources."""
    rows = [r for name in ("qubits", "couplings") for r in data.get(name, ()) if isinstance(r, Mapping)]
    found = {f for f, keys in _STATED.items() if any(r.get(k) is not None for r in rows for k in keys)}
    found.add("topology")
    if data.get("durations") or any(r.get("duration") is not None for r in rows):
        found.add("durations")
    return tuple(f for f in FIGURES if f in found)


def unsourced(device: Device) -> tuple[str, ...]:
    """Figures that the device states without a source."""
    return tuple(f for f in stated(device.model_dump()) if f not in device.sources)


def stored(name: str) -> Device:
    """A device that comes with hepq, by its file's name."""
    return from_data(json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")))


def drawn(device: Device) -> tuple[Place, ...]:
    """Where to draw each qubit."""
    return device.positions or places(device.size, ((c.a, c.b) for c in device.couplings))
