"""When the last word stands: its commit after the speaker's last sound, in virtual time.

The end of speech is the energy table's (`offsets.json`), not the detector's. Where table and
detector disagree by more than half a second about where speech ends (a breath, a noise, a pause
that only one of them sees) there is no common end to measure from: such stretches are counted.
"""

from typing import Any

from swictation.asr.engines.whisper.settings import WhisperSettings
from swictation.audio.source import BLOCK_SAMPLES
from swictation.types import FRAME_SAMPLES, to_seconds
from tests.bench import score, virtual
from tests.bench.context import Context
from tests.bench.corpus import SPEECH_KINDS, clips, with_tail
from tests.bench.offsets import table
from tests.bench.recogniser import THREADS, recogniser

_AGREE_S = 0.5
_TAIL_S = 0.2


def run(context: Context) -> dict[str, Any]:
    return {
        "by_cpu": _measure(context.model, "cpu", FRAME_SAMPLES),
        "by_cpu_in_blocks": _measure(context.model, "cpu", BLOCK_SAMPLES),
        "by_wall_in_blocks": _measure(context.model, "wall", BLOCK_SAMPLES),
        "note": "a decode lasts the CPU time (one thread) or the wall time (as the product runs)"
        " that it was measured to take; sound comes frame by frame, or in blocks of 100 ms",
    }


def _measure(model: str, cost: str, block_samples: int) -> dict[str, Any]:
    offsets = table()
    # By the clock on the wall as the product runs; CPU time is honest on one thread alone.
    threads = WhisperSettings().cpu_threads if cost == "wall" else THREADS
    engine = recogniser(model, threads)
    waits: list[float] = []
    lags: list[float] = []
    unmatched = wordless = held = 0
    for clip in clips(*SPEECH_KINDS):
        samples = with_tail(clip.samples())
        journey = virtual.play(clip.name, samples, engine, cost, block_samples=block_samples)
        for end in journey.ends:
            if end.reason != "silence":
                continue
            heard_s = to_seconds(end.last_sample) - _TAIL_S
            nearest_s = min((off for _, off in offsets[clip.name]), key=lambda s: abs(s - heard_s))
            if abs(nearest_s - heard_s) > _AGREE_S:
                unmatched += 1
                continue
            words = [t for t in journey.typed if t.utterance == end.utterance and _has_word(t.text)]
            if not words:
                wordless += 1
                continue
            held += words[-1].at_s >= to_seconds(end.at_sample)
            waits.append(words[-1].at_s - nearest_s)
            lags.append(heard_s - nearest_s)
    return {
        "last_word_s": score.percentiles(waits),
        "detector_lag_s": score.percentiles(lags),
        "held_to_the_hang_over": held,
        "unmatched": unmatched,
        "wordless": wordless,
    }


def _has_word(text: str) -> bool:
    return any(character.isalnum() for character in text)
