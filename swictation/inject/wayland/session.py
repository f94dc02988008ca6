"""Everything bound on one connection, and the delivery of a text. For the connection's thread."""

import math
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from swictation.inject.injector import (
    OTHER_WINDOW,
    Focused,
    Injection,
    NoWindow,
    Target,
    Unknown,
)
from swictation.inject.proofs import outcome
from swictation.inject.unsafe_characters import for_terminal, unsafe_reason
from swictation.inject.wayland.backlog import Backlog, Pace
from swictation.inject.wayland.chain import (
    Method,
    Situation,
    is_chromium,
    plan,
)
from swictation.inject.wayland.client.connection import Connection
from swictation.inject.wayland.client.wire import WireError
from swictation.inject.wayland.data_control import Clipboard, Content
from swictation.inject.wayland.input_method import InputMethod, Progress
from swictation.inject.wayland.keyboard import Keyboard
from swictation.inject.wayland.paster import Paster
from swictation.inject.wayland.terminal import TerminalSense
from swictation.inject.wayland.toplevels import Toplevels, Window
from swictation.inject.wayland.unproven import Waiting, decided, late_answer

NOT_TAKEN = "the window has not taken the text yet"
BLIND = "the window does not report what it takes, nor the system what it reads"
CLOSES_S = 0.5
"""From the end of a client to that of its window."""
REST_S = 0.15
RESTS_WITHIN_S = 1.0
EARLIER = "the window has not taken an earlier text yet"


class ElsewhereError(Exception):
    """Nothing was sent: the window that the text is meant for no longer has the focus."""


@dataclass
class Delivery:
    """A text under way; readable from any thread at any time."""

    text: str
    into: Target | None = None
    """The window that it is meant for; None for whichever has the focus."""
    until_s: float = math.inf
    """No word is sent later: a window that reads slowly must not hold up what comes next."""
    progress: Progress = field(default_factory=Progress)
    is_blind: bool = False
    """See `Plan`."""
    proof: Future[bool | None] | None = None
    """Of an outcome that is unproven."""

    def outcome(self, reason: str = "") -> Injection:
        """The result if it ends here; see `proofs.outcome`."""
        counts = self.progress.sent, self.progress.confirmed
        return outcome(self.text, counts, reason, is_open=self.proof is not None)


