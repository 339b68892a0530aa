# SPDX-License-Identifier: Apache-2.0
"""Good programs: each checks, is in canonical format, builds, runs on any event, and agrees with torch."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hepq.compiler.driver.check import check_path
from hepq.compiler.ir.build import build
from hepq.compiler.ir.interpret import run
from hepq.compiler.ir.node import Module
from hepq.compiler.ir.verify import verify
from hepq.compiler.lower.torch.module import pad_events, to_torch
from hepq.compiler.weights.initialise import initial_weights
from hepq.core.diagnostics.diagnostic import Sink
from hepq.core.diagnostics.render import render_text
from hepq.core.source import Source
from hepq.lang.declarations.model import sizable
from hepq.lang.format.program import format_source
from hepq.lang.modules import load
from hepq.lang.syntax import ast
from hepq.lang.syntax.parser import parse

GOOD = Path(__file__).parent / "good"
FILES = sorted(GOOD.rglob("*.hepq"))
OURS = [p for folder in ("stdlib", "examples") for p in sorted((GOOD.parents[1] / folder).glob("*.hepq"))]
MULTIPLICITIES = (0, 1, 2, 7)
DTYPES = {"real": np.float64, "int": np.int64, "bool": np.bool_}


def relative(path: Path) -> str:
    return path.relative_to(GOOD).as_posix()


def parsed(text: str, path: Path) -> ast.File:
    sink = Sink()
    file = parse(Source(str(path), text), sink)
    assert not sink.items
    return file


def models() -> Iterator[Any]:
    for path in FILES:
        decls = parsed(path.read_text(), path).decls
        datasets = [d for d in decls if isinstance(d, ast.DatasetDecl)]
        for decl in decls:
            if isinstance(decl, ast.FnDecl) and decl.kind == "model":
                for dataset in (False, True)[: 1 + len(datasets)]:
                    id = f"{relative(path)}-{decl.name}" + "-dataset" * dataset
                    yield pytest.param(path, decl.name, dataset, id=id)


def built(path: Path, model: str, dataset: bool) -> Module:
    sink = Sink()
    program = load(path, None, sink)
    sizes = {} if dataset or "feat" not in sizable(program) else {"feat": 3}
    return build(program, sink, model=model, use_dataset=dataset, dims=sizes).module


def events(module: Module, seed: int) -> list[dict[str, Any]]:
    """Events of 0, 1 and more particles; each ragged dim has its own multiplicity, up to its bound."""
    rng = np.random.default_rng(seed)
    out = []
    for n in MULTIPLICITIES:
        counts = {d.name: min(n + i * (n > 1), d.bound or 0) for i, d in enumerate(module.ragged_dims)}
        shapes = {i["name"]: [counts[d.name] if d.ragged else d.size for d in i.type.dims] for i in module.inputs}
        out.append({i["name"]: _draw(rng, i.type.elem, shapes[i["name"]]) for i in module.inputs})
    return out


def _draw(rng: np.random.Generator, elem: str, shape: list[Any]) -> Any:
    match elem:
        case "bool":
            return rng.random(shape) < 0.5
        case "int":
            return rng.integers(0, 5, shape)
    return np.exp(rng.normal(0, 0.5, shape))


def shape_in(event: Mapping[str, Any], module: Module, output: str) -> tuple[int, ...]:
    counts = {
        d.name: np.shape(event[i["name"]])[axis]
        for i in module.inputs
        for axis, d in enumerate(i.type.dims)
        if d.ragged
    }
    return tuple(counts[d.name] if d.ragged else d.size or 0 for d in module.outputs[output].type.dims)


def test_there_are_many_and_varied() -> None:
    text = "\n".join(p.read_text() for p in FILES)
    assert len(FILES) >= 45
    for word in ("dataset", "circuit", "checkpoint", "import", "const", "knn", "gather", "window", "buffer", "param"):
        assert f"{word} " in text or f"{word}[" in text or f"{word}(" in text, word


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_checks(path: Path) -> None:
    assert render_text(check_path(path)) == ""


@pytest.mark.parametrize("path", OURS, ids=lambda p: p.name)
def test_library_and_examples_check(path: Path) -> None:
    assert render_text(check_path(path)) == ""


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_is_in_canonical_format(path: Path) -> None:
    assert format_source(path.read_text(), str(path)) == path.read_text()


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_formatting_keeps_the_meaning_of_any_layout(path: Path) -> None:
    text = path.read_text()
    messy = re.sub(r"\n *", "\n\n\n     ", text).replace(" = ", " =  ").replace(", ", "  ,  ")
    again = format_source(messy, str(path))
    assert parsed(again, path) == parsed(text, path)
    assert format_source(again, str(path)) == again


@pytest.mark.parametrize(("path", "model", "dataset"), list(models()))
def test_runs_and_agrees_with_torch(path: Path, model: str, dataset: bool) -> None:
    module = built(path, model, dataset)
    verify(module)
    given = events(module, seed=1)
    weights = initial_weights(module, seed=2)
    expected = run(module, given, weights)
    for name, values in expected.items():
        for event, value in zip(given, values, strict=True):
            assert value.shape == shape_in(event, module, name)
            assert value.dtype == DTYPES[module.outputs[name].type.elem]
            assert np.isfinite(value).all(), name
    inputs, counts = pad_events(given, module, torch.float64)
    outputs = to_torch(module, weights).double().eval()(inputs, counts)
    for name, values in expected.items():
        for got, value in zip(outputs[name], values, strict=True):
            inside = got[tuple(slice(n) for n in value.shape)].detach().numpy()
            np.testing.assert_allclose(inside, value, rtol=1e-9, atol=1e-9, err_msg=name)
