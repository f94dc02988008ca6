"""The X11 injector: types or pastes, whichever suits the window and the text."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import TypeVar

from swictation.errors import InjectError
from swictation.inject.injector import (
    Focused,
    Injection,
    InjectorCapabilities,
    Target,
    Unknown,
)
from swictation.inject.proofs import OpenProofs, outcome
from swictation.inject.unsafe_characters import BREAKS, unsafe_reason
from swictation.inject.x11.progress import Progress
from swictation.inject.x11.session import Method, X11Session
from swictation.inject.x11.thread import DisplayThread

OPEN_TIMEOUT_S = 3.0
STALL_S = 4.0
"""Longer than any single wait inside an injection: the server itself hangs then."""
_TELL_S = 1.0
_SILENT = "the X server does not answer"
_CLOSE_S = 4.5
"""A clipboard manager is given 1 s of it, the start of a keeper 3 s."""

T = TypeVar("T")


class X11Injector:
    """Delivers to the focused window of an X display.

    `method` "either" types if the window proves that it reads the keys and few characters are
    missing from its layout. Otherwise it pastes, and types if the clipboard cannot be kept. A
    second method is tried only if certainly nothing has arrived. Terminals are always typed into.
    """

    def __init__(
        self, display: DisplayThread, method: Method = "either", *, allow_newlines: bool = False
    ) -> None:
        self._display = display
        self._method: Method = method
        self._allowed = BREAKS if allow_newlines else ""
        self._proofs = OpenProofs()

    @classmethod
    async def open(
        cls,
        display_name: str | None = None,
        method: Method = "either",
        *,
        allow_newlines: bool = False,
    ) -> "X11Injector":
        """Connect to a display ($DISPLAY by default). Raises `InjectError`."""
        display = DisplayThread(display_name)
        opening = asyncio.wrap_future(display.call(lambda _: None))
        is_over = False
        try:
            await asyncio.wait({opening}, timeout=OPEN_TIMEOUT_S)
            is_over = opening.done()
        finally:
            if not is_over:
                opening.add_done_callback(_forget)
                display.sever()
        if not is_over:
            raise InjectError(_SILENT)
        opening.result()
        return cls(display, method, allow_newlines=allow_newlines)

    @property
    def name(self) -> str:
        """See `Injector.name`."""
        return {"type": "x11-type", "paste": "x11-paste", "either": "x11"}[self._method]

    @property
    def lost(self) -> str:
        """Why the display is gone for good, so that a new injector is needed; "" while it works."""
        return self._display.lost

    @property
    def capabilities(self) -> InjectorCapabilities:
        """See `Injector.capabilities`. X11 cannot tell a password field from another."""
        return InjectorCapabilities(
            knows_focus=True, confirms=True, clipboard=True, keys=bool(self._allowed)
        )

    async def inject(self, text: str, into: Target | None = None) -> Injection:
        """See `Injector.inject`."""
        if reason := unsafe_reason(text, self._allowed):
            return Injection("refused", reason=reason)
        if not text:
            return Injection("confirmed")
        progress = Progress()
        answer, failure = None, _SILENT
        try:
            answer = await self._ask(
                lambda session: session.deliver(text, self._method, progress, into)
            )
        except InjectError as error:
            failure = str(error)
        except asyncio.CancelledError:
            progress.abandon()
            raise
        except Exception as error:  # noqa: BLE001 - python-xlib's errors as a server dies are many
            failure = type(error).__name__
        if answer is None:
            return outcome(text, progress.abandon(), self.lost or failure)
        return self._proofs.attach(*answer)

    async def offer(self, text: str) -> bool:
        """See `Injector.offer`."""
        if not text or unsafe_reason(text, self._allowed):
            return False
        with contextlib.suppress(Exception):  # as above; then it is not on the clipboard
            return await self._ask(lambda session: session.offer(text)) or False
        return False

    async def withdraw(self) -> None:
        """See `Injector.withdraw`."""
        with contextlib.suppress(Exception):  # python-xlib's many errors: then it is gone
            await self._ask(lambda session: session.withdraw())

    async def flush(self) -> None:
        """Nothing to settle: the clipboard is restored by itself."""

    async def focus(self) -> Focused:
        """See `Injector.focus`."""
        with contextlib.suppress(Exception):  # as above; then the focus is unknown
            return await self._ask(lambda session: session.target()) or Unknown()
        return Unknown()

    async def close(self) -> None:
        """See `Injector.close`; a server that hangs is left behind."""
        beats = self._display.beats
        self._display.close()
        while not await asyncio.to_thread(self._display.join, _CLOSE_S):
            if beats == self._display.beats:
                self._display.sever()
                await asyncio.to_thread(self._display.join, 1.0)
                break
            beats = self._display.beats
        await self._proofs.settle(_TELL_S)

    async def _ask(self, work: Callable[[X11Session], T]) -> T | None:
        """What `work` returns on the display's thread, or None if the server stalls."""
        waiting = asyncio.wrap_future(self._display.call(work))
        beats = -1
        while not waiting.done() and beats != self._display.beats:
            beats = self._display.beats
            await asyncio.wait({waiting}, timeout=STALL_S)
        if waiting.done():
            return waiting.result()
        waiting.add_done_callback(_forget)
        return None


def _forget(future: "asyncio.Future[T]") -> None:
    """Retrieve the error of a call that nobody waits for, or asyncio would complain."""
    if not future.cancelled():
        future.exception()
