# SPDX-License-Identifier: Apache-2.0
"""Artifacts forged with every hash recomputed (all but the code), and damaged as files and as zips."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from hepq.runtime.artifact.tensors import read

#: what stands in for a value in JSON
JUNK: tuple[Any, ...] = (
    None, True, False, -1, 0, 1, 2, 3, 7, 64, 1023, 2**31 - 1, 2**31, 2**40, 2**63, -(2**63), 10**30, 0.5, -0.0, 1e-300,
    1e308, float("nan"), float("inf"), "", "x", "part", "part'", "9", "99999999999", "²", "../x", "/etc/passwd", "[/b]",
    "\x1b[31m", "a\nb", "é", "x" * 5000, [], {}, [[]], [[1, 2]], [0] * 100, {"a": 1}, ["part"], [["part", None]],
    [["part", 2**40]], "fidelity", "add", "log", "reduce_max", "cast",
)  # fmt: skip
_COMMENT = b"hepq manifest sha256 "
Tree = Any


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def packed(manifest: bytes, others: dict[str, bytes]) -> bytes:
    """An artifact as hepq writes it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in [("manifest.json", manifest), *sorted(others.items())]:
            file.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)
        file.comment = _COMMENT + hashlib.sha256(manifest).hexdigest().encode()
    return out.getvalue()


def forged(random: Random, path: Path) -> bytes:
    """One to three members of an artifact changed in contents, the code never, and all hashes made anew."""
    held = members(path)
    manifest: Tree = json.loads(held.pop("manifest.json"))
    code = (manifest.get("code") or {}).get("library")
    open_to_change = [name for name in held if name != code]
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        if random.random() < 0.5:
            manifest = changed(random, manifest)
            continue
        name = random.choice(open_to_change)
        held[name] = _member(random, name, held[name])
    if isinstance(manifest, dict):
        manifest["members"] = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(held.items())}
    return packed(json.dumps(manifest, indent=1).encode(), held)


def _member(random: Random, name: str, data: bytes) -> bytes:
    if random.random() < 0.1:
        return random.choice((b"", b"\0" * 100, random.randbytes(200), data[: len(data) // 2], data + data))
    if name.endswith(".json"):
        try:
            return json.dumps(changed(random, json.loads(data))).encode()
        except ValueError:  # changed before
            return flipped(random, data)
    if name.endswith(".safetensors"):
        return tensors(random, data)
    return flipped(random, data)


def changed(random: Random, tree: Tree) -> Tree:
    """A JSON value with one node replaced, removed, doubled, swapped with another, or scaled."""
    tree = json.loads(json.dumps(tree))
    places = list(_places(tree))
    if not places:
        return random.choice(JUNK)
    # deep places are many and alike: half of the time a key is drawn first, then one of its places
    holder, key = random.choice(places)
    if random.random() < 0.5:
        name = random.choice(sorted({str(k) for _, k in places if not isinstance(k, int)} or {""}))
        holder, key = random.choice([(h, k) for h, k in places if str(k) == name] or places)
    value = holder[key]
    match random.randint(0, 6):
        case 0 | 1:
            holder[key] = random.choice(JUNK)
        case 2:
            del holder[key]
        case 3:
            other, there = random.choice(places)
            holder[key] = json.loads(json.dumps(other[there]))
        case 4 if isinstance(value, (int, float)) and not isinstance(value, bool):
            holder[key] = random.choice((value + 1, value - 1, value * 2, value * 1000, -value, value * 2**20))
        case 4 if isinstance(value, list) and value:
            holder[key] = random.choice((value + value, value[:-1], value[::-1], value * 50, value[:1]))
        case 4 if isinstance(value, str):
            holder[key] = random.choice((value + "'", value[:-1], value + value, value.upper(), " " + value))
        case 5 if isinstance(holder, dict):
            holder[str(random.choice(JUNK))[:50]] = value
        case _:
            holder[key] = json.loads(json.dumps([value, value]))
    return tree


def _places(tree: Tree) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    todo = [tree]
    while todo:
        one = todo.pop()
        inner = one.items() if isinstance(one, dict) else enumerate(one) if isinstance(one, list) else ()
        for key, value in inner:
            found.append((one, key))
            todo.append(value)
    return found


_TYPES = ("<f8", "<f4", "<f2", "<i8", "<i4", "|u1", "|i1", "|b1")


def tensors(random: Random, data: bytes) -> bytes:
    """A safetensors file with an array of another type, shape, size, name or values, or a header that lies."""
    from safetensors.numpy import save

    lies = random.random() < 0.2
    try:
        arrays = read(data)
    except ValueError:  # changed before
        return flipped(random, data)
    if lies:
        length = int.from_bytes(data[:8], "little")
        head = json.dumps(changed(random, json.loads(data[8 : 8 + length]))).encode()
        return struct.pack("<Q", random.choice((len(head), len(head) + 1, 2**40, 0))) + head + data[8 + length :]
    name = random.choice(sorted(arrays) or [""])
    value = arrays.get(name, np.zeros(3, np.float32))
    match random.randint(0, 7):
        case 0:
            value = value.astype(random.choice(_TYPES))
        case 1:
            value = value.reshape(random.choice(((-1,), (1, *value.shape), (*value.shape, 1), value.shape[::-1])))
        case 2:
            value = value.reshape(-1)[: random.randint(0, max(0, value.size - 1))]
        case 3:
            value = np.concatenate([value] * random.choice((2, 50))) if value.ndim else value
        case 4 | 5:
            value = value.copy().reshape(-1)
            junk = random.choice((-1, 0, 1, 5, 2**30, 2**62, np.nan, np.inf, -np.inf, 1e38))
            with np.errstate(all="ignore"):
                where = slice(None) if random.random() < 0.4 else slice(*sorted(random.choices(range(9), k=2)))
                value[where] = np.float64(junk).astype(value.dtype)
            value = value.reshape(arrays.get(name, value).shape)
        case 6:
            arrays.pop(name, None)
            name = random.choice((name + "x", "", "counts/part", "in/x", "out/output", "packed", "é" * 50))
        case _:
            arrays.pop(name, None)
            return save({k: np.ascontiguousarray(v) for k, v in arrays.items()})
    return save({k: np.ascontiguousarray(v) for k, v in (arrays | {name: value}).items()})


def flipped(random: Random, data: bytes) -> bytes:
    """A few bits or bytes changed, a piece cut out, doubled, moved, or the end cut off."""
    out = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 8))):
        at, size = random.randrange(len(out) or 1), random.choice((1, 2, 4, 8, 64, 1024))
        match random.randint(0, 6):
            case 0 | 1 if out:
                out[at] ^= 1 << random.randrange(8)
            case 2:
                out[at : at + size] = random.randbytes(min(size, len(out) - at))
            case 3:
                out[at : at + size] = random.choice((b"\0", b"\xff", b"\x7f")) * min(size, len(out) - at)
            case 4:
                del out[at : None if random.random() < 0.5 else at + size]
            case 5:
                out[at:at] = out[at : at + size]
            case _:
                there = random.randrange(len(out) or 1)
                out[there : there + size] = out[at : at + size]
    return bytes(out)


