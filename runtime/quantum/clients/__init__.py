# SPDX-License-Identifier: Apache-2.0
"""Clients of quantum services, one per vendor, behind the protocol of ``base.py``."""
