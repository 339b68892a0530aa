# SPDX-License-Identifier: Apache-2.0
"""The file: members, manifest, checksums, signatures."""
