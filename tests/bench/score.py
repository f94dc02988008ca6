"""How right a text is: one normaliser on both sides, word errors, slots, invented words."""

from collections.abc import Iterable, Mapping

import jiwer
import numpy as np
from whisper_normalizer.english import EnglishTextNormalizer

from tests.bench.corpus import Clip

_normalise = EnglishTextNormalizer()


def words(text: str) -> list[str]:
    return _normalise(text).split()


def word_errors(pairs: Iterable[tuple[str, str]]) -> dict[str, float]:
    """Word error rate of (reference, heard) pairs, with the number of words it rests on."""
    references, heard = zip(*((_normalise(a), _normalise(b)) for a, b in pairs), strict=True)
    found = jiwer.process_words(list(references), list(heard))
    return {
        "wer_percent": round(100 * found.wer, 2),
        "words": sum(len(reference.split()) for reference in references),
        "substituted": found.substitutions,
        "deleted": found.deletions,
        "inserted": found.insertions,
    }


def by_kind(texts: Mapping[Clip, str], kinds: Iterable[str]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for kind in kinds:
        pairs = [(clip.text, text) for clip, text in texts.items() if clip.kind == kind]
        if pairs:
            found[kind] = word_errors(pairs)
    return found


def slots(texts: Mapping[Clip, str]) -> dict[str, float]:
    """How many of the values that must occur do occur."""
    hits = [
        _normalise(value) in _normalise(text)
        for clip, text in texts.items()
        for value in clip.slots
    ]
    return {"percent": round(100 * sum(hits) / len(hits), 1), "hit": sum(hits), "of": len(hits)}


def percentiles(values: Iterable[float], digits: int = 3) -> dict[str, float]:
    """p50, p95, largest and count."""
    found = np.array(sorted(values))
    if not len(found):
        return {"n": 0}
    p50, p95 = np.percentile(found, [50, 95])
    return {
        "p50": round(float(p50), digits),
        "p95": round(float(p95), digits),
        "max": round(float(found[-1]), digits),
        "n": len(found),
    }
