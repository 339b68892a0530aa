# SPDX-License-Identifier: Apache-2.0
"""Packages that come with one of hepq's extras, imported where they are asked for."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from hepq.core.errors import DataError


def optional(module: str, extra: str) -> ModuleType:
    """Raises DataError HQ0871 where the package is not installed."""
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise DataError(
            "HQ0871", f"the package {package} is not installed", str(error), f"pip install 'hepq[{extra}]'"
        ) from error
