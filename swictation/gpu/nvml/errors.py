"""What NVML's error codes mean for a person."""

from swictation.types import Trouble

_STALE = (1, 2)
"""Uninitialised, invalid argument: if the handle was valid, the driver was reloaded meanwhile."""
_MISSING_CALL = (3, 13, 25)
"""Not supported, not in the library, another version: there may be an older call."""

RELOAD = "sudo modprobe -r nvidia_uvm && sudo modprobe nvidia_uvm; if that fails, reboot"
REMEDIES: dict[Trouble, str] = {
    "asleep": "start a program that uses the GPU, such as nvidia-smi, then try again",
    "no-library": "install NVIDIA's driver from your distribution's packages, then reboot",
    "no-driver": "sudo modprobe nvidia; if that fails, reinstall NVIDIA's driver",
    "no-device": "list the GPUs: nvidia-smi -L  # then set [vram] gpu",
    "lost": "reboot; what happened: journalctl -k -g Xid",
    "mismatch": "reboot: the driver was updated while the older one is still loaded",
    "stuck": "reboot; what happened: journalctl -k -g NVRM",
    "unknown": RELOAD,
}
"""What to type next."""

_MEANINGS: dict[int, tuple[Trouble, str]] = {
    2: ("no-device", "there is no such GPU"),
    3: ("unknown", "this GPU does not report its memory"),
    4: ("no-device", "this user may not use the GPU"),
    6: ("no-device", "the driver does not find that GPU"),
    9: ("no-driver", "NVIDIA's driver is not loaded"),
    12: ("no-library", "NVIDIA's library libnvidia-ml.so.1 is not installed"),
    15: ("lost", "the GPU has fallen off the bus, or can no longer be reached"),
    16: ("lost", "the GPU has to be reset before it can be used again"),
    18: ("mismatch", "NVIDIA's library and the loaded driver are of different versions"),
    28: ("no-device", "the driver finds no GPU"),
    999: ("unknown", "the driver failed in an unknown way, as it may after a sleep"),
}


class Unreadable(Exception):
    """A GPU's memory cannot be read now. Never leaves the package."""

    def __init__(self, trouble: Trouble, reason: str, code: int = 0) -> None:
        super().__init__(reason)
        self.trouble: Trouble = trouble
        self.reason = reason
        self._code = code

    @property
    def is_stale(self) -> bool:
        """Opening it again may help at once."""
        return self._code in _STALE

    @property
    def is_missing_call(self) -> bool:
        """This driver does not know the call; an older call may work."""
        return self._code in _MISSING_CALL


def unreadable(code: int, message: str) -> Unreadable:
    """Make the error for NVML's `code`; `message` is NVML's own text."""
    trouble, meaning = _MEANINGS.get(code, ("unknown", "the driver failed"))
    return Unreadable(trouble, f"{meaning} (NVML: {message})", code)
