"""The utterances of a simulated day, and which of them wait for their text."""

from collections import deque

import msgspec


class Request(msgspec.Struct):
    """An utterance that has ended and has no text yet."""

    audio_s: float
    left_s: float
    """Seconds still to be decoded."""
    is_cpu_only: bool = False
    """The GPU had no room for it, even in halves."""


class Speech(msgspec.Struct):
    """Utterances in order; the first that waits is decoded next."""

    is_listening: bool = False
    is_speaking: bool = False
    waiting: deque[Request] = msgspec.field(default_factory=deque[Request])
    at_work: Request | None = None

    @property
    def is_busy(self) -> bool:
        """Whether an utterance is open, or is being decoded."""
        return self.is_speaking or self.at_work is not None

    @property
    def backlog_s(self) -> float:
        return sum(request.audio_s for request in self.waiting)

    def take(self) -> Request:
        """Start on the first that waits."""
        self.at_work = self.waiting.popleft()
        return self.at_work

    def again(self) -> None:
        """Put the current utterance first again, whole: its worker has ended, or refused it."""
        if self.at_work:
            self.at_work.left_s = self.at_work.audio_s
            self.waiting.appendleft(self.at_work)
        self.at_work = None
