# SPDX-License-Identifier: Apache-2.0
"""From an ONNX file to a program and its weights, compared with onnxruntime where that is installed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.compiler.importers.network import Network, Unfit, with_biases, with_layer_norms
from hepq.compiler.importers.program import Writer
from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import HepqError, Sink
from hepq.runtime.files import why_not
from hepq.runtime.imports import optional

#: largest difference that is still rounding
TOLERANCE = 1e-4
_EVENTS = 64


@dataclass(frozen=True)
class Imported:
    """``text``: a program of one model, in canonical layout. ``inputs``: theirs -> ours."""

    text: str
    weights: dict[str, NDArray[np.float32]]
    network: Network
    inputs: dict[str, str]


def import_onnx(path: Path) -> Imported:
    """Raises HepqError: HQ0762 for what is no ONNX file, HQ0763 with all operators that are not known, HQ0764 for
    what is no feed-forward network. DataError HQ0871 without the package onnx.
    """
    optional("onnx", "onnx")
    from hepq.compiler.importers.onnx_reader import Unreadable, read
    from hepq.compiler.importers.onnx_rules import RULES
    from hepq.lang.format.program import format_source

    if why := why_not(path):
        raise HepqError([diag("HQ0762", path=path, reason=why)])
    try:
        network = with_biases(with_layer_norms(read(path)))
        unknown = Counter(o.kind for o in network.operations if o.kind not in RULES)
        if unknown:
            found = ", ".join(kind + (f" ({n} times)" if n > 1 else "") for kind, n in sorted(unknown.items()))
            raise HepqError([diag("HQ0763", path=path, found=found, known=", ".join(sorted(RULES)))])
        writer = Writer(network)
        for operation in network.operations:
            writer.done(operation, RULES[operation.kind](writer, operation))
        text = writer.text(path.name)
    except Unreadable as error:
        raise HepqError([diag("HQ0762", path=path, reason=error)]) from error
    except Unfit as error:
        raise HepqError([diag("HQ0764", path=path, found=error)]) from error
    weights = {k: np.ascontiguousarray(v, np.float32) for k, v in writer.weights.items()}
    return Imported(format_source(text, path.name), weights, network, writer.inputs)


def difference(imported: Imported, path: Path, seed: int = 0) -> float | None:
    """The largest difference between the program in the interpreter and the file in onnxruntime, in units of
    max(1, |value|), over normal inputs; None where onnxruntime is not installed.

    Raises HepqError HQ0761 where it is more than rounding, HQ0762 where onnxruntime does not load the file.
    """
    if find_spec("onnxruntime") is None:
        return None
    from hepq.compiler.ir.build import build
    from hepq.compiler.ir.interpret import run_event
    from hepq.compiler.weights.files import fit
    from hepq.lang.modules import load

    sink, worst = Sink(), 0.0
    built = build(load(path.with_suffix(".hepq"), imported.text, sink), sink)
    weights = fit(imported.weights, built.module, path)
    runtime = optional("onnxruntime", "onnx")
    try:
        session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # of many kinds, which have no common class
        reason = f"onnxruntime refuses it, {str(error).strip().splitlines()[0]}"
        raise HepqError([diag("HQ0762", path=path, reason=reason)]) from error
    kinds = {i.name: np.float64 if "double" in i.type else np.float32 for i in session.get_inputs()}
    rng = np.random.default_rng(seed)
    for _ in range(_EVENTS):
        event = {name: rng.normal(size=axes).astype(np.float32) for name, axes in imported.network.inputs.items()}
        batch = imported.network.batch or 1
        given = {k: np.repeat(v[None], batch, axis=0).astype(kinds[k]) for k, v in event.items()}
        theirs = [value[:1] for value in session.run(list(imported.network.outputs), given)]
        ours = run_event(built.module, {imported.inputs[k]: v.reshape(-1) for k, v in event.items()}, weights)
        worst = max(worst, *(_apart(a, b) for a, b in zip(ours.values(), theirs, strict=True)))
    if not worst <= TOLERANCE:
        raise HepqError([diag("HQ0761", name=path.name, found=f"they differ by {worst:.1e}")])
    return worst


def _apart(a: Any, b: Any) -> float:
    a, b = np.ravel(a).astype(np.float64), np.ravel(b).astype(np.float64)
    if a.shape != b.shape:
        return np.inf
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        apart = np.where(same, 0.0, np.abs(a - b) / np.maximum(1.0, np.abs(b)))
    return float(np.nan_to_num(apart, nan=np.inf).max(initial=0.0))
