"""Memory on a real GPU through CUDA's driver API, by ctypes: no torch, no CUDA toolkit.

It takes `libcuda.so.1` alone, which the graphics driver brings. On the made-up GPU of `fakes.nvml`
the very same code runs, and what it takes is seen there.
"""

import ctypes

LIBRARY = "libcuda.so.1"
OUT_OF_MEMORY = 2


class CudaError(RuntimeError):
    """As torch's AcceleratorError: with a code, by which the guard knows it."""

    def __init__(self, call: str, code: int, told: str) -> None:
        super().__init__(f"CUDA error: {told} ({call}: {code})")
        self.error_code = code


class DriverCard:
    """This process's part of a GPU, context included. All of it belongs to one thread.

    Which GPU: the first, of those that `$CUDA_VISIBLE_DEVICES` leaves visible.
    """

    def __init__(self) -> None:
        """Make the context.

        Raises:
            OSError: there is no such library.
            CudaError: there is no GPU, or it has no room.
        """
        self._library = ctypes.CDLL(LIBRARY)
        self._blocks: list[tuple[ctypes.c_uint64, int]] = []
        self._device = ctypes.c_int()
        context = ctypes.c_void_p()
        self._call("cuInit", ctypes.c_uint(0))
        self._call("cuDeviceGet", ctypes.byref(self._device), ctypes.c_int(0))
        self._call("cuDevicePrimaryCtxRetain", ctypes.byref(context), self._device)
        self._call("cuCtxSetCurrent", context)

    def free_bytes(self) -> int:
        """Of the whole GPU, whoever uses the rest."""
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        self._call("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
        return free.value

    @property
    def held(self) -> int:
        """Bytes, beside the context."""
        return sum(size for _, size in self._blocks)

    def hold(self, count: int) -> None:
        """Hold so many bytes beside the context from now on: the last taken go back first.

        Raises:
            CudaError: the GPU has no room for them; what was held still is.
        """
        while self.held > count:
            address, _ = self._blocks.pop()
            self._call("cuMemFree_v2", address)
        if more := count - self.held:
            address = ctypes.c_uint64()
            self._call("cuMemAlloc_v2", ctypes.byref(address), ctypes.c_size_t(more))
            self._blocks.append((address, more))

    def close(self) -> None:
        """Give all of it back, the context too."""
        self._blocks.clear()
        self._call("cuDevicePrimaryCtxRelease_v2", self._device)

    def _call(self, name: str, *arguments: object) -> None:
        if code := getattr(self._library, name)(*arguments):
            told = ctypes.c_char_p()
            self._library.cuGetErrorString(code, ctypes.byref(told))
            raise CudaError(name, code, (told.value or b"unknown").decode())
