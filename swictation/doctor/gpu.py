"""NVIDIA cards and their driver, from what the kernel has written down.

Neither NVML nor a card's own registers are read: either wakes a card that sleeps.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from swictation.doctor.finding import Finding, Subject

_NVIDIA = "0x10de"
_DISPLAY_CLASS = "0x03"
_ASLEEP = "suspended"


class Card(msgspec.Struct, frozen=True):
    """One card on the PCI bus."""

    address: str
    power: str
    """The kernel's word: active, suspended ..., or ""."""
    name: str
    """The driver's word for it, or ""."""


def gpu(_: Subject) -> Iterator[Finding]:
    """Tell which card there is. To have none is no fault: the engine runs on the processor."""
    yield judge(cards(Path("/")), driver(Path("/")))


def judge(found: list[Card], version: str) -> Finding:
    """One line for all cards."""
    if not found:
        return Finding("GPU", "ok", "no NVIDIA card: the engine runs on the processor")
    if not version:
        told = "an NVIDIA card without NVIDIA's driver: the engine runs on the processor"
        return Finding("GPU", "ok", told)
    told = ", ".join(f"{card.name or card.address}{_asleep(card)}" for card in found)
    return Finding("GPU", "ok", f"{told}; driver {version}")


def cards(root: Path) -> list[Card]:
    """NVIDIA's display devices, in the bus's order."""
    devices = sorted((root / "sys/bus/pci/devices").glob("*"))
    return [
        _card(root, path)
        for path in devices
        if _read(path / "vendor") == _NVIDIA and _read(path / "class").startswith(_DISPLAY_CLASS)
    ]


def driver(root: Path) -> str:
    """The version of the driver that is loaded, or ""."""
    return _read(root / "sys/module/nvidia/version")


def _card(root: Path, device: Path) -> Card:
    power = _read(device / "power/runtime_status")
    # Its name comes from the driver, which may ask the card.
    return Card(device.name, power, "" if power == _ASLEEP else _name(root, device.name))


def _name(root: Path, address: str) -> str:
    told = _read(root / "proc/driver/nvidia/gpus" / address / "information")
    for line in told.splitlines():
        key, _, value = line.partition(":")
        if key == "Model":
            return value.strip()
    return ""


def _asleep(card: Card) -> str:
    return " (asleep)" if card.power == _ASLEEP else ""


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
