"""What the final decodes cost beside plain VAD + faster-whisper: same cuts, weights and threads.

Ours and the plain decode of each clip follow each other, so that the machine's load falls on
both; ours count whatever was sent, speculative decodes that came to nothing included.
"""

from typing import Any

import msgspec
import numpy as np

from swictation.types import to_seconds
from tests.bench import score, virtual
from tests.bench.context import Context
from tests.bench.corpus import SPEECH_KINDS, clips, with_tail
from tests.bench.recogniser import Cost, plain, recogniser

_BANDS_S = {"to_4_s": (0.0, 4.0), "4_to_12_s": (4.0, 12.0), "12_to_20_s": (12.0, 21.0)}
_MARGINS_S = 0.5
"""Of every utterance: 0.3 s before its speech and 0.2 s after it are decoded too."""


class _Utterance(msgspec.Struct):
    kind: str
    speech_s: float
    ours: Cost
    plain: Cost


def run(context: Context) -> dict[str, Any]:
    utterances: list[_Utterance] = []
    spent: dict[str, list[float]] = {}
    pairs: list[tuple[str, str]] = []
    for clip in clips(*SPEECH_KINDS):
        samples = with_tail(clip.samples())
        journey = virtual.play(clip.name, samples, recogniser(context.model))
        spent.setdefault(clip.kind, []).extend(d.hypothesis.cpu_s for d in journey.decodes)
        text = ""
        for end in journey.ends:
            decoded = journey.serving(end)
            if decoded is None:
                continue
            request, answer = decoded.request, decoded.hypothesis
            cut = samples[request.first_sample : request.last_sample]
            piece, cost = plain(context.model).utterance(cut)
            text += " " + piece
            speech_s = to_seconds(request.last_sample - request.first_sample) - _MARGINS_S
            ours = Cost(answer.cpu_s, answer.decode_s)
            utterances.append(_Utterance(clip.kind, speech_s, ours, cost))
        if clip.kind in {"read", "long"}:
            pairs.append((clip.text, text))
    return {
        "decode_ratio": {
            band: _ratios([u for u in utterances if low < u.speech_s <= high])
            for band, (low, high) in _BANDS_S.items()
        },
        "cpu": {
            kind: _sums(costs, [u for u in utterances if u.kind == kind])
            for kind, costs in spent.items()
        },
        "plain_read_and_long": score.word_errors(pairs),
    }


def _ratios(utterances: list[_Utterance]) -> dict[str, float]:
    """Ours / plain of the decode that an utterance's end waits for."""
    if not utterances:
        return {"n": 0}
    cpu = [u.ours.cpu_s / u.plain.cpu_s for u in utterances]
    wall = [u.ours.wall_s / u.plain.wall_s for u in utterances]
    return {
        "p50_cpu": round(float(np.median(cpu)), 3),
        "p50_wall": round(float(np.median(wall)), 3),
        "p95_cpu": round(float(np.percentile(cpu, 95)), 3),
        "ours_p50_cpu_s": round(float(np.median([u.ours.cpu_s for u in utterances])), 3),
        "n": len(utterances),
    }


def _sums(costs: list[float], utterances: list[_Utterance]) -> dict[str, float]:
    ours, theirs = sum(costs), sum(u.plain.cpu_s for u in utterances)
    return {
        "ratio": round(ours / theirs, 3),
        "ours_cpu_s": round(ours, 2),
        "plain_cpu_s": round(theirs, 2),
        "decodes": len(costs),
        "utterances": len(utterances),
    }
