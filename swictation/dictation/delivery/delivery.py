"""Commits become text for the focused window, in order, with a line in the spool before and after.

An utterance belongs to the window that had the focus at its first words. What cannot go there is
held: nothing is dropped, nothing is sent twice, and no outcome causes a decode. What a window has
not taken yet is held as well; what follows waits for it a while, and is then held, too.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec

from swictation.asr.alignment import has_words
from swictation.audio.spool import Spool
from swictation.dictation.context import LoopContext
from swictation.dictation.delivery.held import HeldTexts
from swictation.dictation.delivery.pasting import Pasting
from swictation.dictation.delivery.sender import LOCKED, Sender, Sent
from swictation.dictation.delivery.unproven import Unproven, is_same
from swictation.errors import InjectError
from swictation.events import (
    Composed,
    HeldSettled,
    Injected,
    TextHeld,
    ThreadFailed,
)
from swictation.inject.injector import (
    OTHER_WINDOW,
    Focused,
    Injection,
    Injector,
    Target,
    Unknown,
)
from swictation.text.pipeline import TextPipeline
from swictation.text.stage import Insert, Item
from swictation.types import Commit

TOO_OLD = "it was spoken too long ago"


class _Piece(msgspec.Struct, frozen=True):
    commit: Commit
    number: int
    heard_s: float
    due_s: float
    epoch: int


class _UtteranceDelivery(msgspec.Struct):
    """An utterance that is being delivered."""

    target: Focused = Unknown()
    has_begun: bool = False
    held_for: str = ""
    """Why it and all that follows of it is held; "" while it is not."""
    doubt: str = ""
    """Why it is unknown whether all of it has arrived; "" while that is no question."""


class DeliveryRules(msgspec.Struct, frozen=True):
    """What may be sent, and when."""

    max_age_s: float = math.inf
    """Text spoken longer ago is held."""
    offers: bool = False
    """Whether held text is put on the clipboard."""
    patience_s: float = 10.0
    """How long later text waits for an unproven one, from when that was sent."""


class Delivery:
    """A task that does one job after the other: a piece, an offer, a request for held text.

    Its queue holds text, not sound: it is bounded by what is spoken while an injection lasts.
    """

    def __init__(
        self,
        context: LoopContext,
        injector: Injector,
        pipeline: TextPipeline,
        spool: Spool | None,
        rules: DeliveryRules,
    ) -> None:
        """Deliver to `injector`.

        Args:
            context: takes `Composed`, `Injected`, `TextHeld`, `TextDoubted` and `HeldSettled`.
            injector: where the text goes.
            pipeline: turns commits into what is sent.
            spool: where the lines are written, if anywhere.
            rules: what may be sent, and when.
        """
        self._injector = injector
        self._pipeline = pipeline
        self._post = context.post
        self._clock = context.clock
        self._rules = rules
        self._queue: asyncio.Queue[Callable[[], Awaitable[None]] | None] = asyncio.Queue()
        self._numbers = 0
        self._in_progress: dict[int, _UtteranceDelivery] = {}
        self._composed_for: Focused | None = None
        """The window whose text is continued; None until that is found out."""
        self._rewritten: TextPipeline | None = None
        self._task: asyncio.Task[None] | None = None
        self._sender = Sender(context, injector, spool, self._on_decided, rules.patience_s)
        self.held = HeldTexts()
        self._pasting = Pasting(injector, self._sender, self.held, context.post, self._settle)

    def lock(self, is_locked: bool) -> None:
        """Note that the screen was locked, or unlocked: while it is, everything is held."""
        self._sender.lock(is_locked)

    def start(self) -> None:
        """Begin to deliver."""
        self._sender.stop_waiting(is_over=False)
        self._task = asyncio.create_task(self._run())

    def stop_waiting(self) -> None:
        """Stop waiting for windows: text that would wait is held."""
        self._sender.stop_waiting()

    async def stop(self) -> None:
        """Deliver what is queued without waiting for a window, then end."""
        self.stop_waiting()
        self._queue.put_nowait(None)
        if self._task:
            await asyncio.gather(self._task, return_exceptions=True)

    def abandon(self) -> None:
        """End now: what is being sent stays in the spool as sent without an outcome."""
        if self._task:
            self._task.cancel()

    def rewrite(self, pipeline: TextPipeline) -> None:
        """Use `pipeline` from the next utterance on: one that has begun keeps its own."""
        self._rewritten = pipeline

    def put(self, commit: Commit, heard_s: float, due_s: float) -> None:
        """Queue a commit whose sound came in at `heard_s` and whose text was known at `due_s`."""
        self._numbers += 1
        piece = _Piece(commit, self._numbers, heard_s, due_s, self._sender.epoch)
        self._queue.put_nowait(partial(self._take, piece))

    def offer(self, utterance: int, text: str, reason: str) -> None:
        """Hold `text`, which comes too late to be typed unasked; its sound stays meanwhile."""
        epoch = self._sender.epoch
        self._queue.put_nowait(partial(self._take_offer, utterance, text, reason, epoch))

    def begin_dictation(self) -> None:
        """For `paste_last`, what comes now is a text of its own."""
        self._sender.typed.begin_dictation()

    def drop(self) -> None:
        """Deliver nothing of what waits or is held, and take back what a window has not taken."""
        self._in_progress.clear()
        self._pipeline.abandon()
        self._composed_for = None
        if self._sender.cancel():
            self._queue.put_nowait(self._injector.withdraw)
        self._settle(self.held.clear())

    async def paste_last(self) -> int:
        """Deliver the held texts in order, else the last text again; return how many.

        Raises:
            InjectError: there is none, or it cannot be delivered now.
        """
        asked: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._sender.ask(1)
        self._queue.put_nowait(partial(self._answer, asked))
        return await asked

    async def _run(self) -> None:
        try:
            while job := await self._queue.get():
                await job()
        except Exception as failure:  # noqa: BLE001 - the run loop must hear what ends it
            # Without its message: an encoder's, for one, quotes what it could not encode.
            self._post(ThreadFailed("delivery", type(failure).__name__))

    # --- a piece -----------------------------------------------------------------------------

    async def _take(self, piece: _Piece) -> None:
        commit = piece.commit
        if not self._is_wanted(piece):
            return
        if self._rewritten and not self._in_progress:
            self._pipeline, self._rewritten, self._composed_for = self._rewritten, None, None
        progress = self._in_progress.setdefault(commit.utterance, _UtteranceDelivery())
        if not progress.has_begun and has_words(commit.text):
            await self._begin(progress)
            if not self._is_wanted(piece):
                return
        items = self._pipeline.feed(commit)
        text = "".join(map(self._as_text, items))
        self._post(Composed(commit, piece.number, text, piece.due_s))
        injection = await self._deliver_all(progress, piece, items)
        if commit.final:
            self._in_progress.pop(commit.utterance, None)
        app = progress.target.app if isinstance(progress.target, Target) else ""
        self._tell(commit.utterance, piece.number, injection, app, is_last=commit.final)

    def _is_wanted(self, piece: _Piece) -> bool:
        return piece.epoch == self._sender.epoch

    async def _begin(self, progress: _UtteranceDelivery) -> None:
        """Give an utterance, at its first words, to the window that has the focus."""
        progress.has_begun = True
        progress.target = await self._injector.focus()
        if isinstance(progress.target, Unknown) and self._composed_for:
            return  # the text goes on where it was
        if not is_same(progress.target, self._composed_for):
            self._pipeline.follow(self._sender.typed.before(progress.target))
        self._composed_for = progress.target

    async def _deliver_all(
        self, progress: _UtteranceDelivery, piece: _Piece, items: list[Item]
    ) -> Injection:
        """Deliver the items one by one, in order; the outcome of the last."""
        if not items:
            return self._as_before(progress, piece.commit.utterance)
        for item in items[:-1]:
            injection = await self._deliver(progress, piece, self._as_text(item))
            self._tell(piece.commit.utterance, piece.number, injection)
        return await self._deliver(progress, piece, self._as_text(items[-1]))

    def _as_text(self, item: Item) -> str:
        """An item's text; a key that cannot be pressed becomes a blank between its neighbours."""
        if isinstance(item, Insert) or self._injector.capabilities.keys:
            return item.text
        return " "

    async def _deliver(self, progress: _UtteranceDelivery, piece: _Piece, text: str) -> Injection:
        utterance = piece.commit.utterance
        while (sent := await self._send(progress, piece, text)).unproven:
            await self._hold_unproven(piece, sent.unproven)
            if not sent.rest:
                return sent.injection
            self._tell(utterance, piece.number, sent.injection)
            text = sent.rest
        if sent.is_doubtful:
            progress.doubt = sent.injection.reason
        reason = sent.injection.reason
        is_part = progress.held_for or reason != OTHER_WINDOW  # of what is held anyway
        is_worth_it = has_words(sent.rest) or (sent.rest and is_part)
        if is_worth_it and self._is_wanted(piece):
            progress.held_for = reason
            await self._hold(utterance, sent.rest, reason)
        return sent.injection

    def _as_before(self, progress: _UtteranceDelivery, utterance: int) -> Injection:
        """The outcome of a piece without text: that of what came before it."""
        if progress.held_for:
            return Injection("refused", reason=progress.held_for)
        if utterance in {one.utterance for one in self.held.pending}:
            return Injection("unproven", reason=self.held.reason)
        return Injection("partial" if progress.doubt else "typed", reason=progress.doubt)

    async def _send(self, progress: _UtteranceDelivery, piece: _Piece, text: str) -> Sent:
        """Send `text` once its window has taken what came before it."""
        followed, utterance = self._composed_for, piece.commit.utterance
        if not progress.held_for:
            await self._sender.wait_for(progress.target, piece.epoch)
        if reason := progress.held_for or self._reason_to_hold(progress, piece):
            return Sent(Injection("refused", reason=reason), text)  # joined when it is asked for
        if followed and not self._composed_for:  # what it was composed to follow is not there
            text = self._sender.typed.joined(utterance, text, progress.target)
        return await self._sender.send(utterance, piece.number, text, progress.target, piece.epoch)

    def _reason_to_hold(self, progress: _UtteranceDelivery, piece: _Piece) -> str:
        if one := self._sender.blocker(progress.target):
            return one.wait
        if self._sender.is_locked:
            return LOCKED
        return TOO_OLD if self._clock.now_s() - piece.heard_s > self._rules.max_age_s else ""

    def _tell(
        self,
        utterance: int,
        number: int,
        injection: Injection,
        app: str = "",
        *,
        is_last: bool = False,
    ) -> None:
        is_held = utterance in self.held.utterances
        outcome, reason = injection.outcome, injection.reason
        self._post(Injected(utterance, number, is_last, outcome, reason, is_held, app))

    # --- what is held ------------------------------------------------------------------------

    async def _take_offer(self, utterance: int, text: str, reason: str, epoch: int) -> None:
        if epoch == self._sender.epoch:
            await self._hold(utterance, text, reason)
        else:  # cancelled meanwhile
            self._settle(frozenset({utterance}))

    async def _hold(self, utterance: int, text: str, reason: str) -> None:
        self.held.add(utterance, text, reason)
        self._composed_for = None  # what follows cannot join on to what is not there
        await self._tell_held()

    async def _hold_unproven(self, piece: _Piece, one: Unproven) -> None:
        """Hold it; what follows is composed as if it were there, and sent only if it is."""
        if self._is_wanted(piece):
            self.held.add_unproven(one)
            await self._tell_held()

    async def _tell_held(self) -> None:
        """Report what is held; offer it on the clipboard unless a window may still read that."""
        is_offered = False
        may_offer = self._rules.offers and not self._sender.is_locked
        if may_offer and self.held and not self.held.pending:
            is_offered = await self._injector.offer(self.held.whole)
        if held := self.held:  # else it was cancelled meanwhile
            self._post(TextHeld(len(held), held.reason, is_offered, len(held.pending)))

    def _on_decided(self, one: Unproven) -> None:
        """Deal with a text that has arrived, or never will, or may have."""
        if not self.held.decide(one):
            self._composed_for = None  # it was cancelled: nothing was composed to follow it
            return
        is_doubtful = one.verdict is None and self._sender.doubt(one.utterance, one.text, one.end)
        for number, progress in self._in_progress.items():
            never_came = one.verdict is False and number == one.utterance
            if never_came or progress.held_for == one.wait:
                progress.held_for = one.end
            if is_doubtful and number == one.utterance:
                progress.doubt = one.end
        if one.verdict is False:
            self._composed_for = None
        reason = "" if one.verdict else one.end
        self._tell(one.utterance, one.number, Injection(one.outcome, reason=reason))
        self._settle(frozenset({one.utterance}) - self.held.utterances)
        self._queue.put_nowait(self._tell_held)

    async def _answer(self, asked: asyncio.Future[int]) -> None:
        self._sender.ask(-1)
        self._composed_for = None
        epoch, is_held = self._sender.epoch, bool(self.held)
        target = await self._injector.focus()
        try:
            count = await self._pasting.paste(target, epoch)
        except InjectError as error:
            if not asked.done():  # the caller may have left
                asked.set_exception(error)
            return
        if is_held:
            for progress in self._in_progress.values():  # the rest of an open utterance goes here
                progress.target, progress.held_for = target, ""
        if not asked.done():
            asked.set_result(count)

    def _settle(self, utterances: frozenset[int]) -> None:
        """Report that none of these is held any more; an open one is settled at its end."""
        if utterances:
            self._post(HeldSettled(tuple(sorted(utterances - self._in_progress.keys()))))
