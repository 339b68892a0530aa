# SPDX-License-Identifier: Apache-2.0
"""Systems of networks: a family of rows each."""
