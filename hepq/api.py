# SPDX-License-Identifier: Apache-2.0
"""The Python face: load an artifact, call it with events."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hepq.compiler.train import Recipe
    from hepq.compiler.train.two_sample import TwoSample
    from hepq.runtime.model import Model
    from hepq.runtime.quantum.backend import Backend


def load(
    path: str | Path, threads: int | None = None, *, backend: str | Backend = "exact", shots: int | None = None,
    seed: int | None = 0,
) -> Model:  # fmt: skip
    """Load a ``.hepqx`` artifact; ``threads`` defaults to every core this process may use.

    ``backend`` runs its circuits, if it has any: ``exact`` simulates them; ``noisy`` with the errors of the
    device it was compiled for; ``ibm``, ``origin``, ``quafu`` send them there, ``shots`` each.

    >>> tagger = hepq.load("tagger.hepqx")            # doctest: +SKIP
    >>> tagger("jets.root").Hbb                       # doctest: +SKIP

    An artifact holds machine code: load only those you would run a program from.
    Raises ArtifactError if the file is missing, damaged, changed, too new, or for another CPU.
    """
    from hepq.runtime.artifact import Artifact
    from hepq.runtime.model import Model

    return Model(Artifact.open(path), threads, backend, shots, seed)


def two_sample_test(
    program: str | Path, first: str | Path | Sequence[str | Path], second: str | Path | Sequence[str | Path], *,
    statistic: str = "auc", permutations: int = 1000, model: str | None = None, recipe: Recipe | None = None,
) -> TwoSample:  # fmt: skip
    """Test whether the ROOT files ``first`` and ``second`` are of one distribution, by a classifier.

    A model of ``program`` is trained to tell them apart on half of the events, by ``recipe``; its AUC or ``accuracy``
    on the other half is compared with what ``permutations`` of the labels give.

    >>> hepq.two_sample_test("jets.hepq", "data.root", "simulation.root").p_value       # doctest: +SKIP
    0.31

    Events must be independent, with weight 1. Raises HepqError for the program, DataError for the files.
    """
    from hepq.compiler.options import Options
    from hepq.compiler.train.two_sample import compare_files

    files = [[f] if isinstance(f, (str, Path)) else list(f) for f in (first, second)]
    return compare_files(
        Path(program), *files, statistic=statistic, permutations=permutations, recipe=recipe,
        options=Options(model=model),
    )  # fmt: skip
