"""Commits become text for the focused window, in order, with a line in the spool before and after.

An utterance belongs to the window that had the focus at its first words. What cannot go there is
held: nothing is dropped, nothing is sent twice, and no outcome causes a decode.
"""

import asyncio
import contextlib
import math
from collections.abc import Callable

import msgspec

from swictation.asr.alignment import has_words
from swictation.audio.spool import Spool
from swictation.clock import Clock
from swictation.daemon.held import HeldText, HeldTexts
from swictation.errors import InjectError
from swictation.events import (
    Composed,
    Event,
    HeldSettled,
    Injected,
    TextHeld,
    ThreadFailed,
)
from swictation.inject.injector import OTHER_WINDOW, Injection, Injector, Target
from swictation.text.compose import Composer
from swictation.types import Commit

CANCELLED = "it was cancelled"
LOCKED = "the screen is locked"
TOO_OLD = "it was spoken too long ago"
_DISK_PATIENCE_S = 1.0
_AGAIN = -1
"""In place of an utterance: text that was typed once more."""


class _Piece(msgspec.Struct, frozen=True):
    commit: Commit
    number: int
    heard_s: float
    due_s: float
    epoch: int


class _Ask(msgspec.Struct, frozen=True):
    """Somebody asked for the held texts."""

    answer: asyncio.Future[int]


class _Offer(msgspec.Struct, frozen=True):
    """A text that is not to be typed by itself."""

    utterance: int
    text: str
    reason: str
    epoch: int


class _Case(msgspec.Struct):
    """An utterance that is being delivered."""

    target: Target | None = None
    has_begun: bool = False
    held_for: str = ""
    """Why it is held, and all that follows of it; "" while it is not."""


class _Typed(msgspec.Struct, frozen=True):
    """What was typed last, of which utterance, and where."""

    target: Target | None
    utterance: int
    text: str


