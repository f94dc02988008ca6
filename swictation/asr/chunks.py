"""Where an utterance is decoded while it still goes on, for an engine that streams. Pure.

Chunk ends are counted in samples from the utterance's first one, and are due a little after all
sound before them was heard. What is decoded is therefore a function of the sound, however late the
engine or its listeners are. A pause has none, because it has its own decodes.
"""

from swictation.types import (
    FRAME_SAMPLES,
    Chunking,
    Point,
    SilenceNoticed,
    SpeechEnded,
    SpeechResumed,
    SpeechStarted,
    to_samples,
)

_MARGIN = to_samples(0.1)
"""A pause is noticed up to two frames after the end of its decode; no chunk may end in between."""


class ChunkEnd(Point, frozen=True):
    """The engine may bring more of the open utterance, up to `at_sample`."""


class ChunkEnds:
    """The chunk ends of one stream. Its inputs come in the order in which they were heard."""

    def __init__(self) -> None:
        self._utterance = -1
        self._next_sample = 0
        self._every = 0
        """0: no utterance is open, or its engine does not stream."""
        self._is_silent = False

    def before(self, point: Point, chunking: Chunking | None) -> list[Point]:
        """Return the chunk ends that are due before `point`, then `point` itself.

        `chunking` applies to an utterance that begins there.
        """
        due = self._due(point.at_sample)
        match point:
            case SpeechStarted(first_sample=first):
                self._utterance, self._is_silent = point.utterance, False
                self._every = chunking.every_samples if chunking else 0
                self._next_sample = first + (chunking.first_samples if chunking else 0)
            case SilenceNoticed():
                self._is_silent = True
            case SpeechResumed():
                self._is_silent = False
            case SpeechEnded():
                self._every = 0
            case _:
                pass
        return [*due, point]

    def heard(self, sample: int) -> list[Point]:
        """Return what is due once all points up to a frame before `sample` have been passed on."""
        return self._due(sample - FRAME_SAMPLES)

    def _due(self, sample: int) -> list[Point]:
        due: list[Point] = []
        while self._every and self._next_sample <= sample - _MARGIN:
            if not self._is_silent:
                due.append(ChunkEnd(self._utterance, self._next_sample))
            self._next_sample += self._every
        return due
