# SPDX-License-Identifier: Apache-2.0
"""Pipes, devices, directories and files without end are refused at once, for what they are, wherever files are read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hepq.cli.kernel import _array
from hepq.compiler.importers.onnx import import_onnx
from hepq.compiler.targets.files import from_file
from hepq.compiler.train.fit import checkpoint
from hepq.compiler.weights.files import read_tensors
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.core.errors import DataError
from hepq.runtime.artifact.artifact import Artifact
from hepq.runtime.artifact.trust import Trust
from hepq.runtime.engine.onnx_model import OnnxModel
from hepq.runtime.events import event_files
from hepq.runtime.files import check_folder, read, why_not
from hepq.runtime.quantum.kernel import export

READERS: dict[str, Callable[[Path], Any]] = {
    "device": from_file,
    "weights": read_tensors,
    "checkpoint": checkpoint.read,
    "artifact": Artifact.open,
    "onnx": OnnxModel,
    "import": import_onnx,
    "events": event_files.find,
    "matrix": export.load,
    "array": lambda path: _array(str(path)),
    "keyring": lambda path: Trust.of(trusted=path).check(path, b""),
}


@pytest.fixture
def odd(tmp_path: Path) -> dict[str, Path]:
    folder, pipe = tmp_path / "folder.json", tmp_path / "pipe.json"
    folder.mkdir()
    os.mkfifo(pipe)
    return {
        "a directory": folder,
        "a pipe": pipe,
        "a device": Path("/dev/zero"),
        "no such file": tmp_path / "none.json",
    }


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", ["a directory", "a pipe", "a device", "no such file"])
def test_only_regular_files_are_read(odd: dict[str, Path], reader: str, kind: str) -> None:
    if (reader, kind) == ("keyring", "a directory"):
        pytest.skip("a folder of keys is a keyring")
    with pytest.raises((HepqError, DataError)) as caught:
        READERS[reader](odd[kind])
    words = kind if (reader, kind) != ("weights", "no such file") else "not found"
    assert words in str(caught.value)


def test_no_more_is_read_than_is_wanted(tmp_path: Path) -> None:
    file = tmp_path / "long.toml"
    with file.open("wb") as opened:
        opened.truncate(1 << 40)
    with pytest.raises(HepqError, match="larger than 64 MiB"):
        from_file(file)
    file.write_bytes(b"abc")
    assert read(file, 3) == b"abc"
    with pytest.raises(OSError, match="larger than"):
        read(file, 2)
    assert why_not(f"{file}\0") == "embedded null byte"


def test_folders_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    check_folder(tmp_path / "a" / "b")
    for path in (tmp_path / "file", tmp_path / "file" / "a"):
        with pytest.raises(DataError, match=r"HQ0817(.|\n)*file is not a directory"):
            check_folder(path)
