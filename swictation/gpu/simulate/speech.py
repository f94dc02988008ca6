"""What is said in a simulated day, and which of it waits for its text."""

from collections import deque

import msgspec


class Request(msgspec.Struct):
    """An utterance that has ended and has no text yet."""

    audio_s: float
    left_s: float
    """Of it still to be decoded."""
    is_cpu_only: bool = False
    """The card had no room for it, even in halves."""
    was_cut: bool = False

    def begin_anew(self) -> None:
        """All of it is to be decoded."""
        self.left_s = self.audio_s

    def decoded(self, seconds: float) -> None:
        """So much of it is."""
        self.left_s -= seconds

    def refuse_gpu(self) -> None:
        self.is_cpu_only = True


class Speech:
    """Utterances in their order; the first that waits is the next that is worked on."""

    def __init__(self) -> None:
        self.is_listening = False
        self.is_speaking = False
        self.waiting: deque[Request] = deque()
        self.at_work: Request | None = None

    @property
    def is_busy(self) -> bool:
        """Whether an utterance is open, or is worked on."""
        return self.is_speaking or self.at_work is not None

    @property
    def backlog_s(self) -> float:
        return sum(request.audio_s for request in self.waiting)

    def listen(self, *, is_listening: bool) -> None:
        self.is_listening = is_listening

    def began(self) -> None:
        self.is_speaking = True

    def answered(self) -> None:
        self.at_work = None

    def ended(self, audio_s: float) -> None:
        self.is_speaking = False
        self.waiting.append(Request(audio_s, audio_s))

    def take(self) -> Request:
        """The first that waits is worked on."""
        self.at_work = self.waiting.popleft()
        return self.at_work

    def again(self) -> None:
        """What was worked on comes first again, whole: its worker is gone, or refused it."""
        if self.at_work:
            self.at_work.begin_anew()
            self.waiting.appendleft(self.at_work)
        self.at_work = None
