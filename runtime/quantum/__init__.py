# SPDX-License-Identifier: Apache-2.0
"""Circuits at run time: what they are, the devices they run on, simulation, kernels, clients."""
