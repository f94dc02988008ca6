"""What the engine is to do: the manifest, and what earlier processes already did of it.

Everything that must be counted across processes is a file of its own beside the manifest, made
with O_EXCL: no locks, and a process that is killed at any moment leaves a true count.
"""

import json
import os
import zlib
from pathlib import Path
from typing import Any

import msgspec

from swictation.types import DecodeRequest


class Word(msgspec.Struct, frozen=True):
    """A spoken word; `text` has its leading space and its punctuation."""

    first_sample: int
    last_sample: int
    text: str


class Fault(msgspec.Struct, frozen=True):
    """A misdeed: what, when, and how often (over all processes; 0: always).

    What is not given does not restrict. `generation` counts loads of this manifest on that device,
    `nth` the decodes of one process, both from 1; `covers` is a sample that the request's range
    contains; `device` ("cpu" or "cuda") is where the engine computes.
    """

    kind: str
    on: str = "decode"
    """load, decode, partial or close; with a GPU also order, or collect: its cache is emptied."""
    times: int = 1
    generation: int | None = None
    nth: int | None = None
    utterance: int | None = None
    covers: int | None = None
    forced: bool | None = None
    """Only requests with (without) forced text."""
    device: str | None = None
    args: dict[str, Any] = {}


class FrameFault(msgspec.Struct, frozen=True):
    """A misdeed of the detector at its nth frame, in every process: see `scripted.detector`."""

    frame: int
    kind: str
    seconds: float = 0.0


class CardTier(msgspec.Struct, frozen=True):
    """A way to load the model onto a GPU: what it takes of memory and time."""

    name: str = "1b fp16"
    weights_mib: float = 1660.0
    base_mib: float = 20.0
    """At its peak a decode takes this, and ..."""
    mib_per_s: float = 3.0
    """... this for each second of sound."""
    load_s: float = 0.0


class CardScript(msgspec.Struct, frozen=True):
    """What the engine is on a GPU."""

    tiers: tuple[CardTier, ...] = (CardTier(),)
    context_mib: float = 300.0
    buffer_mib: float = 10.0
    is_real: bool = False
    """It takes its memory from the driver; the context is then what the driver makes of it."""


class Manifest(msgspec.Struct, frozen=True):
    """The whole script."""

    words: list[Word] = []
    confident: bool = True
    partials: bool = True
    faults: list[Fault] = []
    card: CardScript | None = None
    frames: list[FrameFault] = []


class Script:
    """A manifest and its memory in `<manifest>.state/`."""

    def __init__(self, path: Path, device: str = "cpu") -> None:
        self.manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
        self._state = path.with_name(path.name + ".state")
        self._state.mkdir(exist_ok=True)
        self._device = device
        self.generation = self._claim(f"load-{device}", 0)
        self._decodes = 0

    def due(self, on: str, request: DecodeRequest | None = None) -> Fault | None:
        """The next misdeed to be done now, noted as done."""
        if request and not request.partial:
            self._decodes += 1
        for number, fault in enumerate(self.manifest.faults):
            is_due = fault.on == on and self._fits(fault, request)
            if is_due and self._claim(f"fault-{number}", fault.times):
                return fault
        return None

    def note(self, request: DecodeRequest, samples: bytes) -> None:
        """Write down that this was asked, before anything comes of it."""
        record = {
            "generation": self.generation,
            "device": self._device,
            **msgspec.structs.asdict(request),
            "crc": zlib.crc32(samples),
        }
        with (self._state / "requests.jsonl").open("a") as file:
            file.write(json.dumps(record) + "\n")

    def _fits(self, fault: Fault, request: DecodeRequest | None) -> bool:
        if fault.generation not in (None, self.generation):
            return False
        if fault.device not in (None, self._device):
            return False
        if request is None:
            return True
        return (
            fault.nth in (None, self._decodes)
            and fault.utterance in (None, request.utterance)
            and (fault.forced is None or fault.forced == bool(request.forced_text))
            and (fault.covers is None or request.first_sample <= fault.covers < request.last_sample)
        )

    def _claim(self, name: str, times: int) -> int:
        """The next free number of `name`, from 1; 0 if all `times` are gone (times 0: no end)."""
        number = 1
        while not times or number <= times:
            try:
                os.close(os.open(self._state / f"{name}-{number}", os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                number += 1
            else:
                return number
        return 0
