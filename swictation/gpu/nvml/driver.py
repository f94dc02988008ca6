"""The few NVML calls that we need, each with a typed answer."""

import contextlib
import importlib
from typing import Any

from swictation.gpu.nvml.errors import Unreadable, unreadable

Handle = Any
"""NVML's own reference to a GPU."""
_Answer = Any


class Driver:
    """Open from construction to `close`. Every method may block, or raise `Unreadable`."""

    def __init__(self) -> None:
        # Imported when first needed: a machine without a GPU saves 3 MB.
        try:
            self._nvml: Any = importlib.import_module("pynvml")
        except ImportError as error:
            message = f"the package nvidia-ml-py cannot be loaded: {error}"
            raise Unreadable("no-library", message) from error
        self._has_v2 = True
        self._ask("nvmlInit")

    def close(self) -> None:
        """Close the GPU; errors of the driver are ignored."""
        with contextlib.suppress(Unreadable):
            self._ask("nvmlShutdown")

    def count(self) -> int:
        """How many GPUs the driver knows."""
        return self._ask("nvmlDeviceGetCount")

    def gpu(self, index: int) -> Handle:
        """The GPU of that index. May wake it."""
        return self._ask("nvmlDeviceGetHandleByIndex", index)

    def gpu_at(self, address: str) -> Handle | None:
        """The GPU at that PCI address; other GPUs are not touched. None: it is not there."""
        try:
            return self._ask("nvmlDeviceGetHandleByPciBusId", address)
        except Unreadable as error:
            if error.trouble == "no-device":
                return None
            raise

    def uuid(self, gpu: Handle) -> str:
        """Such as "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6"."""
        return self._ask("nvmlDeviceGetUUID", gpu)

    def name(self, gpu: Handle) -> str:
        """Such as "NVIDIA RTX A1000 Laptop GPU"."""
        return self._ask("nvmlDeviceGetName", gpu)

    def memory_bytes(self, gpu: Handle) -> tuple[int, int]:
        """Total and free. Never `used`: the call's two versions disagree about it."""
        if self._has_v2:
            try:
                memory = self._ask("nvmlDeviceGetMemoryInfo", gpu, self._nvml.nvmlMemory_v2)
            except Unreadable as error:
                if not error.is_missing_call:
                    raise
                self._has_v2 = False
            else:
                return memory.total, memory.free
        memory = self._ask("nvmlDeviceGetMemoryInfo", gpu)
        return memory.total, memory.free

    def used_bytes(self, gpu: Handle) -> dict[int, int | None]:
        """What each process uses; None where the driver does not report it, as under WSL."""
        used: dict[int, int | None] = {}
        for what in ("Compute", "Graphics"):
            for process in self._ask(f"nvmlDeviceGet{what}RunningProcesses", gpu):
                # A process that does both is in both lists, with its whole use in each.
                known: int | None = used.get(process.pid, 0)
                more: int | None = process.usedGpuMemory
                used[process.pid] = None if known is None or more is None else max(known, more)
        return used

    def _ask(self, call: str, *arguments: object) -> _Answer:
        try:
            return getattr(self._nvml, call)(*arguments)
        except self._nvml.NVMLError as error:
            raise unreadable(error.value, str(error)) from error
        except (self._nvml.NVMLLibraryMismatchError, OSError, ValueError) as error:
            raise Unreadable("unknown", f"NVIDIA's library failed: {error}") from error
