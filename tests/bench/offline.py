"""What streaming costs in words: the streamed text against offline decoding of the whole file."""

from typing import Any

from tests.bench import score, virtual
from tests.bench.context import Context
from tests.bench.corpus import clips
from tests.bench.recogniser import plain, recogniser


def run(context: Context) -> dict[str, Any]:
    streamed: list[tuple[str, str]] = []
    offline: list[tuple[str, str]] = []
    for clip in clips("read", "long"):
        samples = clip.samples()
        journey = virtual.play(f"{clip.name} as it is", samples, recogniser(context.model))
        streamed.append((clip.text, journey.text))
        offline.append((clip.text, plain(context.model).recording(samples)[0]))
    ours, theirs = score.word_errors(streamed), score.word_errors(offline)
    return {
        "streamed": ours,
        "offline": theirs,
        "dwer_points": round(ours["wer_percent"] - theirs["wer_percent"], 2),
    }
