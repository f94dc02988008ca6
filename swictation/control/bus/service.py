"""The daemon on the session bus: asked by the command line, key bindings and bars."""

import asyncio
import contextlib
import logging

from dbus_fast import NameFlag, RequestNameReply

from swictation.control.bus.connection import FAILURES, Bus, ReconnectingBus, session_bus
from swictation.control.bus.interface import Controls, Interface, properties
from swictation.control.bus.subscribers import Subscribers
from swictation.control.bus.wire import BUS_NAME, PATH, session_address, without_bus
from swictation.control.status import Status, steady
from swictation.errors import AlreadyRunning, BusError, SwictationError
from swictation.remedies import already_running

_log = logging.getLogger(__name__)

STATUS_GAP_S = 0.2
"""StatusChanged comes at most this often; the last change is never dropped."""


class BusService:
    """Owns the name on the bus, and takes it again after the bus was restarted.

    Used on the run loop's thread. What is published while there is no bus is not sent later:
    clients that connect ask first.
    """

    def __init__(self, controls: Controls) -> None:
        self._controls = controls
        self._link = ReconnectingBus("control", session_bus, self._on_up, self._on_down)
        self._subscribers: Subscribers | None = None
        self._published: dict[str, str] = {}
        self._steady: Status | None = None
        self._later: asyncio.TimerHandle | None = None
        self._changed_at_s = float("-inf")
        self._farewells: set[asyncio.Task[None]] = set()

    @property
    def is_connected(self) -> bool:
        """Whether it is on the bus, under the name."""
        return self._link.bus is not None

    async def start(self) -> None:
        """Connect and take the name.

        Raises:
            AlreadyRunning: another process has it.
            BusError: there is no bus.
        """
        try:
            await self._link.open()
        except SwictationError:
            raise
        except FAILURES as error:
            raise BusError(
                f"The session bus at {session_address()} cannot be reached: {_why(error)}.",
                without_bus(session_address()),
            ) from error

    async def stop(self) -> None:
        """Leave the bus; callers that wait for an answer get an error."""
        if self._later is not None:
            self._later.cancel()
        if self._subscribers is not None:
            await self._subscribers.close()
        await self._link.stop()
        self._subscribers = None
        await asyncio.gather(*self._farewells)

    def publish(self, status: Status) -> None:
        """Signal what changed since the last call; cheap if nothing did."""
        now = properties(status)
        changed = {name: value for name, value in now.items() if self._published.get(name) != value}
        self._published = now
        if changed and self._subscribers is not None:
            self._subscribers.broadcast_properties(changed)
        is_same = steady(status) == self._steady
        self._steady = steady(status)
        if not is_same:
            self._tell_change()

    def partial(self, utterance: int, text: str) -> None:
        """Tentative text of the utterance, for subscribers; it replaces the one before."""
        if self._subscribers is not None:
            self._subscribers.say("Partial", utterance, text)

    def committed(self, utterance: int, text: str) -> None:
        """A piece of text of the utterance that will not change any more, for subscribers."""
        if self._subscribers is not None:
            self._subscribers.say("Committed", utterance, text)

    def _tell_change(self) -> None:
        if self._later is not None:
            return
        loop = asyncio.get_running_loop()
        wait_s = max(0.0, self._changed_at_s + STATUS_GAP_S - loop.time())
        if wait_s == 0.0:
            self._emit_change()
        else:
            self._later = loop.call_later(wait_s, self._emit_change)

    def _emit_change(self) -> None:
        self._later = None
        self._changed_at_s = asyncio.get_running_loop().time()
        if self._subscribers is not None:
            self._subscribers.broadcast_change()

    async def _on_up(self, bus: Bus) -> None:
        subscribers = Subscribers(bus, self._controls.subscribers_changed)
        bus.export(PATH, Interface(self._controls, subscribers))
        reply = await bus.ask_bus("RequestName", "su", BUS_NAME, NameFlag.DO_NOT_QUEUE.value)
        if reply != [RequestNameReply.PRIMARY_OWNER.value]:
            raise await _already_running(bus)
        self._subscribers = subscribers
        self._published = properties(self._controls.status())

    def _on_down(self) -> None:
        if self._subscribers is not None:
            farewell = asyncio.create_task(self._subscribers.close(), name="subscribers")
            self._farewells.add(farewell)
            farewell.add_done_callback(self._farewells.discard)
            _log.warning("the session bus has gone; trying to reconnect")
        self._subscribers = None


async def _already_running(bus: Bus) -> AlreadyRunning:
    pid = ""
    with contextlib.suppress(*FAILURES):
        pid = str((await bus.ask_bus("GetConnectionUnixProcessID", "s", BUS_NAME))[0])
    return already_running(pid)


def _why(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
