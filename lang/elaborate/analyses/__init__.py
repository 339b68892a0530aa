# SPDX-License-Identifier: Apache-2.0
"""What only analyses have: random numbers of events, compiled models."""
