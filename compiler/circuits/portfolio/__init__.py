# SPDX-License-Identifier: Apache-2.0
"""Recipes, their scores, and the best that passed its check."""
