# SPDX-License-Identifier: Apache-2.0
"""Is a native circuit what its source is?"""
