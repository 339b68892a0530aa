# SPDX-License-Identifier: Apache-2.0
"""Models that an analysis calls and that are no artifacts yet: a model of a program with its weights, or a network in
ONNX. What they take and give is known without compiling them; they are compiled with the analysis, once, and kept in
the user's cache."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from hepq.compiler.driver.compilation import Compilation
from hepq.compiler.driver.options import Options
from hepq.compiler.driver.own_code import own_code
from hepq.compiler.schema.interface import interface_of
from hepq.compiler.targets.cpu import resolved
from hepq.compiler.weights.files import fit
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.core.errors import DataError
from hepq.core.results_cache import folder, kept
from hepq.core.source import Source
from hepq.lang.elaborate.analyses.models import Interface, NoInterface, Wanted
from hepq.lang.elaborate.values import Function
from hepq.runtime.files import Scratch, replacing

#: what provenance says of when it was compiled: equal models are equal files
CREATED = "with an analysis"
#: target -> what compiles for it
Making = Callable[[str], Compilation]


def interface(wanted: Wanted) -> tuple[Interface, str]:
    """What it takes and gives; the SHA-256 of its file, if it has one. Raises NoInterface."""
    try:
        content = b"" if wanted.file is None else wanted.file.read_bytes()
        if wanted.model is not None:
            return _of_model(wanted.model, wanted.file, content), sha256(content).hexdigest()
        assert wanted.file is not None
        return _of_network(wanted.file, content), sha256(content).hexdigest()
    except OSError as error:
        raise NoInterface(f"{error.filename}: {(error.strerror or str(error)).lower()}") from error
    except HepqError as error:
        raise NoInterface(error.diagnostics[0].title) from error
    except DataError as error:
        raise NoInterface(f"{error.title}: {error.why}") from error


@lru_cache(maxsize=32)
def _of_network(path: Path, content: bytes) -> Interface:
    from hepq.compiler.importers.onnx import difference, import_onnx

    imported = import_onnx(path)

    def making(target: str) -> Compilation:
        return Compilation(
            path.with_suffix(".hepq"), Options(target=target, created=CREATED), text=imported.text, trained=True,
            given=lambda module: fit(imported.weights, module, path),
        )  # fmt: skip

    return _described(path.stem, making, sha256(content).hexdigest(), lambda: difference(imported, path))


def _of_model(model: Function, weights: Path | None, content: bytes) -> Interface:
    statics = dict(model.statics)
    if odd := [name for name, value in statics.items() if not _plain(value)]:
        raise NoInterface(f"its static argument {odd[0]} is neither number nor text")
    return _of_program(model.decl.span.source, model.decl.name, tuple(statics.items()), weights, content)


@lru_cache(maxsize=32)
def _of_program(
    source: Source, model: str, statics: tuple[tuple[str, Any], ...], weights: Path | None, content: bytes
) -> Interface:
    def making(target: str) -> Compilation:
        options = Options(
            target=target, model=model, use_dataset=False, weights=weights, statics=dict(statics), created=CREATED
        )  # fmt: skip
        return Compilation(Path(source.path), options, text=source.text, trained=True)

    made = making("cpu")
    _ = made.weights
    texts = (module.file.span.source.text for _, module in sorted(made.program.modules.items()))
    key = sha256("\0".join((model, repr(statics), *texts)).encode() + content).hexdigest()
    return _described(model, making, key, lambda: None)


def _plain(value: Any) -> bool:
    return isinstance(value, bool | int | float | str) or (isinstance(value, tuple) and all(map(_plain, value)))


def _described(name: str, making: Making, key: str, compare: Callable[[], object]) -> Interface:
    """``key``: of all that it follows from. ``compare``: raises where it is not what it was made of."""

    def made(target: str) -> bytes:
        compare()
        return _content(making(target))

    @lru_cache(maxsize=4)
    def compiled(target: str) -> tuple[str, str]:
        made_from = "\n".join((key, str(resolved(target)), own_code()))
        return _placed(name, kept("model", made_from.encode(), lambda: made(target)))

    return interface_of(making("cpu").described, name, key, compiled)


def _content(compilation: Compilation) -> bytes:
    with Scratch("hepq-model") as place:
        compilation.written(place / "model.hepqx")
        return (place / "model.hepqx").read_bytes()


def _placed(name: str, content: bytes) -> tuple[str, str]:
    """Where workers find it, and its SHA-256."""
    digest = sha256(content).hexdigest()
    path = (folder() or _scratch().path) / f"{name}-{digest[:16]}.hepqx"
    if not path.is_file() or sha256(path.read_bytes()).hexdigest() != digest:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with replacing(path) as temporary:
            temporary.write_bytes(content)
    return str(path), digest


@lru_cache(maxsize=1)
def _scratch() -> Scratch:
    """Where there is no home: until this process ends."""
    return Scratch("hepq-models")
