# SPDX-License-Identifier: Apache-2.0
"""What a run leaves in a folder: the result ``NAME.hepqr``, its histograms and cut flows ``NAME.root``, skims by their
names, and the chunks that it, or the next one, goes on from."""

from __future__ import annotations

from pathlib import Path

from hepq.runtime.analysis.results import Result
from hepq.runtime.analysis.writers.root import write_root
from hepq.runtime.files import check_folder

CHUNKS = "chunks"


def prepared(folder: Path) -> Path:
    """The folder, made if need be. Raises DataError HQ0817 where it cannot be."""
    check_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write(result: Result, folder: Path) -> tuple[list[Path], list[str]]:
    """The files, and what could not be written, in words. Raises DataError HQ0817."""
    paths = [folder / f"{result.analysis.name}{end}" for end in (".hepqr", ".root")]
    result.save(paths[0])
    return paths, write_root(result, paths[1])
