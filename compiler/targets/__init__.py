# SPDX-License-Identifier: Apache-2.0
"""What programs are compiled for: processors and quantum devices."""
