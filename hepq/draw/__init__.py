# SPDX-License-Identifier: Apache-2.0
"""Pictures: models, circuits, devices, kernels, attributions."""