class Delivery:
    """A task that delivers one piece after the other.

    Its queue holds text, not sound: it is bounded by what is spoken while an injection lasts.
    """

    def __init__(
        self,
        injector: Injector,
        composer: Composer,
        spool: Spool | None,
        post: Callable[[Event], None],
        clock: Clock,
        *,
        max_age_s: float = math.inf,
        offers: bool = False,
    ) -> None:
        """Deliver to `injector`.

        Args:
            injector: where the text goes.
            composer: joins the pieces.
            spool: where the lines are written, if anywhere.
            post: takes `Composed`, `Injected`, `TextHeld` and `HeldSettled`.
            clock: tells the age of a piece.
            max_age_s: what was spoken longer ago is held.
            offers: whether held text is put on the clipboard.
        """
        self._injector = injector
        self._composer = composer
        self._spool = spool
        self._post = post
        self._clock = clock
        self._max_age_s = max_age_s
        self._offers = offers
        self._queue: asyncio.Queue[_Piece | _Ask | _Offer | None] = asyncio.Queue()
        self._numbers = 0
        self._epoch = 0
        self._cases: dict[int, _Case] = {}
        self._composed_for: Target | None = None
        """The window whose text the composer goes on with; None while that must be found out."""
        self._rewritten: Composer | None = None
        self._typed: _Typed | None = None
        self._last_text = ""
        self._is_new_dictation = True
        self._task: asyncio.Task[None] | None = None
        self.held = HeldTexts()
        self.is_locked = False
        """Whether the screen is locked: then everything is held."""

    def start(self) -> None:
        """Begin to deliver."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Deliver what is queued, then end."""
        self._queue.put_nowait(None)
        if self._task:
            await asyncio.gather(self._task, return_exceptions=True)

    def abandon(self) -> None:
        """End now: what is being sent stays in the spool as sent without an outcome."""
        if self._task:
            self._task.cancel()

    def rewrite(self, composer: Composer) -> None:
        """Join by other rules from the next utterance on: one that has begun keeps its own."""
        self._rewritten = composer

    def put(self, commit: Commit, heard_s: float, due_s: float) -> None:
        """Queue a commit whose sound came in at `heard_s` and whose text was known at `due_s`."""
        self._numbers += 1
        self._queue.put_nowait(_Piece(commit, self._numbers, heard_s, due_s, self._epoch))

    def offer(self, utterance: int, text: str, reason: str) -> None:
        """Hold `text`, which comes too late to be typed by itself; its sound stays meanwhile."""
        self._queue.put_nowait(_Offer(utterance, text, reason, self._epoch))

    def begin_dictation(self) -> None:
        """What comes now is a text of its own for `paste_last`."""
        self._is_new_dictation = True

    def drop(self) -> None:
        """Deliver nothing of what waits or is held."""
        self._epoch += 1
        self._cases.clear()
        self._composer.abandon()
        self._composed_for = None
        self._settle(self.held.clear())

    async def paste_last(self) -> int:
        """Deliver the held texts in order, else the last text again; how many were delivered.

        Raises:
            InjectError: there is none, or it cannot be delivered now.
        """
        asked: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait(_Ask(asked))
        return await asked

    async def _run(self) -> None:
        try:
            while job := await self._queue.get():
                if isinstance(job, _Ask):
                    await self._answer(job)
                elif isinstance(job, _Offer):
                    await self._take_offer(job)
                else:
                    await self._take(job)
        except Exception as failure:  # noqa: BLE001 - the run loop must hear what ends it
            # Its text is not told: an encoder's, for one, quotes what it could not encode.
            self._post(ThreadFailed("delivery", type(failure).__name__))

    async def _take(self, piece: _Piece) -> None:
        commit = piece.commit
        if piece.epoch != self._epoch:
            return
        if self._rewritten and not self._cases:
            self._composer, self._rewritten, self._composed_for = self._rewritten, None, None
        case = self._cases.setdefault(commit.utterance, _Case())
        if not case.has_begun and has_words(commit.text):
            await self._begin(case)
            if piece.epoch != self._epoch:
                return
        text = self._composer.append(commit)
        self._post(Composed(commit, piece.number, text, piece.due_s))
        injection = await self._send(case, piece, text)
        if commit.final:
            self._cases.pop(commit.utterance, None)
        is_held = commit.utterance in self.held.utterances
        self._post(
            Injected(
                commit.utterance,
                piece.number,
                commit.final,
                injection.outcome,
                injection.reason,
                is_held,
            )
        )

    async def _take_offer(self, offer: _Offer) -> None:
        if offer.epoch == self._epoch:
            await self._hold(offer.utterance, offer.text, offer.reason)
        else:  # cancelled meanwhile
            self._settle(frozenset({offer.utterance}))

    async def _begin(self, case: _Case) -> None:
        """The utterance's first words: from now on it belongs to the window that has the focus."""
        case.has_begun = True
        case.target = await self._injector.focus()
        if not _is_same(case.target, self._composed_for):
            typed = self._typed
            is_ours = typed is not None and _is_same(case.target, typed.target)
            self._composer.follow(typed.text if typed and is_ours else "")
        self._composed_for = case.target

    async def _send(self, case: _Case, piece: _Piece, text: str) -> Injection:
        utterance = piece.commit.utterance
        if not text:  # so nothing is amiss with it, but perhaps with what came before it
            return Injection("refused" if case.held_for else "typed", reason=case.held_for)
        reason = case.held_for or self._reason_to_hold(piece)
        if reason:
            injection = Injection("refused", reason=reason)
        else:
            injection = await self._inject(utterance, piece.number, text, case.target, piece.epoch)
        rest = _rest(text, injection)
        is_part = case.held_for or injection.reason != OTHER_WINDOW  # of what is held anyway
        is_worth_it = has_words(rest) or (rest and is_part)
        if is_worth_it and piece.epoch == self._epoch:
            case.held_for = injection.reason
            await self._hold(utterance, rest, injection.reason)
        return injection

    def _reason_to_hold(self, piece: _Piece) -> str:
        if self.is_locked:
            return LOCKED
        return TOO_OLD if self._clock.now_s() - piece.heard_s > self._max_age_s else ""

    async def _inject(
        self, utterance: int, number: int, text: str, target: Target | None, epoch: int
    ) -> Injection:
        """Send `text`, unless it was cancelled or the screen locked while the line was written."""
        if self._spool:
            intent = self._spool.note(utterance, "intent", n=number, text=text)
            # A disk that does not answer stops no text: the line follows once it does.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.wrap_future(intent), _DISK_PATIENCE_S)
        if epoch != self._epoch or self.is_locked:
            injection = Injection("refused", reason=LOCKED if self.is_locked else CANCELLED)
        else:
            injection = await self._injector.inject(text, target)
        if self._spool:
            self._spool.note(utterance, "done", n=number, outcome=injection.outcome)
        if not number:  # asked for by paste-last
            self._tell(utterance, injection)
        self._note_typed(target, utterance, text.removesuffix(_rest(text, injection)))
        return injection

    def _tell(self, utterance: int, injection: Injection) -> None:
        self._post(Injected(utterance, 0, False, injection.outcome, injection.reason))

    def _note_typed(self, target: Target | None, utterance: int, text: str) -> None:
        if text:
            self._typed = _Typed(target, utterance, text)
            self._last_text = text if self._is_new_dictation else self._last_text + text
            self._is_new_dictation = False

    async def _hold(self, utterance: int, text: str, reason: str) -> None:
        self.held.add(utterance, text, reason)
        self._composed_for = None  # what follows cannot join on to what is not there
        is_offered = False
        if self._offers and not self.is_locked:
            is_offered = await self._injector.offer(self.held.whole)
        if self.held:  # else it was cancelled meanwhile
            self._post(TextHeld(len(self.held), reason, is_offered))

    async def _answer(self, ask: _Ask) -> None:
        try:
            count = await self._paste()
        except InjectError as error:
            if not ask.answer.done():  # whoever asked may have left
                ask.answer.set_exception(error)
        else:
            if not ask.answer.done():
                ask.answer.set_result(count)

    async def _paste(self) -> int:
        if self.is_locked:
            raise InjectError(f"Nothing is typed: {LOCKED}.")
        target = await self._injector.focus()
        if not self.held:
            return await self._paste_again(target)
        count, epoch = 0, self._epoch
        while first := self.held.first:
            text = self._joined(first, target)
            injection = await self._inject(first.utterance, 0, text, target, epoch)
            if epoch != self._epoch:
                raise InjectError("The held texts were cancelled.")
            self._composed_for = None
            rest = _rest(text, injection)
            self._keep_rest(first, rest if injection.sent else first.text if rest else "")
            if rest:
                raise _not_delivered(injection)
            count += 1
        for case in self._cases.values():  # what is still being said goes on here
            case.target, case.held_for = target, ""
        return count

    def _joined(self, held: HeldText, target: Target | None) -> str:
        """The text as it follows what was typed last, if that stands in the same window."""
        typed = self._typed
        if typed is None or not _is_same(target, typed.target):
            return held.text.lstrip()
        if typed.utterance == held.utterance:
            return held.text
        space = "" if typed.text.endswith(" ") else " "  # one may have left on its own
        return f"{space}{held.text.lstrip()}"

    async def _paste_again(self, target: Target | None) -> int:
        text = self._last_text.strip()
        typed = self._typed
        if typed and _is_same(target, typed.target) and not typed.text.endswith(" "):
            text = f" {text}"
        if not text.strip():
            raise InjectError("There is no text yet.", "dictate something first")
        if self.is_locked:
            raise InjectError(f"Nothing is typed: {LOCKED}.")
        injection = await self._injector.inject(text, target)
        self._tell(_AGAIN, injection)
        if _rest(text, injection):
            raise _not_delivered(injection, "It can be asked for again.")
        self._typed, self._composed_for = _Typed(target, _AGAIN, text), None
        return 1

    def _keep_rest(self, held: HeldText, rest: str) -> None:
        """Of the first that is held `rest` is left: what is sent is never sent again."""
        before = self.held.utterances
        self.held.sent(len(held.text) - len(rest))
        self._settle(before - self.held.utterances)

    def _settle(self, utterances: frozenset[int]) -> None:
        over = tuple(sorted(utterances - self._cases.keys()))
        if over:
            self._post(HeldSettled(over))


def _is_same(one: Target | None, other: Target | None) -> bool:
    return one is not None and other is not None and one.id == other.id


def _rest(text: str, injection: Injection) -> str:
    """What of `text` was not handed over."""
    return text[injection.sent :] if injection.outcome in {"refused", "partial"} else ""


def _not_delivered(injection: Injection, so: str = "It is still held.") -> InjectError:
    return InjectError(
        f"The text cannot be typed: {injection.reason}. {so}",
        "put the cursor where it shall go, then: swictation paste-last",
    )
