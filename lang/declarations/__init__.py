# SPDX-License-Identifier: Apache-2.0
"""Declarations that are elaborated as a whole: models, datasets, trainings, checkpoint tables."""
