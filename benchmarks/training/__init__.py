# SPDX-License-Identifier: Apache-2.0
"""Trainings beside plain PyTorch, killed and resumed, and what they learn."""
