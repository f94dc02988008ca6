"""Cuts a sound that is too long for the free memory, at its quietest places. Pure."""

from itertools import pairwise

from swictation.asr.engine import Waveform
from swictation.loudness import QUIET_SAMPLES, Energy, energy_before, quietest
from swictation.types import DecodeRequest, Hypothesis

_FREEDOM = 0.25
"""How much a piece may differ from an even share."""


def halves(waveform: Waveform) -> list[slice]:
    """Cut in two, near the middle."""
    return cut(waveform, -(-len(waveform) * 5 // 8))


def cut(waveform: Waveform, longest: int) -> list[slice]:
    """Cut into pieces of at most `longest` samples, about equally long; 0: into one."""
    total = len(waveform)
    if longest <= 0 or total <= longest:
        return [slice(0, total)]
    # More pieces than necessary, because with the fewest there may be only one place for a cut.
    left = min(total, -(-total * 5 // (longest * 4)))
    energy = energy_before(waveform)
    ends = [0]
    while left > 1:
        rest = total - ends[-1]
        low = max(rest - (left - 1) * longest, round((1 - _FREEDOM) * rest / left))
        high = min(longest, round((1 + _FREEDOM) * rest / left), rest - left + 1)
        ends.append(ends[-1] + _quietest(energy[ends[-1] :], max(1, low), max(1, low, high)))
        left -= 1
    return [slice(begin, end) for begin, end in pairwise([*ends, total])]


def _quietest(energy: Energy, low: int, high: int) -> int:
    """Find the middle of the quietest moment, within `low`..`high`."""
    width = min(QUIET_SAMPLES, low)
    begin, last = low - width // 2, high - width // 2
    last = min(last, len(energy) - 1 - width)
    if last <= begin:
        return low
    return begin + quietest(energy[begin : last + width + 1], width)


def part(request: DecodeRequest, piece: slice) -> DecodeRequest:
    """Make the request for one piece: only the first continues text, only the last goes on."""
    return DecodeRequest(
        request.number,
        request.utterance,
        request.first_sample + piece.start,
        request.first_sample + piece.stop,
        "" if piece.start else request.forced_text,
        request.partial,
        goes_on=request.goes_on and request.first_sample + piece.stop == request.last_sample,
    )


def joined(parts: list[Hypothesis]) -> Hypothesis:
    """Join several answers: as sure as the least sure one, dropped only if all were."""
    if len(parts) == 1:
        return parts[0]
    return Hypothesis(
        new_text="".join(one.new_text for one in parts),
        confident=all(one.confident for one in parts),
        dropped=parts[0].dropped if all(one.dropped for one in parts) else "",
        score=min(one.score for one in parts),
        no_speech_prob=min(one.no_speech_prob for one in parts),
        retries=sum(one.retries for one in parts),
        decode_s=sum(one.decode_s for one in parts),
        cpu_s=sum(one.cpu_s for one in parts),
    )
