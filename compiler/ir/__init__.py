# SPDX-License-Identifier: Apache-2.0
"""The IR: nodes, their type rules, the verifier, the printer and the reference interpreter."""
