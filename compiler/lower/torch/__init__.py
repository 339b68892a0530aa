# SPDX-License-Identifier: Apache-2.0
"""A module as a differentiable ``torch.nn.Module``."""
