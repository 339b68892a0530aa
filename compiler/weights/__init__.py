# SPDX-License-Identifier: Apache-2.0
"""Weights: first values, files of ours, and files of others."""
