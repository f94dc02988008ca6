"""Notifications that are replaced, never stacked: one for each subject.

Listening, held text and problems are separate subjects: an urgent notification must not vanish
because somebody presses stop.
"""

import asyncio
import contextlib
import html
import logging
from collections.abc import Coroutine

import msgspec
from dbus_fast import DBusError, Message, MessageType, Variant

from swictation.control.bus.connection import FAILURES, Bus, ReconnectingBus, Remote, session_bus
from swictation.control.bus.wire import owner_changes
from swictation.remedies import typeable

NAME = "org.freedesktop.Notifications"
PATH = "/org/freedesktop/Notifications"
ANSWER_S = 5.0
SHOWN_MS = 4000
URGENT_SHOWN_MS = 15_000

_SERVER = Remote(NAME, PATH, NAME)
_ICON = "audio-input-microphone"

_log = logging.getLogger(__name__)


class _Notice(msgspec.Struct, frozen=True):
    kind: str
    summary: str
    body: str
    urgent: bool

    @property
    def subject(self) -> str:
        """Its subject: a later notice about the same subject replaces it."""
        return "listening" if self.kind in {"start", "stop"} else self.kind


class Notifier:
    """Sends to the notification service; without one it does nothing.

    Used on the run loop's thread. It never raises and never makes its caller wait. One notice may
    be on its way, and one of each subject may wait; a newer one replaces it. Give it no dictated
    text.
    """

    def __init__(self) -> None:
        self._link = ReconnectingBus("notifier", session_bus, self._on_up)
        self._shown_ids: dict[str, int] = {}
        """By subject."""
        self._waiting: dict[str, _Notice | None] = {}
        """By subject; None: it is to be closed."""
        self._has_news = asyncio.Event()

    async def start(self) -> None:
        """Begin; bus and server may not be there yet."""
        self._link.start(self._send_all())

    async def stop(self) -> None:
        """End; notices not sent yet are dropped."""
        await self._link.stop()

    def notify(self, kind: str, summary: str, body: str = "", urgent: bool = False) -> None:
        """Show this in place of what was shown of its subject. `kind`: also for style rules."""
        notice = _Notice(kind, summary, typeable(body, anywhere=True), urgent)
        self._waiting[notice.subject] = notice
        self._has_news.set()

    def close(self, subject: str) -> None:
        """Take away what is shown of a subject: it is over."""
        self._waiting[subject] = None
        self._has_news.set()

    async def _send_all(self) -> None:
        while True:
            await self._has_news.wait()
            self._has_news.clear()
            await self._link.tried()
            while self._waiting:
                subject = next(iter(self._waiting))
                notice = self._waiting.pop(subject)
                if bus := self._link.bus:
                    await self._try(self._show(bus, notice) if notice else self._hide(bus, subject))

    async def _try(self, call: Coroutine[None, None, None]) -> None:
        try:
            async with asyncio.timeout(ANSWER_S):
                await call
        except DBusError as error:
            _log.debug("no notification: %s", error.type)
        except FAILURES as error:
            _log.debug("no notification: %r", error)

    async def _show(self, bus: Bus, notice: _Notice) -> None:
        hints = {
            "urgency": Variant("y", 2 if notice.urgent else 1),
            "category": Variant("s", f"x-swictation.{notice.kind}"),
            "desktop-entry": Variant("s", "swictation"),
            # The desktop's list need not keep what is over after a moment.
            "transient": Variant("b", not notice.urgent),
        }
        shown_ms = URGENT_SHOWN_MS if notice.urgent else SHOWN_MS
        body = html.escape(notice.body, quote=False)
        answer = await bus.ask(
            *(_SERVER, "Notify", "susssasa{sv}i"),
            *("swictation", self._shown_ids.get(notice.subject, 0), _ICON),
            *(notice.summary, body, list[str](), hints, shown_ms),
        )
        self._shown_ids[notice.subject] = answer[0] if answer and isinstance(answer[0], int) else 0

    async def _hide(self, bus: Bus, subject: str) -> None:
        if shown := self._shown_ids.pop(subject, 0):
            await bus.ask(_SERVER, "CloseNotification", "u", shown)

    async def _on_up(self, bus: Bus) -> None:
        self._shown_ids.clear()
        bus.add_message_handler(self._note)
        with contextlib.suppress(DBusError):
            await bus.ask_bus("AddMatch", "s", owner_changes(NAME))

    def _note(self, message: Message) -> None:
        if message.message_type is MessageType.SIGNAL and message.member == "NameOwnerChanged":
            self._shown_ids.clear()  # with another server, the number may belong to another program
