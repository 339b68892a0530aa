# SPDX-License-Identifier: Apache-2.0
"""The packages: every folder with an ``__init__.py`` in the top-level ones that pyproject.toml maps to ``hepq``."""

from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).parent
TOP = ("hepq", "core", "docs", "grammar", "lang", "compiler", "runtime", "stdlib")
FOLDERS = [file.parent.relative_to(ROOT) for top in TOP for file in sorted((ROOT / top).rglob("__init__.py"))]

setup(packages=[".".join(parts if (parts := folder.parts)[0] == "hepq" else ("hepq", *parts)) for folder in FOLDERS])
