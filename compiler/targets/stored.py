# SPDX-License-Identifier: Apache-2.0
"""Devices in files: JSON with one short row per qubit and coupling, or TOML that a user wrote."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hepq.lang.catalogue import diag
from hepq.lang.diagnostic import HepqError
from hepq.runtime.quantum.device import Device

FOLDER = Path(__file__).with_name("devices")
_QUBIT = ("error", "readout_error", "t1", "t2", "usable")
_COUPLING = ("a", "b", "gate", "error", "duration", "usable")


def to_text(device: Device) -> str:
    """A device as JSON, rows on lines of their own; figures to 5 digits."""
    data = device.model_dump(mode="json", exclude={"qubits", "couplings"}, exclude_none=True)
    lines = [f'"{k}": {json.dumps(v)}' for k, v in data.items()]
    for name, rows, keys in (("qubits", device.qubits, _QUBIT), ("couplings", device.couplings, _COUPLING)):
        written = ",\n ".join(json.dumps([_short(getattr(row, k)) for k in keys]) for row in rows)
        lines.append(f'"{name}": [\n {written}\n]')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _short(value: Any) -> Any:
    return float(f"{value:.5g}") if isinstance(value, float) else value


def from_data(data: Mapping[str, Any]) -> Device:
    """Rows may be lists in the order of ``to_text``, or tables. Raises ValidationError."""
    rows = {
        name: [dict(zip(keys, row, strict=False)) if isinstance(row, list) else row for row in data.get(name, ())]
        for name, keys in (("qubits", _QUBIT), ("couplings", _COUPLING))
    }
    return Device.model_validate({**data, **rows})


def stored(name: str) -> Device:
    """A device that comes with hepq, by its file's name."""
    return from_data(json.loads((FOLDER / f"{name}.json").read_text()))


def from_file(path: Path) -> Device:
    """A user's device. Raises HepqError HQ0721 for a file that cannot be read or does not describe one."""
    try:
        text = path.read_text()
        data = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
        return from_data(data)
    except OSError as error:
        raise HepqError([diag("HQ0721", path=path, found=error.strerror or str(error))]) from error
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc'])) or 'the whole'}: {e['msg']}" for e in error.errors()[:5]]
        raise HepqError([diag("HQ0721", path=path, found=problem) for problem in problems]) from error
    except (ValueError, TypeError, AttributeError) as error:
        raise HepqError([diag("HQ0721", path=path, found=str(error).splitlines()[0])]) from error
