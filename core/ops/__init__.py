# SPDX-License-Identifier: Apache-2.0
"""The operations of the IR as data: one row each, from which every table of the language and the back ends follows."""
