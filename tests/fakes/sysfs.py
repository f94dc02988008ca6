"""A made-up /sys and /proc with GPUs."""

from pathlib import Path

NVIDIA, OTHER = "0x10de", "0x8086"


class Machine:
    """Devices on a PCI bus below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def add(
        self,
        address: str = "0000:01:00.0",
        *,
        vendor: str = NVIDIA,
        kind: str = "0x030200",
        power: str = "active",
    ) -> None:
        folder = self._folder(address)
        (folder / "power").mkdir(parents=True)
        (folder / "vendor").write_text(f"{vendor}\n")
        (folder / "class").write_text(f"{kind}\n")
        self.set_power(power, address)

    def set_power(self, power: str, address: str = "0000:01:00.0") -> None:
        """The kernel's word: active, suspended, suspending, resuming."""
        (self._folder(address) / "power/runtime_status").write_text(f"{power}\n")

    def add_driver(self, version: str = "550.163.01") -> None:
        module = self.root / "sys/module/nvidia"
        module.mkdir(parents=True)
        (module / "version").write_text(f"{version}\n")

    def name(self, model: str, address: str = "0000:01:00.0") -> None:
        folder = self.root / "proc/driver/nvidia/gpus" / address
        folder.mkdir(parents=True)
        (folder / "information").write_text(f"Model: \t\t {model}\nIRQ:   \t\t 159\n")

    def set_parameters(self, told: str) -> None:
        folder = self.root / "proc/driver/nvidia"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "params").write_text(told)

    def _folder(self, address: str) -> Path:
        return self.root / "sys/bus/pci/devices" / address
