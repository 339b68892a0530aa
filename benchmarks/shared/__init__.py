# SPDX-License-Identifier: Apache-2.0
"""What several measurements use: data, timing in turns, results that are kept, curves, programs of the library."""
