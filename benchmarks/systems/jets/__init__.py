# SPDX-License-Identifier: Apache-2.0
"""Systems that read jets: a family of rows each."""
