"""Listens to the microphone for a moment, to see whether it works."""

from threading import Event, Thread

import msgspec
import numpy as np

from swictation.audio.microphone.monitor import MicrophoneState
from swictation.audio.microphone.source import Microphone
from swictation.audio.source import Stop
from swictation.loudness import level_dbfs
from swictation.types import Samples, to_samples

_OPEN_S = 2.5


class Heard(msgspec.Struct, frozen=True):
    """What was heard."""

    source: str
    """The device's own name, or "" if none could be opened."""
    level_dbfs: float | None
    """None if no sound came at all, as from a server that is frozen; zeros are -inf."""
    reason: str = ""
    """Why none could be opened."""


def listen(device: str, duration_s: float) -> Heard:
    """Open `device` (`[audio] device`) and listen for that long; the sound is not kept.

    Blocks for the duration and up to 2.5 s more. Raises AudioError if PortAudio is missing.
    """
    states: list[MicrophoneState] = []
    blocks: list[Samples] = []
    enough, stop = Event(), Stop()

    def deliver(samples: Samples) -> None:
        blocks.append(samples)
        if sum(map(len, blocks)) >= to_samples(duration_s):
            enough.set()

    def report(state: MicrophoneState) -> None:
        states.append(state)
        if state.health == "absent":
            enough.set()

    microphone = Microphone(device, report)
    thread = Thread(target=microphone.run, args=(deliver, stop), name="audio", daemon=True)
    microphone.start()
    thread.start()
    enough.wait(duration_s + _OPEN_S)
    stop.set()
    thread.join(_OPEN_S)
    microphone.close()
    source = next((state.source for state in states if state.source), "")
    reason = next((state.reason for state in states if state.health == "absent"), "")
    return Heard(source, _level_dbfs(blocks), "" if source else reason)


def _level_dbfs(blocks: list[Samples]) -> float | None:
    heard = np.concatenate(blocks) if blocks else np.empty(0, np.int16)
    if not len(heard):
        return None
    return level_dbfs(heard) if heard.any() else float("-inf")
