# SPDX-License-Identifier: Apache-2.0
"""GPU code on NVIDIA's driver alone: what is launched (``table``), the driver (``driver``), batches (``engine``)."""
