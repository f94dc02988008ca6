"""Which of several GPUs is used."""

from pathlib import Path

import msgspec

from swictation.gpu.nvml.driver import Driver, Handle
from swictation.gpu.nvml.errors import Unreadable
from swictation.gpu.nvml.pci import PciGpu, gpus

AUTO = "auto"
_MOST_GPUS = 64
"""More than any machine has: a faulty driver may report any number."""


class Candidate(msgspec.Struct, frozen=True):
    """A GPU that may be used."""

    index: int
    handle: Handle


def open_gpu(wish: str, root: Path) -> tuple[Driver, Candidate]:
    """Open NVML, which the caller closes, and choose the GPU: see `choose`.

    Raises:
        Unreadable: NVML cannot be opened, or there is no such GPU, or it sleeps.
    """
    present = gpus(root)
    asleep = [candidate for candidate in present if candidate.is_asleep]
    if present and len(asleep) == len(present):
        raise Unreadable("asleep", "the GPU sleeps, and is left asleep")
    driver = Driver()
    try:
        return driver, choose(driver, wish, present if asleep else [])
    except Unreadable:
        driver.close()
        raise


def choose(driver: Driver, gpu: str, present: list[PciGpu]) -> Candidate:
    """Choose the GPU with that index or UUID, or the one with the most free memory.

    Args:
        driver: to ask.
        gpu: "auto", an index, or a UUID.
        present: all GPUs on the bus if one of them sleeps, so that it is not touched. Otherwise
            empty: the driver's own count is used.

    Raises:
        Unreadable: there is no such GPU, or it sleeps.
    """
    found = _awake(driver, present) if present else _all(driver)
    if gpu == AUTO:
        return (
            found[0]
            if len(found) == 1
            else max(found, key=lambda candidate: _room(driver, candidate))
        )
    for candidate in found:
        if gpu == (str(candidate.index) if gpu.isdecimal() else driver.uuid(candidate.handle)):
            return candidate
    if present and not (gpu.isdecimal() and int(gpu) >= len(present)):
        raise Unreadable("asleep", f"the GPU {gpu} sleeps, and is left asleep")
    names = "; ".join(_describe(driver, candidate) for candidate in found)
    raise Unreadable("no-device", f"[vram] gpu = {gpu!r}: no such GPU; there is {names}")


def _all(driver: Driver) -> list[Candidate]:
    """Return all GPUs by the driver's own count; a lost GPU does not hide the others."""
    found: list[Candidate] = []
    lost: Unreadable | None = None
    for index in range(min(driver.count(), _MOST_GPUS)):
        try:
            found.append(Candidate(index, driver.gpu(index)))
        except Unreadable as error:
            lost = error
    if not found:
        raise lost or Unreadable("no-device", "the driver is loaded, but it finds no GPU")
    return found


def _awake(driver: Driver, present: list[PciGpu]) -> list[Candidate]:
    """Return the awake GPUs by PCI address: asking for an index may wake those before it."""
    found: list[Candidate] = []
    for index, candidate in enumerate(present):
        if not candidate.is_asleep and (handle := driver.gpu_at(candidate.address)) is not None:
            found.append(Candidate(index, handle))
    if not found:
        raise Unreadable("asleep", "the GPU that the driver knows sleeps, and is left asleep")
    return found


def _room(driver: Driver, candidate: Candidate) -> int:
    try:
        return driver.memory_bytes(candidate.handle)[1]
    except Unreadable:
        return -1


def _describe(driver: Driver, candidate: Candidate) -> str:
    return f"{candidate.index} ({driver.name(candidate.handle)}, {driver.uuid(candidate.handle)})"