class Session:
    """The input method, keyboard, clipboard and windows of a seat, as far as offered."""

    def __init__(self, connection: Connection, allowed: tuple[Method, ...]) -> None:
        """Binds all of them. Raises WireError when there is no seat or no answer."""
        self._connection = connection
        self._allowed = allowed
        seat = connection.display.bind_seat()
        self.toplevels = Toplevels(connection, self._closed)
        self.keyboard = Keyboard.on(connection, seat)
        self.clipboard = Clipboard.on(connection, seat)
        self.input_method = InputMethod.on(connection, seat) if "commit" in allowed else None
        self._backlog = Backlog(connection.display.address())
        self._terminals = TerminalSense(connection, self._backlog, self.keyboard)
        self._waiting = Waiting(connection)
        self._paster = (
            Paster(connection, self.clipboard, self.keyboard, self._backlog, self.toplevels)
            if self.clipboard and self.keyboard
            else None
        )
        connection.at_end(self.close)
        connection.barrier()
        if not allowed and self.clipboard is None:
            raise WireError("the compositor has no data control: no clipboard")
        if allowed and self.keyboard is None and self.input_method is None:
            raise WireError("the compositor has neither input methods nor virtual keyboards")

    def focus(self) -> Focused:
        """The window with the focus now; `Unknown` if the compositor lists no windows."""
        self._connection.barrier()
        window = self.toplevels.focused
        if window is None:
            return NoWindow() if self.toplevels.are_known else Unknown()
        if self.input_method is not None:
            self.input_method.retry()
        typing_in = self.input_method and self.input_method.field
        is_password = typing_in.is_secret if typing_in else None
        return Target(_id(window), window.app, is_password)

    def offer(self, text: str) -> bool:
        """Put `text` into the clipboard for good; False if it is not there."""
        if self._paster is not None and not self._paster.is_free:
            return False
        return self.clipboard is not None and self.clipboard.keep(text)

    def deliver(self, delivery: Delivery) -> Injection:
        """Send the text by the first method that does not refuse. Raises WireError."""
        try:
            return self._deliver(delivery)
        except ElsewhereError:
            return Injection("refused", reason=OTHER_WINDOW)
        except WireError:
            if not delivery.progress.sent:
                raise
            # Its last word may be anywhere.
            return self._unproven(delivery, decided(arrived=None))

    def _deliver(self, delivery: Delivery) -> Injection:
        self._connection.barrier()
        self._check(delivery)
        self._let_focus_rest()
        if self.input_method is not None:
            self.input_method.retry()
        self._check(delivery)
        window = self.toplevels.focused
        if self._waits_for(window):
            return Injection("refused", reason=EARLIER)
        same_focus = self.toplevels.same_focus()
        is_terminal = self._is_terminal(window)
        if not same_focus():
            raise ElsewhereError
        if is_terminal:
            delivery.text = for_terminal(delivery.text)
        chosen = plan(self._situation(is_terminal=is_terminal), self._allowed)
        delivery.is_blind = chosen.is_blind
        ways = {"commit": self._commit, "paste": self._paste, "type": self._type}
        reasons = [chosen.reason] if chosen.reason else []
        for method in chosen.methods:
            result = ways[method](delivery)
            if result.outcome != "refused":
                return result
            reasons.append(result.reason)
        return Injection("refused", reason="; ".join(reasons))

    def settled(self) -> Future[None]:
        """A future that is done once the clipboard is restored."""
        future: Future[None] = Future()
        if self.clipboard is None:
            future.set_result(None)
        else:
            self.clipboard.when_settled(lambda: future.set_result(None))
        return future

    def withdraw(self) -> None:
        """Take back the text on offer; a text in a window's socket cannot be taken back."""
        if self._paster is not None:
            self._paster.withdraw()

    def legacy(self) -> tuple[Content, list[str]] | None:
        """What the user copied, to keep after our end; None if a key of ours may paste it."""
        if self.clipboard is None or (self._paster is not None and not self._paster.is_free):
            return None
        self.clipboard.give_back()
        return self.clipboard.legacy()

    def close(self) -> None:
        """End: every waiting proof is decided, and nothing is on offer any more."""
        self._waiting.close()
        if self._paster is not None:
            self._paster.close()

    def _closed(self, window: Window) -> None:
        self._waiting.window_closed(window)
        if self._paster is not None:
            self._paster.window_closed(window)

    def _let_focus_rest(self) -> None:
        """Wait, since Qt drops text right after a focus change. ElsewhereError: it never rests."""
        end_s = time.monotonic() + RESTS_WITHIN_S
        while (left_s := self.toplevels.moved_s + REST_S - time.monotonic()) > 0:
            if time.monotonic() > end_s:
                raise ElsewhereError
            self._connection.wait(lambda: False, left_s)

    def _undisturbed(self, delivery: Delivery) -> Callable[[], bool]:
        same_focus = self.toplevels.same_focus()
        return lambda: same_focus() and time.monotonic() < delivery.until_s

    def _waits_for(self, window: Window | None) -> bool:
        """Whether an earlier text is unproven in `window`: what follows must not overtake it."""
        return self._waiting.has(window) or bool(self._paster and self._paster.holds(window))

    def _check(self, delivery: Delivery) -> None:
        """Raises ElsewhereError, unless the window that the text is meant for has the focus."""
        window = self.toplevels.focused
        if delivery.into and (window is None or _id(window) != delivery.into.id):
            raise ElsewhereError

    def _is_terminal(self, window: Window | None) -> bool:
        field = self.input_method and self.input_method.field
        return bool(field and field.is_terminal) or self._terminals.has_focus(window)

    def _situation(self, *, is_terminal: bool) -> Situation:
        im = self.input_method
        if im is None:
            kind = "unsupported"
        elif im.is_taken_over:
            kind = "taken"
        elif im.field is None:
            kind = "none"
        else:
            kind = "mute" if im.field.before is None else "answers"
            kind = "secret" if im.field.is_secret else kind
        return Situation(
            field=kind,
            terminal=is_terminal,
            window=self.toplevels.focused is not None if self.toplevels.are_known else None,
            clipboard=self._paster is not None and self._paster.is_free,
            keyboard=self.keyboard is not None,
        )

    def _commit(self, delivery: Delivery) -> Injection:
        im, progress, at_start = self.input_method, delivery.progress, self.toplevels.focused
        assert im is not None
        self._check(delivery)
        if im.field is None:
            return Injection("refused", reason="the text field lost the focus")
        pace = Pace(self._connection, self._backlog)
        im.commit(delivery.text, progress, self._undisturbed(delivery), pace)
        if not progress.sent:
            return Injection("refused", reason=progress.reason)
        sent = delivery.text[: progress.sent]
        is_talkative = im.is_talkative
        has_it = im.wait_answer(sent)
        is_silent = has_it is None and is_talkative and self.toplevels.focused is at_start
        answers = im.answers
        has_read = pace.wait_read()
        if self._took_it_along(at_start, pace):
            return self._unproven(delivery, decided(arrived=False))
        if not has_read or is_silent:
            # An answer from before all was read may be one to the first words.
            seen = answers if has_read else im.answers
            has_arrived = late_answer(
                pace, lambda: im.answers > seen and self.toplevels.focused is at_start
            )
            return self._unproven(delivery, self._waiting.add(at_start, has_arrived, pace))
        progress.confirmed = len(sent) if has_it else 0
        return delivery.outcome(progress.reason)

    def _paste(self, delivery: Delivery) -> Injection:
        assert self._paster is not None
        length = len(delivery.text)
        same_focus = self.toplevels.same_focus()

        def check() -> None:
            if not same_focus():
                raise ElsewhereError

        self._check(delivery)
        paste = self._paster.paste(delivery.text, self.toplevels.focused, check)
        if isinstance(paste, str):
            return Injection("refused", reason=paste)
        if paste.is_stray:
            raise ElsewhereError
        delivery.progress.sent = length
        if paste.is_taken:
            delivery.progress.confirmed = length
            return delivery.outcome()
        return self._unproven(delivery, paste.proof)

    def _type(self, delivery: Delivery) -> Injection:
        assert self.keyboard is not None
        if unsafe_reason(delivery.text):
            return Injection("refused", reason="a line break would have to be typed as a key")
        self.keyboard.come_forward()
        self._check(delivery)
        at_start = self.toplevels.focused
        if at_start and is_chromium(at_start.app) and max(delivery.text) > "\uffff":
            return Injection("refused", reason=f"{at_start.app} takes no such character as a key")
        pace = Pace(self._connection, self._backlog)
        if not pace.is_known and delivery.is_blind:
            return Injection("refused", reason=BLIND)
        same_focus, undisturbed = self.toplevels.same_focus(), self._undisturbed(delivery)
        self.keyboard.type(delivery.text, delivery.progress, undisturbed, pace)
        has_read = pace.wait_read()
        if self._took_it_along(at_start, pace):
            return self._unproven(delivery, decided(arrived=False))
        if not has_read:
            return self._unproven(delivery, self._waiting.add(at_start, pace.is_read, pace))
        if delivery.progress.sent < len(delivery.text):
            reason = "the window reads nothing" if same_focus() else "the focus moved"
            return delivery.outcome(reason)
        return delivery.outcome()

    def _took_it_along(self, window: Window | None, pace: Pace) -> bool:
        """Whether the window has gone with unread text."""
        if not (self.toplevels.are_known and pace.has_lost_one):
            return False
        return self._connection.wait(lambda: not self.toplevels.includes(window), CLOSES_S)

    def _unproven(self, delivery: Delivery, proof: Future[bool | None]) -> Injection:
        delivery.proof = proof
        return delivery.outcome(NOT_TAKEN)


def _id(window: Window) -> str:
    return f"wayland-{window.number}"
