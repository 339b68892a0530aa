# SPDX-License-Identifier: Apache-2.0
"""The language: from text to a checked program."""

from hepq.lang import declarations as declarations
