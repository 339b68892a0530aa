# SPDX-License-Identifier: Apache-2.0
"""Weights: safetensors by our paths, and other people's state_dicts through a block's checkpoint table."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from hepq.compiler.ir.build import Built, require_sizes
from hepq.compiler.ir.node import Module
from hepq.compiler.weights import tensor_files
from hepq.compiler.weights.tensor_files import unwrapped
from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import Diagnostic, HepqError
from hepq.lang.syntax import ast
from hepq.runtime.files import ABSENT, why_not

Weights = dict[str, NDArray[np.float32]]
Tensors = dict[str, NDArray[Any]]
_DIMS, _STATICS, _BLOCKS, _HASH = "hepq.dims", "hepq.statics", "hepq.blocks", "hepq.sha256"


def load_weights(path: Path, module: Module) -> Weights:
    """The weights of ``module`` from a safetensors file.

    Of a file that a training of several blocks wrote, ``module`` may be one of them, or use some of them.
    Raises HepqError naming every weight that is missing, extra, of another shape, or not finite.
    """
    used = read_used(path, module)
    require_sizes(module, path)
    return fit(used, module, path)


def read_used(path: Path, module: Module) -> Tensors:
    """As ``read_tensors``, without the weights of blocks that a training recorded and ``module`` does not use."""
    tensors = {n if n in module.params else unwrapped(n): t for n, t in read_tensors(path).items()}
    return _of_blocks(tensors, _recorded(path, _BLOCKS), module)


def _of_blocks(tensors: Mapping[str, NDArray[Any]], blocks: Mapping[str, str], module: Module) -> Tensors:
    """Without the weights of blocks that ``module`` has nothing to do with; by its own paths, if it is one of them."""
    own = next((prefix for prefix, block in blocks.items() if block == module.name), None)
    if own is not None and not set(module.params) <= set(tensors):
        return {name.removeprefix(f"{own}."): t for name, t in tensors.items() if name.startswith(f"{own}.")}
    others = tuple(f"{prefix}." for prefix in blocks)
    return {name: t for name, t in tensors.items() if name in module.params or not name.startswith(others)}


def save_weights(
    path: Path, weights: Mapping[str, NDArray[Any]], dims: Mapping[str, int] | None = None,
    blocks: Mapping[str, str] | None = None, statics: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Write safetensors, atomically.

    Kept with the weights, beside a checksum: ``dims``, sizes of open dims that training was given, or found;
    ``statics``, values of static arguments and consts that it was given; ``blocks``, which block the weights under a
    path are of.
    """
    from safetensors.numpy import save

    from hepq.runtime.files import replacing

    tensors = {k: np.asarray(v, dtype=np.float32, order="C") for k, v in weights.items()}
    kept = {key: json.dumps(value) for key, value in ((_DIMS, dims), (_STATICS, statics), (_BLOCKS, blocks)) if value}
    kept[_HASH] = _checksum(tensors, kept)
    with replacing(path) as temporary:
        temporary.write_bytes(_ordered(save(tensors, kept)))


def _ordered(data: bytes) -> bytes:
    """A safetensors file with its header in one order: the library writes metadata in any."""
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8:start]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data[start:]


def _checksum(tensors: Mapping[str, NDArray[Any]], kept: Mapping[str, str]) -> str:
    """SHA-256 of weights and what is kept with them, whatever the order."""
    made = sha256()
    for key in sorted(kept.keys() - {_HASH}):
        made.update(json.dumps([key, kept[key]]).encode())
    for name in sorted(tensors):
        value = tensors[name]
        made.update(json.dumps([name, str(value.dtype), list(value.shape)]).encode())
        made.update(np.ascontiguousarray(value).tobytes())
    return made.hexdigest()


def _check(tensors: Mapping[str, NDArray[Any]], kept: Mapping[str, str]) -> None:
    """Raise ValueError for a file of ours that is damaged; others' files have no checksum."""
    ours = {_DIMS, _STATICS, _BLOCKS, _HASH} & kept.keys()
    if ours and _HASH not in kept:
        raise ValueError("it has no checksum: an earlier hepq wrote it, or it is damaged")
    if ours and kept.get(_HASH) != _checksum(tensors, kept):
        raise ValueError("its checksum does not fit: it is damaged, or was changed by hand")


def recorded_dims(path: Path) -> dict[str, int]:
    """Sizes of open dims that ``save_weights`` kept in a file; none for other files."""
    return {str(k): int(v) for k, v in _recorded(path, _DIMS).items()}


def recorded_statics(path: Path) -> dict[str, Any]:
    """Values of static arguments and consts that ``save_weights`` kept in a file; none for other files."""
    return _recorded(path, _STATICS)


def _recorded(path: Path, key: str) -> dict[str, Any]:
    from safetensors import SafetensorError

    try:
        if not path.is_file() or tensor_files.kind_of(path) != tensor_files.SAFETENSORS:
            return {}
        found = json.loads(_metadata(path).get(key, "{}"))
    except (SafetensorError, BadZipFile, ValueError, OSError):
        return {}  # reading the tensors will say what is wrong
    return found if isinstance(found, dict) else {}


