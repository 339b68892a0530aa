# SPDX-License-Identifier: Apache-2.0
"""Formats of event files: one module each, with the same three functions, ``source``, ``pieces``, ``none_of``."""
