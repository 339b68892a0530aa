# SPDX-License-Identifier: Apache-2.0
"""What a program declares, one file for each kind: whoever imports the language finds all of them registered."""

from importlib import import_module
from pkgutil import iter_modules

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
