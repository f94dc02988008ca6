"""Where speech begins and ends, by energy alone: `python -m tests.bench.offsets` makes the table.

Found once and committed (`offsets.json`), so that no voice activity detector, ours included, says
when it should have ended. Levels of 10 ms, smoothed over 50; speech is what lies above the middle
ground between the room and the speaker; stretches closer than 0.8 s are one.
"""

import json
from pathlib import Path

import numpy as np

from swictation.types import Samples
from tests.bench.corpus import SPEECH_KINDS, Clip, clips

TABLE = Path(__file__).with_name("offsets.json")

_STEP = 160
_SMOOTH = 5
_PAUSE_STEPS = 80
_LEAST_STEPS = 8
_ABOVE_ROOM_DB = 10.0
_BELOW_SPEAKER_DB = 30.0

Stretch = tuple[float, float]
"""Onset and offset of speech in seconds."""


def stretches(samples: Samples) -> list[Stretch]:
    """Where somebody speaks."""
    loud = _loud(_levels_db(samples))
    found: list[list[int]] = []
    for at in np.flatnonzero(loud):
        if found and at - found[-1][1] < _PAUSE_STEPS:
            found[-1][1] = int(at) + 1
        else:
            found.append([int(at), int(at) + 1])
    return [
        (round(begin / 100, 2), round(end / 100, 2))
        for begin, end in found
        if end - begin >= _LEAST_STEPS
    ]


def _levels_db(samples: Samples) -> np.ndarray:
    steps = samples[: len(samples) // _STEP * _STEP].reshape(-1, _STEP).astype(np.float64)
    power = np.convolve(np.mean(steps**2, axis=1), np.ones(_SMOOTH) / _SMOOTH, "same")
    return 10 * np.log10(np.maximum(power, 1e-3))


def _loud(levels_db: np.ndarray) -> np.ndarray:
    room, speaker = np.percentile(levels_db, [5, 95])
    threshold = max(room + _ABOVE_ROOM_DB, speaker - _BELOW_SPEAKER_DB)
    loud = levels_db > min(threshold, (room + speaker) / 2 + 5)
    # A click is not speech: what is louder than the room for less than 80 ms does not count.
    edges = np.flatnonzero(np.diff(np.concatenate(([0], loud.astype(np.int8), [0]))))
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        if end - begin < _LEAST_STEPS:
            loud[begin:end] = False
    return loud


def table() -> dict[str, list[Stretch]]:
    """The committed table: the stretches of speech of every clip by its name."""
    return {
        name: [(on, off) for on, off in found]
        for name, found in json.loads(TABLE.read_text()).items()
    }


def _row(clip: Clip) -> str:
    return f'  "{clip.name}": {json.dumps(stretches(clip.samples()))}'


def main() -> None:
    rows = ",\n".join(_row(clip) for clip in clips(*SPEECH_KINDS))
    TABLE.write_text("{\n" + rows + "\n}\n")


if __name__ == "__main__":
    main()
