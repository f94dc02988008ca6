"""Every recording through `swictation transcribe`: words wrong, slots heard, words invented."""

from typing import Any

from tests.bench import product, score
from tests.bench.context import Context
from tests.bench.corpus import TEXT_KINDS, clips


def run(context: Context) -> dict[str, Any]:
    recordings = clips()
    heard = product.transcribe(context.model, [clip.path for clip in recordings])
    texts = dict(zip(recordings, heard, strict=True))
    invented = {
        clip.name: text for clip, text in texts.items() if clip.kind == "noise" and text.strip()
    }
    return {
        "by_kind": score.by_kind(texts, TEXT_KINDS),
        "slots": score.slots(texts),
        "noise": {
            "clips": sum(clip.kind == "noise" for clip in recordings),
            "invented_words": sum(len(score.words(text)) for text in invented.values()),
            "invented": invented,
        },
    }
