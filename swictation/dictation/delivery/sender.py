"""Sends one text to the injector, with a line in the spool before and after, and keeps account.

A text that a window was told to take and has not taken blocks all that follows it.
"""

import asyncio
import contextlib
from collections.abc import Callable

import msgspec

from swictation.asr.alignment import has_words
from swictation.audio.spool import Spool
from swictation.dictation.context import LoopContext
from swictation.dictation.delivery.typed import AGAIN, LastTyped
from swictation.dictation.delivery.unproven import Unproven
from swictation.events import TextDoubted
from swictation.inject.injector import Focused, Injection, Injector, Target

CANCELLED = "it was cancelled"
LOCKED = "the screen is locked"
_DISK_PATIENCE_S = 1.0


class Sent(msgspec.Struct, frozen=True):
    """The outcome of sending a text."""

    injection: Injection
    rest: str
    """The part that was not handed over."""
    unproven: Unproven | None = None
    """The part that may still arrive by itself."""
    is_doubtful: bool = False
    """Whether some of it may have arrived or not, and that cannot be found out."""

    @property
    def failed(self) -> bool:
        """Whether it is certain by now that not all that was tried has arrived."""
        if self.unproven:
            return self.unproven.proof.done() and not self.unproven.verdict
        return bool(self.rest)


class Sender:
    """Used on the run loop. Each cancel raises `epoch`: text of an older one is not sent.

    Args:
        context: takes `TextDoubted`.
        injector: where the text goes.
        spool: where the lines are written, if anywhere.
        on_decided: called with what was unproven.
        patience_s: see `DeliveryRules`.
    """

    def __init__(
        self,
        context: LoopContext,
        injector: Injector,
        spool: Spool | None,
        on_decided: Callable[[Unproven], None],
        patience_s: float,
    ) -> None:
        self._injector = injector
        self._spool = spool
        self._post = context.post
        self._clock = context.clock
        self._on_decided = on_decided
        self._patience_s = patience_s
        self._unproven: list[Unproven] = []
        self._changed = asyncio.Event()
        self._is_locked = False
        self._waits_no_more = False
        self._others = 0
        self.typed = LastTyped()
        self.epoch = 0

    @property
    def is_locked(self) -> bool:
        """Whether the screen is locked: then nothing is sent."""
        return self._is_locked

    def lock(self, is_locked: bool) -> None:
        """Note that the screen was locked, or unlocked."""
        self._is_locked = is_locked
        self._changed.set()

    def stop_waiting(self, *, is_over: bool = True) -> None:
        """Wait for no window from now on."""
        self._waits_no_more = is_over
        self._changed.set()

    def ask(self, change: int) -> None:
        """One request more, or less, is queued: what is ahead of it does not wait for a window."""
        self._others += change
        self._changed.set()

    def cancel(self) -> bool:
        """Send nothing of what is queued; return whether a window may still take some."""
        self.epoch += 1
        self._changed.set()
        return bool(self._unproven)

    async def send(
        self, utterance: int, number: int, text: str, target: Focused, epoch: int
    ) -> Sent:
        """Send `text`, unless it was cancelled or the screen locked while the line was written."""
        if self._spool:
            intent = self._spool.note(utterance, "intent", n=number, text=text)
            # A disk that does not answer stops no text: the line follows once it does.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.wrap_future(intent), _DISK_PATIENCE_S)
        if epoch != self.epoch or self.is_locked:
            injection = Injection("refused", reason=LOCKED if self.is_locked else CANCELLED)
        else:
            injection = await self._injector.inject(text, _into(target))
        self._note_done(utterance, number, injection.outcome)
        sent = self._account(utterance, number, text, target, injection)
        return await self._unless_cancelled(sent, epoch)

    async def send_again(self, text: str, target: Focused, epoch: int) -> Sent:
        """Send text that has arrived before: no utterance's sound depends on it."""
        injection = await self._injector.inject(text, _into(target))
        sent = self._account(AGAIN, 0, text, target, injection)
        return await self._unless_cancelled(sent, epoch)

    async def _unless_cancelled(self, sent: Sent, epoch: int) -> Sent:
        """Take back what was cancelled while it was sent: `cancel` could not know of it yet."""
        if sent.unproven and epoch != self.epoch:
            await self._injector.withdraw()
        return sent

    async def wait_for(self, target: Focused, epoch: int) -> None:
        """Wait until nothing blocks `target`; not beyond patience, nor while requests are queued.

        `cancel`, `lock`, `stop_waiting` and `ask` end it.
        """
        while one := self.blocker(target):
            if epoch != self.epoch or self.is_locked or self._waits_no_more or self._others:
                return
            self._changed.clear()
            left_s = one.since_s + self._patience_s - self._clock.now_s()
            try:
                async with asyncio.timeout(left_s):
                    await self._changed.wait()
            except TimeoutError:
                return

    def blocker(self, target: Focused) -> Unproven | None:
        """What `target` has to take first, if anything."""
        self.look()
        return next((one for one in self._unproven if one.is_in_the_way_of(target)), None)

    def look(self) -> None:
        """Deal with unproven texts that are decided by now."""
        for one in [one for one in self._unproven if one.proof.done()]:
            self._unproven.remove(one)
            self._decide(one)
            self._changed.set()

    def _decide(self, one: Unproven) -> None:
        if one.utterance != AGAIN:
            self._note_done(one.utterance, one.number, one.outcome)
        if one.verdict:
            self.typed.note_late(one)
        self._on_decided(one)

    def _note_done(self, utterance: int, number: int, outcome: str) -> None:
        if self._spool:
            self._spool.note(utterance, "done", n=number, outcome=outcome)

    def _account(
        self, utterance: int, number: int, text: str, target: Focused, injection: Injection
    ) -> Sent:
        """Divide `text` into what has arrived, may yet arrive, is in doubt, and was not sent."""
        if injection.outcome in {"typed", "confirmed"}:
            self.typed.note(target, utterance, text)
            return Sent(injection, "")
        sent, confirmed = injection.sent, injection.confirmed
        rest, open_text = text[sent:], text[confirmed:sent]
        if injection.proof is None or not open_text:
            self.typed.note(target, utterance, text[:sent])  # it is joined as if it stood there
            if sent:
                self.typed.doubt()
            is_doubtful = self.doubt(utterance, open_text, injection.reason)
            return Sent(injection, rest, is_doubtful=is_doubtful)
        self.typed.note(target, utterance, text[:confirmed])
        self.typed.doubt()
        one = Unproven(
            injection.proof,
            target,
            utterance,
            number,
            open_text,
            self.typed.dictation,
            self.typed.last,
            self._clock.now_s(),
        )
        self._unproven.append(one)
        injection.proof.add_done_callback(lambda _: self.look())
        return Sent(injection, rest, one)

    def doubt(self, utterance: int, text: str, reason: str) -> bool:
        """Report that `text` may have arrived or not; False if wordless, or typed once more."""
        is_doubtful = has_words(text) and utterance != AGAIN
        if is_doubtful:
            self._post(TextDoubted(utterance, reason))
        return is_doubtful


def _into(target: Focused) -> Target | None:
    """The window that has to have the focus, if it is known at all."""
    return target if isinstance(target, Target) else None
