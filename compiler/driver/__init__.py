# SPDX-License-Identifier: Apache-2.0
"""One compilation from a file to a file, and its stages."""
