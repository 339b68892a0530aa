# SPDX-License-Identifier: Apache-2.0
"""Tests, which mirror the tree. A package, since some libraries install one of this name."""
