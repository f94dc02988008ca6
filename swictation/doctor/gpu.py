"""NVIDIA cards and their driver, from what the kernel has written down."""

from collections.abc import Iterator
from pathlib import Path

from swictation.doctor.finding import Finding, Subject
from swictation.vram.cards import Card, cards, driver


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


def _asleep(card: Card) -> str:
    return " (asleep)" if card.is_asleep else ""
