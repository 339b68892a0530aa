# SPDX-License-Identifier: Apache-2.0
"""What a compiled artifact needs to run, be verified and be trusted."""
