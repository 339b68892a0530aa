# SPDX-License-Identifier: Apache-2.0
"""Where on a device a circuit stands."""
