"""The Wayland injector: asyncio on this side, the connection's thread on the other."""

import asyncio
import contextlib
import time

from swictation.errors import InjectError
from swictation.inject.clipboard_keeper import leave_behind
from swictation.inject.injector import (
    Focused,
    Injection,
    InjectorCapabilities,
    Target,
    Unknown,
)
from swictation.inject.proofs import OpenProofs
from swictation.inject.unsafe_characters import BREAKS, unsafe_reason
from swictation.inject.wayland.chain import METHODS, Method
from swictation.inject.wayland.client.connection import Connection, HungError
from swictation.inject.wayland.client.wire import WireError
from swictation.inject.wayland.session import Delivery, Session
from swictation.inject.wayland.unproven import decided

OPEN_S = 5.0
FOCUS_S = 2.5
OFFER_S = 3.0
SETTLE_S = 2.0
TELL_S = 0.5
"""For the proofs of a thread that has ended to arrive."""
DELIVER_S = 10.0
"""After this long the thread stops a text."""
STUCK_S = 20.0
"""A thread that has not stopped it after this much longer is stuck."""


class WaylandInjector:
    """Text by input method, clipboard or virtual keyboard, whichever suits the focused window."""

    name = "wayland"

    def __init__(
        self, connection: Connection, session: Session, display: str | None, allowed: str
    ) -> None:
        """Use `open`."""
        self._display = display
        self._allowed = allowed
        self._connection = connection
        self._session = session
        self._proofs = OpenProofs()

    @classmethod
    async def open(
        cls,
        display: str | None = None,
        methods: tuple[Method, ...] = METHODS,
        *,
        allow_newlines: bool = False,
    ) -> "WaylandInjector":
        """Connect to `display`, by default that of the environment.

        Without `methods` it can only `offer`. Raises InjectError, also if the compositor lacks
        what the methods need.
        """
        connection = Connection(display)
        try:
            await connection.open(OPEN_S)
            session = await connection.call(lambda: Session(connection, methods), OPEN_S)
        except WireError as error:
            await connection.close()
            raise InjectError(str(error)) from error
        except asyncio.CancelledError:
            await connection.close()
            raise
        return cls(connection, session, display, BREAKS if allow_newlines else "")

    @property
    def lost(self) -> str:
        """Why it is no longer usable and a new one is needed; "" while it is."""
        return self._connection.lost

    @property
    def capabilities(self) -> InjectorCapabilities:
        """What the compositor's protocols allow; see `Injector.capabilities`."""
        session = self._session
        return InjectorCapabilities(
            knows_focus=session.toplevels.are_known,
            confirms=True,
            knows_password=session.input_method is not None,
            clipboard=session.clipboard is not None,
            keys=bool(self._allowed),
        )

    async def inject(self, text: str, into: Target | None = None) -> Injection:
        """See `Injector.inject`. Text with control characters is refused."""
        if not text:
            return Injection("confirmed")
        if reason := unsafe_reason(text, self._allowed):
            return Injection("refused", reason=reason)
        limit_s = DELIVER_S + len(text) / 500
        delivery = Delivery(text, into, time.monotonic() + limit_s)
        try:
            result = await self._connection.call(
                lambda: self._session.deliver(delivery), limit_s + STUCK_S
            )
        except Exception as error:  # noqa: BLE001 - the port never raises
            if not (isinstance(error, HungError) and error.has_begun):
                return delivery.outcome(str(error) or type(error).__name__)
            # Whether the text arrives is unknown.
            delivery.proof = decided(arrived=None)
            result = Injection("unproven", sent=len(text), reason=str(error))
        return self._proofs.attach(result, delivery.proof)

    async def offer(self, text: str) -> bool:
        """See `Injector.offer`."""
        if not text or unsafe_reason(text, self._allowed):
            return False
        with contextlib.suppress(Exception):  # the port never raises
            return await self._connection.call(lambda: self._session.offer(text), OFFER_S)
        return False

    async def withdraw(self) -> None:
        """See `Injector.withdraw`."""
        with contextlib.suppress(Exception):  # the port never raises; then it stays unproven
            await self._connection.call(self._session.withdraw, OFFER_S)

    async def flush(self) -> None:
        """Wait until the clipboard is as it was; the thread stays free meanwhile."""
        with contextlib.suppress(WireError):
            settled = await self._connection.call(self._session.settled, SETTLE_S)
            await asyncio.wait([asyncio.wrap_future(settled)], timeout=SETTLE_S)

    async def focus(self) -> Focused:
        """See `Injector.focus`."""
        with contextlib.suppress(Exception):  # the port never raises; then it is unknown
            return await self._connection.call(self._session.focus, FOCUS_S)
        return Unknown()

    async def close(self) -> None:
        """Disconnect: the compositor forgets keyboard, input method and clipboard.

        What the user had copied goes to a process that stays until something else is copied.
        """
        await self.flush()
        with contextlib.suppress(Exception):  # the port never raises; then it is lost
            if legacy := await self._connection.call(self._session.legacy, SETTLE_S):
                content, types = legacy
                await asyncio.to_thread(
                    leave_behind, "wayland", content, self._display or "", *types
                )
        await self._connection.close()
        await self._proofs.settle(TELL_S)
