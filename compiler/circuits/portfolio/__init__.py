# SPDX-License-Identifier: Apache-2.0
"""Recipes, and the best that passed its check."""
