"""When the last word stands: its commit after the speaker's last sound, in virtual time.

The end of speech is the energy table's (`offsets.json`), not the detector's. Where table and
detector disagree by more than half a second about where speech ends (a breath, a noise, a pause
that only one of them sees) there is no common end to measure from: such stretches are counted.
"""

from typing import Any

from swictation.types import to_seconds
from tests.bench import score, virtual
from tests.bench.context import Context
from tests.bench.corpus import SPEECH_KINDS, clips, with_tail
from tests.bench.offsets import table
from tests.bench.recogniser import recogniser

_AGREE_S = 0.5
_TAIL_S = 0.2


def run(context: Context) -> dict[str, Any]:
    return {
        **{f"by_{cost}": _measure(context.model, cost) for cost in ("wall", "cpu")},
        "note": "a decode lasts the wall time, or the CPU time, that it was measured to take",
    }


def _measure(model: str, cost: str) -> dict[str, Any]:
    offsets = table()
    waits: list[float] = []
    lags: list[float] = []
    unmatched = wordless = held = 0
    for clip in clips(*SPEECH_KINDS):
        journey = virtual.play(clip.name, with_tail(clip.samples()), recogniser(model), cost)
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
