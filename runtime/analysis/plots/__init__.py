# SPDX-License-Identifier: Apache-2.0
"""Pictures of results and of fits. What is drawn is computed apart from how it is drawn."""
