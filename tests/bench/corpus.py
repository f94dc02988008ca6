"""The real recordings: read from a folder outside the repository, never copied into it."""

import json
import os
import wave
from pathlib import Path
from threading import Event
from typing import Any

import msgspec
import numpy as np

from swictation.audio.wavfile import FileSource
from swictation.types import SAMPLE_RATE_HZ, Samples, to_samples

_REPOSITORY = Path(__file__).resolve().parents[2]
SPEECH_KINDS = ("read", "spontaneous", "command", "long", "command-slots")
TEXT_KINDS = ("read", "spontaneous", "command", "long")


class MissingCorpus(Exception):
    """There are no recordings to measure on."""


class Clip(msgspec.Struct, frozen=True):
    """One recording and what is said in it: `text` verbatim, or `slots` that must occur."""

    name: str
    path: Path
    kind: str
    text: str
    slots: tuple[str, ...]

    def samples(self) -> Samples:
        return read(self.path)


def folder() -> Path:
    """Where the recordings lie: $SWICTATION_SPEECH, else ../shared/speech."""
    named = os.environ.get("SWICTATION_SPEECH")
    return Path(named) if named else _REPOSITORY.parent / "shared" / "speech"


def clips(*kinds: str) -> list[Clip]:
    """The recordings of these kinds (all, if none is named), in the manifest's order."""
    manifest = folder() / "manifest.jsonl"
    if not manifest.is_file():
        raise MissingCorpus(f"no recordings at {folder()}: set SWICTATION_SPEECH")
    rows = [json.loads(line) for line in manifest.read_text().splitlines() if line.strip()]
    return [_clip(row) for row in rows if not kinds or row["kind"] in kinds]


def _clip(row: dict[str, Any]) -> Clip:
    path = folder() / row["audio"]
    slots = tuple(str(value) for value in row.get("slots", {}).values())
    return Clip(path.stem, path, row["kind"], row.get("text") or "", slots)


def read(path: Path) -> Samples:
    """A sound file through the product's own decoder."""
    blocks: list[Samples] = []
    FileSource(path).run(blocks.append, Event())
    return np.concatenate(blocks)


def quiet(seconds: float) -> Samples:
    """Faint noise, -70 dBFS: what follows when a speaker falls silent in a quiet room.

    Many clips end with their last word; a microphone does not. Louder white noise straight after
    a word would be taken for its end by the detector: an artefact of splicing.
    """
    noise = np.random.default_rng(1).standard_normal(to_samples(seconds)) * 10.0
    return np.round(noise).astype(np.int16)


def with_tail(samples: Samples) -> Samples:
    """The clip, and long enough a silence for its last utterance to end by itself."""
    return np.concatenate([samples, quiet(1.6)])


def scaled(samples: Samples, gain: float) -> Samples:
    """The clip as a more distant microphone would hear it."""
    return np.clip(np.round(samples * gain), -32768, 32767).astype(np.int16)


def joined(chosen: list[Clip], pause_s: float = 1.2) -> Samples:
    """Recordings one after the other, with quiet pauses between them."""
    return np.concatenate([part for clip in chosen for part in (clip.samples(), quiet(pause_s))])


def write_wav(path: Path, samples: Samples) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes(samples.tobytes())
