# SPDX-License-Identifier: Apache-2.0
"""hepq: write a tagger once, run the same thing everywhere."""
