# SPDX-License-Identifier: Apache-2.0
"""Packages that are imported where they are asked for: those of extras, and one that would load others."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import MetaPathFinder
from types import ModuleType
from typing import Any

from hepq.core.errors import DataError


class _Absent(MetaPathFinder):
    """Says that ``packages`` are not installed, to one thread."""

    def __init__(self, packages: Sequence[str]) -> None:
        self.packages, self.thread = packages, threading.get_ident()

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        if fullname in self.packages and threading.get_ident() == self.thread:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


@contextmanager
def without(*packages: str) -> Iterator[None]:
    """Inside, imports of this thread do not find ``packages``, unless something has imported them before.

    For packages that try an import and go on without; later imports are as ever.
    """
    absent = _Absent(packages)
    sys.meta_path.insert(0, absent)
    try:
        yield
    finally:
        sys.meta_path.remove(absent)


#: what TVM and `tvm_ffi` would import to pass tensors of other packages, and numbers of types that hepq has none of;
#: either costs more than the rest of scoring a file
UNUSED_BY_TVM = ("torch", "ml_dtypes")


def tvm_ffi() -> Any:
    """The package, without what it can do without."""
    if "tvm_ffi" not in sys.modules:
        with without(*UNUSED_BY_TVM):
            import tvm_ffi  # noqa: F401
    return sys.modules["tvm_ffi"]


def optional(module: str, extra: str) -> ModuleType:
    """Raises DataError HQ0871 where the package is not installed."""
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise DataError(
            "HQ0871", f"the package {package} is not installed", str(error), f"pip install 'hepq[{extra}]'"
        ) from error