def _metadata(path: Path) -> dict[str, str]:
    from safetensors import safe_open

    with safe_open(path, "np") as file:
        return dict(file.metadata() or {})


def read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """Tensors of a safetensors file, a PyTorch state_dict or a NumPy ``.npz``, read without running code.

    The content tells which it is. Raises HepqError HQ0701 or HQ0702.
    """
    if why := why_not(path):
        raise HepqError([diag("HQ0701", path=path) if why == ABSENT else diag("HQ0702", path=path, reason=why)])
    try:
        tensors = tensor_files.read(path)
        if tensor_files.kind_of(path) == tensor_files.SAFETENSORS:
            _check(tensors, _metadata(path))
        return tensors
    except Exception as error:  # the readers raise many kinds for damaged files
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise HepqError([diag("HQ0702", path=path, reason=reason)]) from error


def fit(tensors: Mapping[str, NDArray[Any]], module: Module, path: Path) -> Weights:
    """``tensors`` as the module's weights; axes of length 1 in the file are dropped where that fits.

    In C order, whatever that of the file: safetensors writes memory as it lies.
    """
    problems: list[Diagnostic] = []
    out: Weights = {}
    for name, node in module.params.items():
        wanted = tuple(d.size or 0 for d in node.type.dims)
        if name not in tensors:
            near = get_close_matches(name, [t for t in tensors if t not in module.params], 1)
            problems.append(diag("HQ0703", name=name, path=path, near=near))
            continue
        value = np.asarray(tensors[name], dtype=np.float32, order="C")
        if value.shape != wanted and _squeezed(value.shape) == _squeezed(wanted):
            value = value.reshape(wanted)
        if value.shape != wanted:
            problems.append(diag("HQ0705", name=name, found=list(value.shape), wanted=list(wanted)))
        elif not np.isfinite(value).all():
            problems.append(diag("HQ0706", name=name))
        out[name] = value
    problems += [diag("HQ0704", path=path, name=name) for name in tensors if name not in module.params]
    if problems:
        raise HepqError(problems)
    return out


def _squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(n for n in shape if n != 1)


@dataclass(frozen=True)
class Imported:
    """What an import did: our weights, and which of their names gave each."""

    weights: Weights
    mapping: dict[str, str]
    ignored: tuple[str, ...]


def import_checkpoint(built: Built, path: Path, table: str | None = None) -> Imported:
    """Weights of the model from a published state_dict, through the checkpoint table of its blocks.

    Names that a PyTorch BatchNorm keeps but nothing uses (``num_batches_tracked``) are ignored. What wrappers put
    before names (``module.``, ``_orig_mod.``, Lightning's ``model.``) may be in the table, in the file, or in both.
    Raises HepqError if the table, a weight or a shape does not fit.
    """
    theirs = read_tensors(path)
    tables = _tables(built, table)
    tensors: dict[str, NDArray[Any]] = {}
    mapping: dict[str, str] = {}
    ignored, unknown = [], []
    for name, value in theirs.items():
        ours = next((o for prefix, decl in tables if (o := _translate(decl, prefix, name, built))), None)
        if ours is not None and ours not in mapping:
            tensors[ours], mapping[ours] = value, name
        elif name.endswith("num_batches_tracked"):
            ignored.append(name)
        else:
            unknown.append(name)
    if unknown:
        raise HepqError([diag("HQ0704", path=path, name=name) for name in unknown])
    return Imported(fit(tensors, built.module, path), mapping, tuple(ignored))


def _tables(built: Built, name: str | None) -> list[tuple[str, ast.CheckpointDecl]]:
    """Checkpoint tables that apply, with the path of the block instance each is for."""
    decls = [
        (module.name, decl)
        for module in built.program.modules.values()
        for decl in module.file.decls
        if isinstance(decl, ast.CheckpointDecl)
    ]
    found = [
        (instance.path, decl)
        for instance in built.plan.instances
        for module, decl in decls
        if (instance.module, instance.block) == (module, decl.block) and name in (None, decl.name)
    ]
    if not found:
        known = ", ".join(sorted({d.name for _, d in decls})) or "none"
        raise HepqError([diag("HQ0707", name=name or built.plan.name, known=known)])
    return found


def _translate(decl: ast.CheckpointDecl, prefix: str, name: str, built: Built) -> str | None:
    """Our path for their name, by the first entry of the table that fits both sides: as written, else unwrapped."""
    entries, forms = decl.entries, (str, unwrapped, lambda n: unwrapped(unwrapped(n).removeprefix("model.")))
    tried = [(entry, form(entry.theirs), form(name)) for form in forms for entry in entries]
    for entry, theirs, wanted in tried:
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^.]+)", re.escape(theirs))
        match = re.fullmatch(pattern, wanted)
        if match is None:
            continue
        ours = entry.ours.format(**match.groupdict())
        path = f"{prefix}.{ours}" if prefix else ours
        if path in built.module.params:
            return path
    return None
