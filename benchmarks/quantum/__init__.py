# SPDX-License-Identifier: Apache-2.0
"""Circuits, kernels and their gradients beside other compilers and simulators."""