def damaged(random: Random, path: Path) -> bytes:
    """The file changed anywhere; its zip's own words changed; or the zip written in another way."""
    data = path.read_bytes()
    return random.choice((flipped, flipped, _directory, _otherwise))(random, data)


def _directory(random: Random, data: bytes) -> bytes:
    """A field of an entry, of the directory or beside the member, or of the directory's end."""
    out = bytearray(data)
    mark, size = random.choice(((b"PK\1\2", 46), (b"PK\3\4", 30), (b"PK\5\6", 22)))
    places = [i for i in range(len(out)) if out[i : i + 4] == mark] or [0]
    at, width = random.choice(places) + random.randrange(4, size), random.choice((1, 2, 4))
    out[at : at + width] = random.choice((0, 1, 2**15, 2 ** (8 * width) - 1)).to_bytes(8, "little")[:width]
    return bytes(out)


def _otherwise(random: Random, data: bytes) -> bytes:
    """With another method, a bomb, a link, a folder, a member twice or thousands of them, a prefix, a long comment."""
    with zipfile.ZipFile(io.BytesIO(data)) as old:
        held, comment = {name: old.read(name) for name in old.namelist()}, old.comment
    kind, method = random.randint(0, 8), zipfile.ZIP_DEFLATED
    if kind == 0:
        method = random.choice((zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, zipfile.ZIP_STORED))
    if kind == 1:
        held[random.choice(sorted(held))] = b" " * random.choice((10 << 20, 70 << 20))
    if kind == 2:
        held |= {f"extra{i}": b"" for i in range(random.choice((1, 5000)))}
    out = io.BytesIO(b"#!/bin/sh\n" if kind == 3 else b"")
    out.seek(0, io.SEEK_END)
    names = list(held) + ([random.choice(list(held))] if kind == 4 else [])
    import warnings

    with warnings.catch_warnings(), zipfile.ZipFile(out, "a", method) as new:
        warnings.simplefilter("ignore")
        for name in names:
            info = zipfile.ZipInfo(name + ("/" if kind == 5 else ""))
            info.external_attr = (0o120777 if kind == 6 else 0o100644) << 16
            info.extra = b"\x01\x00\x08\x00" + bytes(8) if kind == 7 else b""
            with new.open(info, "w", force_zip64=kind == 7) as file:
                file.write(held[name])
        new.comment = comment + (b"PK\5\6" * 3 if kind == 8 else b"")
    return out.getvalue()


Forger = Callable[[Random, Path], bytes]
