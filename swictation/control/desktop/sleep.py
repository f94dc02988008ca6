"""The machine's sleep, from logind: GPU memory is given back before it, and not after.

A delay inhibitor gives time for that. logind waits five seconds at most (`InhibitDelayMaxSec`), so
a callback before sleep has less.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import Awaitable, Callable
from functools import partial

from dbus_fast import Message, MessageType

from swictation.control.bus.connection import FAILURES, Bus, ReconnectingBus, system_bus
from swictation.control.desktop.screen_lock import ANSWER_S, LONGEST_WAIT_S, MANAGER

BEFORE_SLEEP_S = 4.0

_SIGNAL = "PrepareForSleep"
_RULE = (
    f"type='signal',sender='{MANAGER.name}',path='{MANAGER.path}',"
    f"interface='{MANAGER.interface}',member='{_SIGNAL}'"
)

_log = logging.getLogger(__name__)


class SleepWatch:
    """Calls back before the machine sleeps and after. Used on the run loop's thread.

    Without logind nothing is ever called.
    """

    def __init__(self, before: Callable[[], Awaitable[None]], after: Callable[[], None]) -> None:
        """Waits for `before`, BEFORE_SLEEP_S at most."""
        self._before = before
        self._after = after
        self._news: asyncio.Queue[bool] = asyncio.Queue(maxsize=8)
        """Whether it goes to sleep; if full, the newest is dropped: nothing sleeps that often."""
        self._thinks_asleep = False
        """According to the latest news."""
        self._inhibitor: int | None = None
        with_fds = partial(system_bus, takes_fds=True)
        self._link = ReconnectingBus("sleep", with_fds, self._on_up, None, LONGEST_WAIT_S)

    async def start(self) -> None:
        """Begin to watch; returns at once."""
        self._link.start(self._watch())

    async def stop(self) -> None:
        """Stop watching."""
        await self._link.stop()
        self._release()

    async def _on_up(self, bus: Bus) -> None:
        bus.add_message_handler(self._note)
        await bus.ask_bus("AddMatch", "s", _RULE)
        with contextlib.suppress(*FAILURES):  # without logind there is nothing to ask
            await self._catch_up(bus)
        with contextlib.suppress(*FAILURES):  # nor to inhibit
            await self._inhibit(bus)

    async def _catch_up(self, bus: Bus) -> None:
        """Notice a sleep that ended while there was no connection."""
        if not self._thinks_asleep:
            return
        async with asyncio.timeout(ANSWER_S):
            is_going = await bus.get_property(MANAGER, "PreparingForSleep")
        if is_going is False and self._thinks_asleep:
            self._take(is_going=False)

    def _note(self, message: Message) -> None:
        if message.message_type is MessageType.SIGNAL and message.member == _SIGNAL:
            self._take(is_going=bool(message.body[0]))

    def _take(self, *, is_going: bool) -> None:
        with contextlib.suppress(asyncio.QueueFull):
            self._news.put_nowait(is_going)
            self._thinks_asleep = is_going

    async def _watch(self) -> None:
        while True:
            if await self._news.get():
                _log.info("the machine goes to sleep")
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._before(), BEFORE_SLEEP_S)
                self._release()
            else:
                _log.info("the machine is awake again")
                self._after()
                if self._link.bus is not None:
                    with contextlib.suppress(*FAILURES):
                        await self._inhibit(self._link.bus)

    async def _inhibit(self, bus: Bus) -> None:
        """Make logind wait before the next sleep until `_release`."""
        async with asyncio.timeout(ANSWER_S):
            words = ("sleep", "swictation", "gives the GPU back", "delay")
            reply = await bus.reply(MANAGER, "Inhibit", "ssss", *words)
        if reply.unix_fds:
            self._release()
            self._inhibitor = reply.unix_fds[int(reply.body[0])]

    def _release(self) -> None:
        if self._inhibitor is not None:
            os.close(self._inhibitor)
            self._inhibitor = None
