"""What is said in a simulated day, and which of it waits for its text."""

from collections import deque

import msgspec


class Request(msgspec.Struct):
    """An utterance that has ended and has no text yet."""

    audio_s: float
    left_s: float
    """Of it still to be decoded."""
    is_cpu_only: bool = False
    """The GPU had no room for it, even in halves."""


class Speech(msgspec.Struct):
    """Utterances in their order; the first that waits is the next that is worked on."""

    is_listening: bool = False
    is_speaking: bool = False
    waiting: deque[Request] = msgspec.field(default_factory=deque[Request])
    at_work: Request | None = None

    @property
    def is_busy(self) -> bool:
        """Whether an utterance is open, or is worked on."""
        return self.is_speaking or self.at_work is not None

    @property
    def backlog_s(self) -> float:
        return sum(request.audio_s for request in self.waiting)

    def take(self) -> Request:
        """The first that waits is worked on."""
        self.at_work = self.waiting.popleft()
        return self.at_work

    def again(self) -> None:
        """What was worked on comes first again, whole: its worker is gone, or refused it."""
        if self.at_work:
            self.at_work.left_s = self.at_work.audio_s
            self.waiting.appendleft(self.at_work)
        self.at_work = None
