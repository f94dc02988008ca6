"""Sound that is neither text nor kept: counted, and reported while it is being lost."""

from collections.abc import Iterator

from swictation.audio.journal import Span
from swictation.dictation.stream import Stream
from swictation.dispatcher import Dispatcher
from swictation.facts import LossEnded, LossGrew
from swictation.types import Samples, to_samples

_TOLD_EVERY = to_samples(30.0)
"""How much more is lost until the next report; `status` shows it each second."""


class Losses:
    """Counts what one stream has lost; used on the run loop."""

    def __init__(self, stream: Stream, events: Dispatcher) -> None:
        self._stream = stream
        self._events = events
        self._lost: list[Span] = []
        """In order; no two of them touch."""
        self._told_samples = 0
        self.is_losing = False
        """Whether sound is being lost: false again once RAM holds all that is not text yet."""
        self.samples = 0
        """How many, each counted once."""

    def add(self, first_sample: int, last_sample: int) -> None:
        """Count these samples, which are kept nowhere."""
        before = self.samples
        self._lost = _with(self._lost, (first_sample, last_sample))
        self.samples = sum(last - first for first, last in self._lost)
        if self.samples == before:
            return
        if not self.is_losing or self.samples - self._told_samples >= _TOLD_EVERY:
            self._told_samples = self.samples
            self._events.emit(LossGrew(first_sample, last_sample, self.samples))
        self.is_losing = True

    def look(self) -> None:
        """Count what has left RAM and is neither text nor in the spool; note when that is over."""
        begins = self._stream.journal.ring_start_sample
        is_strained = False
        for (first, last), on_disk in self._needed():
            if first < begins:
                is_strained = True
                for gap in without((first, min(last, begins)), on_disk):
                    self.add(*gap)
        if self.is_losing and not is_strained:
            self.is_losing = False
            self._events.emit(LossEnded(self.samples))

    def read(self, first_sample: int, last_sample: int) -> Samples | None:
        """Samples of the journal, with silence for lost ones; None where all are lost."""
        samples, lost = self._stream.journal.read_what_is_left(first_sample, last_sample)
        for span in lost:
            self.add(*span)
        gone = sum(last - first for first, last in lost)
        return samples if gone < len(samples) or not lost else None

    def _needed(self) -> Iterator[tuple[Span, Span]]:
        """Spans yet to become text or to be heard, each with what the spool has of it."""
        stream, spool = self._stream, self._stream.spool
        heard = stream.speech.heard_sample
        for number, utterance in stream.utterances.items():
            last = utterance.last_sample if utterance.last_sample >= 0 else heard
            first = stream.stabilizer.needs(number, utterance.kept_from_sample, last)
            if first < last and not utterance.is_quarantined:
                yield (first, last), spool.span(number) if spool else (0, 0)
        unheard = spool.unheard_span if spool else (0, 0)
        yield (heard, stream.journal.end_sample), unheard


def _with(spans: list[Span], new: Span) -> list[Span]:
    """`spans` and `new`, in order, merged where they touch."""
    out: list[Span] = []
    for first, last in sorted([*spans, new]):
        if first >= last:
            continue
        if out and first <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], last))
        else:
            out.append((first, last))
    return out


def without(span: Span, other: Span) -> list[Span]:
    """The parts of `span` outside `other`."""
    (first, last), (begin, end) = span, other
    if begin >= end:
        begin = end = last
    parts = [(first, min(last, begin)), (max(first, end), last)]
    return [part for part in parts if part[0] < part[1]]
