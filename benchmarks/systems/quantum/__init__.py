# SPDX-License-Identifier: Apache-2.0
"""Systems of circuits, and what comes from them: a family of rows each."""
