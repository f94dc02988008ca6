"""Speech without end: the overfitted model's sentences, or recordings for the embedded engine."""

import struct
import threading
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import BinaryIO

from canary.tiny import store
from canary.tiny.sentences import TEXTS, all_of_them
from swictation.types import SAMPLE_RATE_HZ, Samples, to_seconds
from tests.bench.corpus import SPEECH_KINDS, clips, joined

_ENDLESS = 0x7FFFFFFF


@dataclass(frozen=True, eq=False)
class Speech:
    """A sound that is repeated, what is said in it, and the engine that understands it."""

    sound: Samples
    text: str | None
    """Word for word; None where the engine errs."""
    engine: str
    model: str

    @property
    def seconds(self) -> float:
        return to_seconds(len(self.sound))


def speech() -> Speech:
    """For the engine on NeMo where that is installed, else for the embedded one.

    Raises:
        FileNotFoundError: espeak-ng is missing.
        tests.bench.corpus.MissingCorpus: there are no recordings.
    """
    if find_spec("nemo") and find_spec("torch"):
        folder = store.unpacked("six")
        return Speech(all_of_them(), " ".join(TEXTS), "canary", str(folder))
    return Speech(joined(clips(*SPEECH_KINDS)[:20]), None, "whisper", "tiny.en")


class Speaker:
    """Speaks into a pipe as fast as it is heard, whole rounds, until it is told to end."""

    def __init__(self, speech: Speech, pipe: BinaryIO) -> None:
        self._speech = speech
        self._pipe = pipe
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._speak, name="speaker")
        self.rounds = 0

    @property
    def said_s(self) -> float:
        return self.rounds * self._speech.seconds

    def start(self) -> None:
        self._thread.start()

    def finish(self) -> None:
        """After this round; returns when it has been taken."""
        self._is_over.set()
        self._thread.join()

    def _speak(self) -> None:
        sound = self._speech.sound.tobytes()
        with suppress(BrokenPipeError), self._pipe as pipe:
            pipe.write(_header())
            while not self._is_over.is_set():
                pipe.write(sound)
                self.rounds += 1


def _header() -> bytes:
    """Of a WAV whose length nobody knows yet."""
    rate = SAMPLE_RATE_HZ
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16)
    data = struct.pack("<4sI", b"data", _ENDLESS)
    return struct.pack("<4sI4s", b"RIFF", _ENDLESS, b"WAVE") + form + data
