# SPDX-License-Identifier: Apache-2.0
"""hepq: write a model once, run the same thing everywhere."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from hepq.core.upward import INTERFACES

if TYPE_CHECKING:
    __version__: str
    from hepq.api import attributions, load, run, two_sample_test
    from hepq.compiler.train.two_sample import TwoSample
    from hepq.core.diagnostics.diagnostic import HepqError
    from hepq.core.errors import ArtifactError, DataError
    from hepq.runtime.model import Model
    from hepq.runtime.quantum.kernel.estimator import QSVC

__all__ = [
    "QSVC", "ArtifactError", "DataError", "HepqError", "Model", "TwoSample", "__version__", "attributions", "load",
    "run", "two_sample_test",
]  # fmt: skip

#: public name -> where it lives; looked up on first use, so that ``import hepq`` costs nothing
_HOMES = {
    "ArtifactError": "hepq.core.errors",
    "DataError": "hepq.core.errors",
    "HepqError": "hepq.core.diagnostics.diagnostic",
    "Model": "hepq.runtime.model",
    "QSVC": "hepq.runtime.quantum.kernel.estimator",
    "attributions": "hepq.api",
    "TwoSample": "hepq.compiler.train.two_sample",
    "load": "hepq.api",
    "run": "hepq.api",
    "two_sample_test": "hepq.api",
}


def _interface(wanted: Any) -> Any:
    from hepq.compiler.driver.called import interface

    return interface(wanted)


INTERFACES.append(_interface)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("hepq")
    if name not in _HOMES:
        raise AttributeError(f"module 'hepq' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
