# SPDX-License-Identifier: Apache-2.0
"""Training: labelled events and a program in, weights out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hepq.compiler.options import Options
from hepq.compiler.train.recipe import Recipe

if TYPE_CHECKING:
    from hepq.compiler.train.data import Labelled
    from hepq.compiler.train.fit_gradient import Fitted
    from hepq.compiler.train.report import Watch

__all__ = ["Recipe", "Trained", "train_file"]


#: sizes of dims that training will find
UNFITTED = {"sv": 1}


@dataclass(frozen=True)
class Trained:
    """What came out, and of which events."""

    fitted: Fitted
    data: Labelled
    by: str = field(default="gradient descent")


def train_file(
    program: Path, files: Sequence[str | Path], out: Path, recipe: Recipe | None = None,
    options: Options | None = None, watch: Watch | None = None,
) -> Trained:  # fmt: skip
    """Train the model of ``program`` on the labelled events of ``files``; write its weights to ``out``.

    A model with an ``svm`` is fitted by libsvm on its kernel matrix, any other by gradient descent. Sizes found in
    training (of ``sv``) are kept in the weights file, where compiling finds them.
    Raises HepqError for the program and the recipe, DataError for the files.
    """
    from hepq.compiler.kernel import find_kernel
    from hepq.compiler.train.data import labelled
    from hepq.compiler.train.report import Watch
    from hepq.compiler.weights import save_weights

    recipe, watch = recipe or Recipe(), watch or Watch()
    options = options or Options()
    data = labelled(program, files, recipe, replace(options, dims=UNFITTED | dict(options.dims)))
    kernel = find_kernel(data.built)
    if kernel is not None and kernel.instance is not None:
        from hepq.compiler.train.fit_svm import fit_svm

        trained = Trained(fit_svm(data, kernel, recipe, watch), data, "support vector machine")
    else:
        from hepq.compiler.train.fit_gradient import fit_gradient

        trained = Trained(fit_gradient(data, recipe, watch), data)
    save_weights(out, trained.fitted.weights, trained.fitted.dims)
    return trained
