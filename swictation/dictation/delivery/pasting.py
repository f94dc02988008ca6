"""`paste-last`: the held texts in order, else the last dictation again."""

from collections.abc import Callable

from swictation.dictation.delivery.held import HeldTexts
from swictation.dictation.delivery.sender import LOCKED, Sender, Sent
from swictation.dictation.delivery.typed import AGAIN
from swictation.dictation.delivery.unproven import Unproven, is_same
from swictation.errors import InjectError
from swictation.events import Event, Injected
from swictation.inject.injector import Focused, Injector, Target


class Pasting:
    """Types only what is not known to have arrived, and nothing before what may yet arrive."""

    def __init__(
        self,
        injector: Injector,
        sender: Sender,
        held: HeldTexts,
        post: Callable[[Event], None],
        settle: Callable[[frozenset[int]], None],
    ) -> None:
        """`settle` is called with the utterances of which nothing is held any more."""
        self._injector = injector
        self._sender = sender
        self._held = held
        self._post = post
        self._settle = settle

    async def paste(self, target: Focused, epoch: int) -> int:
        """Type into `target`, which has the focus; return how many texts were typed.

        Raises:
            InjectError: there is none, it cannot be delivered now, or it was cancelled.
        """
        if self._sender.is_locked:
            raise InjectError(f"Nothing is typed: {LOCKED}.")
        self._sender.look()
        if not self._held and epoch == self._sender.epoch:
            return await self._paste_again(target, epoch)
        await self._take_back(target)
        self._check_not_cancelled(epoch)
        count = 0
        while first := self._held.first:
            if one := first.unproven or self._sender.blocker(target):
                raise _not_taken(one, target)
            text = self._sender.typed.joined(first.utterance, first.text, target)
            sent = await self._sender.send(first.utterance, 0, text, target, epoch)
            self._tell(first.utterance, sent)
            if epoch == self._sender.epoch:
                self._keep(sent)
            if sent.unproven:
                await self._sender.wait_for(target, epoch)
            self._check_not_cancelled(epoch)
            if sent.failed:
                raise _not_delivered(sent)
            count += not sent.rest
        return count

    def _check_not_cancelled(self, epoch: int) -> None:
        if epoch != self._sender.epoch:
            raise InjectError("The held texts were cancelled.")

    async def _take_back(self, target: Focused) -> None:
        """Withdraw what another window has not taken, so that it can go to this one."""
        pending = self._held.pending
        is_elsewhere = not any(is_same(one.target, target) for one in pending)
        if isinstance(target, Target) and pending and is_elsewhere:
            await self._injector.withdraw()
            self._sender.look()

    def _keep(self, sent: Sent) -> None:
        """Keep the unsent rest of the first held text: what is sent is never sent again."""
        first, before = self._held.first, self._held.utterances
        if first and sent.injection.outcome != "refused":
            # It may have been sent with another space before it than it is held with.
            left = len(first.text) if sent.rest and not sent.injection.sent else len(sent.rest)
            self._held.sent(len(first.text) - left, sent.unproven)
        self._settle(before - self._held.utterances)

    async def _paste_again(self, target: Focused, epoch: int) -> int:
        typed = self._sender.typed
        text = typed.whole
        if not text and typed.may_repeat:
            raise InjectError("There is no text yet.", "dictate something first")
        if not typed.may_repeat:
            raise InjectError(
                "Nothing is held, and the last dictation is not typed again: "
                "some of it arrived late, or may not have arrived.",
                "dictate it again",
            )
        if one := self._sender.blocker(target):
            raise _not_taken(one, target)
        if (stands := typed.before(target)) and not stands[-1].isspace():
            text = f" {text}"
        sent = await self._sender.send_again(text, target, epoch)
        self._tell(AGAIN, sent)
        if sent.unproven:
            await self._sender.wait_for(target, epoch)
            if not sent.unproven.proof.done():
                raise _not_taken(sent.unproven, target)
        if sent.rest or sent.failed:
            raise _not_delivered(sent, "" if sent.injection.sent else "It can be asked for again.")
        return 1

    def _tell(self, utterance: int, sent: Sent) -> None:
        injection = sent.injection
        self._post(Injected(utterance, 0, False, injection.outcome, injection.reason))


def _not_delivered(sent: Sent, so: str = "It is still held.") -> InjectError:
    if (one := sent.unproven) and one.verdict is None:
        what = f"It is unknown whether all of the text has arrived: {one.end}."
        return InjectError(f"{what} It is not typed again.", "look at that window")
    return InjectError(
        f"The text cannot be typed: {sent.injection.reason}. {so}".rstrip(),
        "put the cursor where the text should go, then: swictation paste-last",
    )


def _not_taken(one: Unproven, target: Focused) -> InjectError:
    here = is_same(one.target, target)
    do = "put the cursor into another window" if here else "close that window"
    return InjectError(
        f"{one.window} has not taken a text yet and may still do so: nothing is typed before it.",
        f"wait until it has, or {do}, then: swictation paste-last",
    )
