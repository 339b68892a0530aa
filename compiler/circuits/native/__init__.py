# SPDX-License-Identifier: Apache-2.0
"""Gates as the native ones of a device."""
