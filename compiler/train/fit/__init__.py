# SPDX-License-Identifier: Apache-2.0
"""Fitting: gradient descent and support vector machines."""
