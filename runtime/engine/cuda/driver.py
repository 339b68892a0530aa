# SPDX-License-Identifier: Apache-2.0
"""NVIDIA's driver by ctypes: nothing of the CUDA toolkit is needed where code runs.

Names and argument types are those of the CUDA Driver API Reference Manual, 12.9.
"""

from __future__ import annotations

import ctypes as ct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.core.errors import ArtifactError

LIBRARY = "libcuda.so.1"
#: compute capability of Ampere: what code is made for at least
OLDEST = 80
_MAJOR, _MINOR = 75, 76
_OUT_OF_MEMORY = 2

Address = int


class Driver:
    """The first GPU that the driver shows (``CUDA_VISIBLE_DEVICES``). ``capability``: 80 for Ampere, 90 for Hopper.

    Raises ArtifactError HQ0846 where there is no driver, no GPU, or only one that is too old.
    """

    def __init__(self) -> None:
        try:
            self._library = ct.CDLL(LIBRARY)
        except OSError as error:
            raise no_gpu(f"NVIDIA's driver is not here: {error}") from error
        self._asked("cuInit", ct.c_uint(0))
        device, count = ct.c_int(), ct.c_int()
        self._asked("cuDeviceGetCount", ct.byref(count))
        if not count.value:
            raise no_gpu("NVIDIA's driver is here, but shows no GPU")
        self._asked("cuDeviceGet", ct.byref(device), ct.c_int(0))
        major, minor = (self._attribute(device, number) for number in (_MAJOR, _MINOR))
        self.capability = 10 * major + minor
        if self.capability < OLDEST:
            raise no_gpu(f"the GPU has compute capability {major}.{minor}; the code needs 8.0 (Ampere) or newer")
        self._context = ct.c_void_p()
        self._asked("cuDevicePrimaryCtxRetain", ct.byref(self._context), device)

    def enter(self) -> None:
        """Before anything else in each thread."""
        self("cuCtxSetCurrent", self._context)

    def __call__(self, function: str, *arguments: Any) -> None:
        """Raises ArtifactError HQ0847 where the driver refuses."""
        if status := getattr(self._library, function)(*arguments):
            raise refused(f"{function}: {self._words(status)}", status == _OUT_OF_MEMORY)

    def _asked(self, function: str, *arguments: Any) -> None:
        if status := getattr(self._library, function)(*arguments):
            raise no_gpu(f"{function}: {self._words(status)}")

    def _words(self, status: int) -> str:
        text = ct.c_char_p()
        self._library.cuGetErrorString(ct.c_int(status), ct.byref(text))
        return (text.value or b"unknown error").decode() + f" (error {status})"

    def _attribute(self, device: ct.c_int, number: int) -> int:
        found = ct.c_int()
        self._asked("cuDeviceGetAttribute", ct.byref(found), ct.c_int(number), device)
        return found.value

    def free_memory(self) -> int:
        """Bytes."""
        free, total = ct.c_size_t(), ct.c_size_t()
        self("cuMemGetInfo_v2", ct.byref(free), ct.byref(total))
        return free.value

    def allocate(self, size: int) -> Address:
        """``size`` bytes of device memory."""
        address = ct.c_uint64()
        self("cuMemAlloc_v2", ct.byref(address), ct.c_size_t(max(size, 1)))
        return address.value

    def free(self, address: Address) -> None:
        self("cuMemFree_v2", ct.c_uint64(address))

    def upload(self, address: Address, array: NDArray[Any]) -> None:
        """``array``: contiguous."""
        if array.nbytes:
            self("cuMemcpyHtoD_v2", ct.c_uint64(address), ct.c_void_p(array.ctypes.data), ct.c_size_t(array.nbytes))

    def download(self, array: NDArray[Any], address: Address) -> None:
        """Fills ``array``, contiguous, after all kernels that were launched before."""
        if array.nbytes:
            self("cuMemcpyDtoH_v2", ct.c_void_p(array.ctypes.data), ct.c_uint64(address), ct.c_size_t(array.nbytes))

    def module(self, image: bytes) -> ct.c_void_p:
        """Code that was loaded: a cubin, or PTX, which the driver compiles."""
        module = ct.c_void_p()
        self("cuModuleLoadData", ct.byref(module), ct.c_char_p(image + b"\0"))
        return module

    def unload(self, module: ct.c_void_p) -> None:
        self("cuModuleUnload", module)

    def function(self, module: ct.c_void_p, name: str) -> ct.c_void_p:
        found = ct.c_void_p()
        self("cuModuleGetFunction", ct.byref(found), module, ct.c_char_p(name.encode()))
        return found

    def said(self, module: ct.c_void_p, name: str, size: int) -> bytes:
        """The bytes that a kernel of one thread writes to its only argument."""
        found, address = np.zeros(size, np.uint8), self.allocate(size)
        try:
            self.launch(self.function(module, name), (1, 1), 1, [ct.c_uint64(address)])
            self.download(found, address)
        finally:
            self.free(address)
        return found.tobytes()

    def launch(self, function: ct.c_void_p, grid: tuple[int, int], threads: int, arguments: Sequence[Any]) -> None:
        """Starts a kernel after those before. ``arguments``: ctypes values."""
        pointers = (ct.c_void_p * max(len(arguments), 1))(*(ct.addressof(a) for a in arguments))
        u = ct.c_uint
        self("cuLaunchKernel", function, u(grid[0]), u(grid[1]), u(1), u(threads), u(1), u(1), u(0), None, pointers,
             None)  # fmt: skip


#: what to do instead
_CPU = '--device cpu, in Python device="cpu", uses the CPU'


def no_gpu(why: str) -> ArtifactError:
    return ArtifactError("HQ0846", "no GPU that can run this code", why, f"{_CPU}; auto does where there is no GPU")


def refused(why: str, memory: bool = False) -> ArtifactError:
    help = f"hand over fewer events at a time; or {_CPU}" if memory else _CPU
    return ArtifactError("HQ0847", "the driver of the GPU refused", why, help)
