"""Which of several cards is meant."""

from pathlib import Path

import msgspec

from swictation.gpu.nvml.driver import Driver, Handle
from swictation.gpu.nvml.errors import Unreadable
from swictation.gpu.nvml.pci import Card, cards

AUTO = "auto"
_MOST_CARDS = 64
"""More than any machine has: a driver in trouble may tell any number."""


class Candidate(msgspec.Struct, frozen=True):
    """A card that may be asked."""

    index: int
    handle: Handle


def open_card(wish: str, root: Path) -> tuple[Driver, Candidate]:
    """NVML, to be closed by the caller, and the card that is meant: see `choose`.

    Raises:
        Unreadable: it cannot be opened, or there is no such card; one that sleeps is left asleep.
    """
    present = cards(root)
    asleep = [card for card in present if card.is_asleep]
    if present and len(asleep) == len(present):
        raise Unreadable("asleep", "the card sleeps, and is left asleep")
    driver = Driver()
    try:
        return driver, choose(driver, wish, present if asleep else [])
    except Unreadable:
        driver.close()
        raise


def choose(driver: Driver, gpu: str, present: list[Card]) -> Candidate:
    """The card with that index or UUID, or with most room.

    Args:
        driver: to ask.
        gpu: "auto", an index, or a UUID.
        present: all cards of the bus, where one of them sleeps: that one is not touched. Else
            empty, and the driver's own count holds.

    Raises:
        Unreadable: there is none, or it sleeps.
    """
    found = _awake(driver, present) if present else _all(driver)
    if gpu == AUTO:
        return found[0] if len(found) == 1 else max(found, key=lambda card: _room(driver, card))
    for card in found:
        if gpu == (str(card.index) if gpu.isdecimal() else driver.uuid(card.handle)):
            return card
    if present and not (gpu.isdecimal() and int(gpu) >= len(present)):
        raise Unreadable("asleep", f"the card {gpu} sleeps, and is left asleep")
    there = "; ".join(_told(driver, card) for card in found)
    raise Unreadable("no-device", f"[vram] gpu = {gpu!r}: no such card; there is {there}")


def _all(driver: Driver) -> list[Candidate]:
    """By the driver's own count; a card that is lost does not hide the others."""
    found: list[Candidate] = []
    lost: Unreadable | None = None
    for index in range(min(driver.count(), _MOST_CARDS)):
        try:
            found.append(Candidate(index, driver.card(index)))
        except Unreadable as error:
            lost = error
    if not found:
        raise lost or Unreadable("no-device", "the driver is loaded, but it finds no card")
    return found


def _awake(driver: Driver, present: list[Card]) -> list[Candidate]:
    """By their place on the bus: to ask for an index may wake those before it."""
    found: list[Candidate] = []
    for index, card in enumerate(present):
        if not card.is_asleep and (handle := driver.card_at(card.address)) is not None:
            found.append(Candidate(index, handle))
    if not found:
        raise Unreadable("asleep", "the card that the driver knows sleeps, and is left asleep")
    return found


def _room(driver: Driver, card: Candidate) -> int:
    try:
        return driver.memory_bytes(card.handle)[1]
    except Unreadable:
        return -1


def _told(driver: Driver, card: Candidate) -> str:
    return f"{card.index} ({driver.name(card.handle)}, {driver.uuid(card.handle)})"
