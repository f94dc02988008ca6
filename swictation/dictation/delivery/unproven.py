"""A text that its window has been told to take and has not taken yet."""

import asyncio

import msgspec

from swictation.inject.injector import Focused, Outcome, Target


class Unproven(msgspec.Struct, frozen=True, eq=False):
    """Text that may still arrive by itself, its window, and the proof that will decide."""

    proof: asyncio.Future[bool | None]
    target: Focused
    """No `Target` where it is not known which window has it."""
    utterance: int
    number: int
    """Of its piece; 0: it was asked for."""
    text: str
    dictation: int
    before: object
    """What was typed last when it was sent."""
    since_s: float

    @property
    def window(self) -> str:
        """Which window it is, for people."""
        return (self.target.app if isinstance(self.target, Target) else "") or "the window"

    @property
    def verdict(self) -> bool | None:
        """Whether the window took it, once the proof is done; None if that will never be known."""
        if self.proof.cancelled() or self.proof.exception():
            return None
        proven: object = self.proof.result()  # a plug-in's may be anything
        return proven if isinstance(proven, bool) else None

    @property
    def outcome(self) -> Outcome:
        """Its outcome, once the proof is done."""
        outcomes: dict[bool | None, Outcome] = {True: "confirmed", False: "refused"}
        return outcomes.get(self.verdict, "partial")

    @property
    def wait(self) -> str:
        """Why it is held, and all that follows it."""
        return f"{self.window} has not taken a text yet"

    @property
    def end(self) -> str:
        """Once that is decided: why the rest is held, and the text itself if it has not arrived."""
        if self.verdict is None:
            return f"{self.window} may or may not have taken a text"
        return f"{self.window} {'took a text too late' if self.verdict else 'did not take a text'}"

    def is_in_the_way_of(self, target: Focused) -> bool:
        """Whether `target` must wait for it; it must where either window is unknown."""
        are_known = isinstance(self.target, Target) and isinstance(target, Target)
        return not are_known or is_same(self.target, target)


def is_same(one: Focused | None, other: Focused | None) -> bool:
    """Whether both are known, and the same window."""
    return isinstance(one, Target) and isinstance(other, Target) and one.id == other.id
