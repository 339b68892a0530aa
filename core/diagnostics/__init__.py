# SPDX-License-Identifier: Apache-2.0
"""Diagnostics: what they are, the catalogue of all that can be said, and how they are shown."""
