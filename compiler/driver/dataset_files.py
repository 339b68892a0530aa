# SPDX-License-Identifier: Apache-2.0
"""The files that a dataset names, where they are at hand: do they hold what the program reads?"""

from __future__ import annotations

from pathlib import Path

from hepq.runtime.artifact.manifest import EventSchema
from hepq.runtime.events import event_files
from hepq.runtime.events.columns import collect


def check_files(schema: EventSchema, folder: Path) -> None:
    """Compare the branches that ``schema`` reads with those of the dataset's files; absent files are passed over.

    Names are relative to ``folder``; nothing is fetched from elsewhere. Raises DataError HQ0802 to HQ0807.
    """
    dataset = schema.dataset
    files = [str(folder / name) for name in dataset.files if "://" not in name] if dataset else []
    branches = [column.branch for column in schema.columns]
    for source in event_files.find(files, dataset.tree if dataset else None, absent=True):
        collect(schema, event_files.none_of(source, branches), str(source))
