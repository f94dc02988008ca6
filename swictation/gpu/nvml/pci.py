"""NVIDIA GPUs and their driver, from the files of the kernel.

Neither NVML nor a GPU's own registers are read: either would wake a sleeping GPU.
"""

from pathlib import Path

import msgspec

_NVIDIA = "0x10de"
_DISPLAY_CLASS = "0x03"
_ASLEEP = ("suspended", "suspending")
"""The kernel's words for a GPU that opening would wake, or keep awake."""


class PciGpu(msgspec.Struct, frozen=True):
    """One GPU on the PCI bus."""

    address: str
    power: str
    """The kernel's word: active, suspended ..., or ""."""
    name: str
    """The driver's name for it, or ""."""

    @property
    def is_asleep(self) -> bool:
        return self.power in _ASLEEP


def gpus(root: Path) -> list[PciGpu]:
    """NVIDIA's display devices, in the bus's order; none under WSL, which has no PCI bus."""
    devices = sorted((root / "sys/bus/pci/devices").glob("*"))
    return [
        _gpu(root, path)
        for path in devices
        if read(path / "vendor") == _NVIDIA and read(path / "class").startswith(_DISPLAY_CLASS)
    ]


def driver(root: Path) -> str:
    """The version of the loaded driver, or ""."""
    return read(root / "sys/module/nvidia/version")


def is_off_bus(root: Path) -> bool:
    """Whether there is a driver but no GPU on the bus, as in a container or under WSL."""
    signs = ("dev/nvidiactl", "usr/lib/wsl/lib/libnvidia-ml.so.1")
    return not gpus(root) and any((root / sign).exists() for sign in signs)


def parameters(root: Path) -> dict[str, str]:
    """The driver's settings, such as `{"PreserveVideoMemoryAllocations": "1"}`."""
    lines = read(root / "proc/driver/nvidia/params").splitlines()
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}


def read(path: Path) -> str:
    """The content of a kernel file, or ""."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _gpu(root: Path, device: Path) -> PciGpu:
    gpu = PciGpu(device.name, read(device / "power/runtime_status"), "")
    # Its name comes from the driver, which may ask the GPU.
    return gpu if gpu.is_asleep else msgspec.structs.replace(gpu, name=_name(root, device.name))


def _name(root: Path, address: str) -> str:
    information = read(root / "proc/driver/nvidia/gpus" / address / "information")
    for line in information.splitlines():
        key, _, value = line.partition(":")
        if key == "Model":
            return value.strip()
    return ""
