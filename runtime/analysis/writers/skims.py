# SPDX-License-Identifier: Apache-2.0
"""Skims as files: what `save` writes of events that pass, of each source and variation.

A ROOT file has a TTree of each, ``ttbar/pt_scale_up``; a Parquet file is one table with columns ``source`` and
``variation``. Variations that change nothing of a skim are not written; ``unchanged`` in the provenance names them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import awkward as ak

from hepq.core.analyses import NOMINAL, Kind
from hepq.core.errors import DataError
from hepq.runtime.analysis.description import Analysis, Saved
from hepq.runtime.analysis.provenance import Provenance
from hepq.runtime.analysis.writers.names import identifiers
from hepq.runtime.artifact.stage import StageOutput
from hepq.runtime.events.writers import Columns, Kinds, ParquetTable, RootTree
from hepq.runtime.files import check_writable, replacing

ENDINGS = (".root", ".parquet")
_PRIMITIVES = {"real": "float64", "int": "int64", "index": "int64", "bool": "bool"}
#: columns of a table that say where its rows are from
_FROM = ("source", "variation")


class Skim:
    """Where events of a skim go, piece by piece."""

    def __init__(self, places: Mapping[tuple[str, str], RootTree] | ParquetTable) -> None:
        self._places = places

    def write(self, source: str, variation: str, columns: Columns) -> None:
        """Append events: each column is an array, flat or (awkward) of lists."""
        if isinstance(self._places, ParquetTable):
            events = len(next(iter(columns.values())))
            said = {name: [value] * events for name, value in zip(_FROM, (source, variation), strict=True)}
            self._places.write({**said, **columns})
        else:
            self._places[source, variation].write(columns)


@contextmanager
def open_skim(path: str | Path, name: str, analysis: Analysis, provenance: Provenance) -> Iterator[Skim]:
    """The skim ``name`` of ``analysis`` as ``path``, .root or .parquet, which appears only if the body succeeds.

    Raises DataError HQ0817, HQ0818.
    """
    path = Path(path)
    check_writable(path, ENDINGS, "a skim is written as .root or .parquet")
    written = changed(name, analysis)
    columns = _columns(name, analysis)
    kinds: Kinds = {column: _type(output) for column, output in columns.items()}
    same = {kind: [v for v in analysis.variations if v not in of] for kind, of in written.items()}
    about = {"save": name, "unchanged": same, "hepq": provenance.model_dump(mode="json")}
    with replacing(path) as temporary:
        if path.suffix.lower() == ".root":
            import uproot

            variations = identifiers((NOMINAL, *analysis.variations))
            with uproot.recreate(temporary) as file:
                yield Skim(
                    {
                        (s.name, v): RootTree(file, f"{s.name}/{variations[v]}", kinds, name)
                        for s in analysis.sources
                        for v in written.get(s.kind, ())
                    }
                )
                file["provenance"] = json.dumps(about)
            return
        if taken := [column for column in _FROM if column in kinds]:
            why = f'a table of several sources and variations has a column "{taken[0]}" of its own'
            raise DataError("HQ0818", f'two columns "{taken[0]}"', why, "write to a .root file, or rename it")
        text = ak.types.ListType(
            ak.types.NumpyType("uint8", parameters={"__array__": "char"}), parameters={"__array__": "string"}
        )
        table = ParquetTable(temporary, {**dict.fromkeys(_FROM, text), **kinds}, {"hepq.provenance": json.dumps(about)})
        try:
            yield Skim(table)
        finally:
            table.close()


def changed(name: str, analysis: Analysis) -> dict[Kind, tuple[str, ...]]:
    """By kind of source, variations in which the skim differs from the nominal one, and that one first."""
    found: dict[Kind, tuple[str, ...]] = {}
    for kind, program in analysis.programs.items():
        saves = {v: saved[name] for v, saved in program.saves.items() if name in saved}
        if NOMINAL in saves:
            found[kind] = (NOMINAL, *(v for v in analysis.variations if saves.get(v, saves[NOMINAL]) != saves[NOMINAL]))
    return found


def _columns(name: str, analysis: Analysis) -> dict[str, StageOutput]:
    saved: list[Saved] = [s[name] for p in analysis.programs.values() for s in p.saves.values() if name in s]
    return dict(saved[0].columns)


def _type(output: StageOutput) -> Any:
    kind: Any = ak.types.NumpyType(_PRIMITIVES[output.elem])
    for size in reversed(output.shape):
        kind = ak.types.RegularType(kind, size)
    return ak.types.ListType(kind) if output.dim else kind
