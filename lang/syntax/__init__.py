# SPDX-License-Identifier: Apache-2.0
"""From text to a syntax tree, whatever the text is."""
