"""One notification that is replaced, never stacked: without it nobody knows that it listens."""

import asyncio
import contextlib
import html
import logging

import msgspec
from dbus_fast import DBusError, Message, MessageType, Variant

from swictation.control.link import FAILURES, Bus, Link
from swictation.control.wire import session_address

NAME = "org.freedesktop.Notifications"
PATH = "/org/freedesktop/Notifications"
ANSWER_S = 5.0
SHOWN_MS = 4000
URGENT_SHOWN_MS = 15_000

_SERVER_CHANGES = (
    "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
    f"member='NameOwnerChanged',arg0='{NAME}'"
)
_ICON = "audio-input-microphone"

_log = logging.getLogger(__name__)


class _Notice(msgspec.Struct, frozen=True):
    kind: str
    summary: str
    body: str
    urgent: bool


class Notifier:
    """Sends to whatever shows notifications; where nothing does, that is all right.

    Used on the run loop's thread. It never raises and never makes its caller wait: one notice
    may be on its way and one may wait, which a newer one replaces. Give it no dictated text.
    """

    def __init__(self) -> None:
        self._link = Link("notifier", session_address, self._on_up)
        self._shown_id = 0
        self._waiting: _Notice | None = None
        self._has_news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin; a bus or a server need not be there yet."""
        self._link.start()
        self._task = asyncio.create_task(self._send_all(), name="notifier")

    async def stop(self) -> None:
        """End; what has not been sent yet is not sent."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._link.stop()

    def notify(self, kind: str, summary: str, body: str = "", urgent: bool = False) -> None:
        """Show this in place of what was shown before. `kind`: such as "start", for style rules."""
        self._waiting = _Notice(kind, summary, body, urgent)
        self._has_news.set()

    async def _send_all(self) -> None:
        while True:
            await self._has_news.wait()
            self._has_news.clear()
            notice, self._waiting = self._waiting, None
            await self._link.tried()
            bus = self._link.bus
            if notice is None or bus is None:
                continue
            try:
                async with asyncio.timeout(ANSWER_S):
                    await self._show(bus, notice)
            except DBusError as error:
                _log.debug("no notification: %s", error.type)
            except FAILURES as error:
                _log.debug("no notification: %r", error)

    async def _show(self, bus: Bus, notice: _Notice) -> None:
        hints = {
            "urgency": Variant("y", 2 if notice.urgent else 1),
            "category": Variant("s", f"x-swictation.{notice.kind}"),
            "desktop-entry": Variant("s", "swictation"),
            # What is over after a moment need not be kept in the desktop's list.
            "transient": Variant("b", not notice.urgent),
        }
        shown_ms = URGENT_SHOWN_MS if notice.urgent else SHOWN_MS
        body = html.escape(notice.body, quote=False)
        answer = await bus.ask(
            Message(
                destination=NAME,
                path=PATH,
                interface=NAME,
                member="Notify",
                signature="susssasa{sv}i",
                body=[
                    "swictation", self._shown_id, _ICON, notice.summary, body, [], hints, shown_ms,
                ],
            )
        )  # fmt: skip
        self._shown_id = answer[0] if answer and isinstance(answer[0], int) else 0

    async def _on_up(self, bus: Bus) -> None:
        self._shown_id = 0
        bus.add_message_handler(self._note)
        with contextlib.suppress(DBusError):
            await bus.ask_bus("AddMatch", "s", _SERVER_CHANGES)

    def _note(self, message: Message) -> None:
        if message.message_type is MessageType.SIGNAL and message.member == "NameOwnerChanged":
            self._shown_id = 0  # another server's number may be another program's notification
