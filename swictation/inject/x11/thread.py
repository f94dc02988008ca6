"""The thread that owns the display."""

import logging
import select
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from swictation.errors import InjectError
from swictation.inject.calls import Calls
from swictation.inject.x11.connection import GONE
from swictation.inject.x11.keep import keep
from swictation.inject.x11.session import X11Session

_log = logging.getLogger(__name__)

_CAPACITY = 8
_IDLE_S = 60.0

T = TypeVar("T")


class DisplayThread:
    """Starts with the display and ends with it; `lost` says why it is gone.

    Between two calls it serves the selection and sleeps in select on the display and the calls.
    """

    def __init__(self, display_name: str | None = None) -> None:
        self._display_name = display_name
        self._calls = Calls(_CAPACITY, InjectError)
        self._session: X11Session | None = None
        self._thread = threading.Thread(target=self._main, name="x11-display", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> str:
        return self._calls.lost

    @property
    def beats(self) -> int:
        """Grows while the server answers."""
        return self._session.connection.beats if self._session else 0

    def call(self, work: Callable[[X11Session], T]) -> "Future[T]":
        """Run `work` on the thread. Raises `InjectError` if it is gone or its queue is full."""

        def on_session() -> T:
            assert self._session  # there before the first call is served
            return work(self._session)

        return self._calls.put(on_session)

    def close(self) -> None:
        """End after the queued calls; does not wait."""
        self._calls.stop()

    def sever(self) -> None:
        """End now, even during a wait for a server that hangs."""
        self.close()
        if self._session:
            self._session.connection.sever()

    def join(self, timeout_s: float) -> bool:
        """Wait for the thread's end; True if it came."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _main(self) -> None:
        reason = "the display is closed"
        try:
            self._session = session = X11Session(self._display_name)
            while not self._calls.is_stopping:
                self._turn(session)
            self._serve()
            keep(session.connection, session.close())
        except (*GONE, InjectError) as error:
            reason = "the X server is gone" if self._session else str(error)
            _log.info("display thread ends: %s", type(error).__name__)
        except Exception as error:  # noqa: BLE001 - python-xlib fails in odd ways as a server dies
            reason = f"the X server is gone ({type(error).__name__})"
            _log.warning("display thread ends", exc_info=True)
        finally:
            self._end(reason)

    def _turn(self, session: X11Session) -> None:
        """Wait for something to do, and do it."""
        seen = -1
        while seen != session.connection.handled:  # new events may have decided something
            seen = session.connection.handled
            session.tend()
            session.connection.dispatch()
        due_s = session.due_s
        wait_s = _IDLE_S if due_s is None else max(0.0, due_s - time.monotonic())
        select.select([session.connection.fileno(), self._calls], [], [], wait_s)
        self._calls.calm()
        session.connection.dispatch()
        self._serve()

    def _serve(self) -> None:
        while self._calls.run_next(lambda _: True):  # any error is fatal: the server is dying
            continue

    def _end(self, reason: str) -> None:
        self._calls.end(reason)
        if self._session:
            self._session.abandon()
            self._session.connection.close()
