"""The thread that owns the display: calls go in through a bounded queue, futures come out."""

import contextlib
import logging
import os
import queue
import select
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from typing import Any, TypeVar

from swictation.errors import InjectError
from swictation.inject.x11.connection import GONE
from swictation.inject.x11.desk import Desk
from swictation.inject.x11.keep import keep

_log = logging.getLogger(__name__)

_CAPACITY = 8
_IDLE_S = 60.0

T = TypeVar("T")
Work = Callable[[Desk], Any]


class DisplayThread:
    """Starts with the display and ends with it; `lost` says why it is gone.

    Between two calls it serves the selection and sleeps in select on the display and on an
    eventfd that a new call writes to.
    """

    def __init__(self, display_name: str | None = None) -> None:
        self._display_name = display_name
        self._calls: queue.Queue[tuple[Work, Future[Any]]] = queue.Queue(_CAPACITY)
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._lock = threading.Lock()
        self._closing = False
        self._desk: Desk | None = None
        self.lost = ""
        self.opened: Future[None] = Future()
        self._thread = threading.Thread(target=self._main, name="x11-display", daemon=True)
        self._thread.start()

    @property
    def beats(self) -> int:
        """Grows while the server answers."""
        return self._desk.connection.beats if self._desk else 0

    def call(self, work: Callable[[Desk], T]) -> "Future[T]":
        """Run `work` on the thread. Raises `InjectError` if it is gone or its queue is full."""
        future: Future[T] = Future()
        with self._lock:
            if self.lost:
                raise InjectError(self.lost)
            if self._closing:
                raise InjectError("the display is being closed")
            try:
                self._calls.put_nowait((work, future))
            except queue.Full:
                raise InjectError("the X server is too busy") from None
            os.eventfd_write(self._wake, 1)
        return future

    def close(self) -> None:
        """End after the queued calls; does not wait."""
        with self._lock:
            self._closing = True
            if not self.lost:
                os.eventfd_write(self._wake, 1)

    def sever(self) -> None:
        """End now, even during a wait for a server that hangs."""
        self.close()
        if self._desk:
            self._desk.connection.sever()

    def join(self, timeout_s: float) -> bool:
        """Wait for the thread's end; True if it came."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _main(self) -> None:
        reason = "the display is closed"
        try:
            self._desk = desk = Desk(self._display_name)
            self.opened.set_result(None)
            while not self._finished():
                self._turn(desk)
            keep(desk.connection, desk.close())
        except (*GONE, InjectError) as error:
            reason = "the X server is gone" if self._desk else str(error)
            _log.info("display thread ends: %s", type(error).__name__)
        except Exception as error:  # noqa: BLE001 - python-xlib fails in odd ways as a server dies
            reason = f"the X server is gone ({type(error).__name__})"
            _log.warning("display thread ends", exc_info=True)
        finally:
            self._end(reason)

    def _turn(self, desk: Desk) -> None:
        """Wait for something to do, and do it."""
        seen = -1
        while seen != desk.connection.handled:  # new events may have decided something
            seen = desk.connection.handled
            desk.tend()
            desk.connection.dispatch()
        due_s = desk.due_s
        wait_s = _IDLE_S if due_s is None else max(0.0, due_s - time.monotonic())
        ready, _, _ = select.select([desk.connection.fileno(), self._wake], [], [], wait_s)
        if self._wake in ready:
            with contextlib.suppress(BlockingIOError):
                os.eventfd_read(self._wake)
        desk.connection.dispatch()
        with contextlib.suppress(queue.Empty):
            while True:
                self._serve(desk, *self._calls.get_nowait())

    def _serve(self, desk: Desk, work: Work, future: "Future[Any]") -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            result = work(desk)
        except BaseException as error:
            future.set_exception(error)
            raise
        future.set_result(result)

    def _finished(self) -> bool:
        with self._lock:
            return self._closing and self._calls.empty()

    def _end(self, reason: str) -> None:
        with self._lock:
            self.lost = reason
            os.close(self._wake)
        if not self.opened.done():
            self.opened.set_exception(InjectError(reason))
        with contextlib.suppress(queue.Empty):
            while True:
                _, future = self._calls.get_nowait()
                with contextlib.suppress(InvalidStateError):
                    future.set_exception(InjectError(reason))
        if self._desk:
            self._desk.abandon()
            self._desk.connection.close()
