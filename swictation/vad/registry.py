"""Detectors for a worker are found by entry point, so that one may come from another package."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from swictation.errors import DetectorError
from swictation.vad.detector import Detector

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "swictation.detectors"

Load = Callable[[str, str], Detector]
"""What an entry point is: takes the device, "cpu" or "cuda", and the path of the model of the
engine beside which the detector is to live."""


def names() -> set[str]:
    """The detectors that are installed."""
    return {entry.name for entry in _entries()}


def loader(name: str) -> Load:
    """The function that loads the detector `name`. Imports its libraries: worker only.

    Raises:
        DetectorError: there is none, or its libraries are missing.
    """
    found = {entry.name: entry for entry in _entries()}
    if name not in found:
        known = ", ".join(sorted(found)) or "none"
        raise DetectorError(f"There is no detector called {name!r}; installed: {known}.")
    try:
        return found[name].load()
    except ImportError as error:
        raise DetectorError(f"The detector {name!r} lacks its libraries: {error}.") from error


def _entries() -> "Iterable[EntryPoint]":
    from importlib.metadata import entry_points

    return entry_points(group=GROUP)
