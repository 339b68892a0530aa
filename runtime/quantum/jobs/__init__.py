# SPDX-License-Identifier: Apache-2.0
"""Jobs on quantum services: noted before they are sent, paid for once."""
