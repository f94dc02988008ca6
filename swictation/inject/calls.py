"""Calls into the thread that owns a display."""

import contextlib
import os
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class Calls:
    """A bounded queue of calls, each with a future; a descriptor wakes the thread.

    Any thread may call `put`, `stop` and `wake`. The rest is for the thread that runs the calls.
    """

    def __init__(self, capacity: int, error: Callable[[str], Exception]) -> None:
        """`error`: makes the exception for a call that cannot be run, from the reason."""
        self._error = error
        self._queue: queue.Queue[tuple[Future[Any], Callable[[], Any]]] = queue.Queue(capacity)
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._lock = threading.Lock()
        self.is_stopping = False
        self.lost = ""
        """Why the thread has ended; "" while it runs."""

    def put(self, function: Callable[[], T]) -> "Future[T]":
        """Queue `function` for the thread. Raises if the thread has ended or the queue is full."""
        future: Future[T] = Future()
        with self._lock:
            if self.lost or self.is_stopping:
                raise self._error(self.lost or "the display is being closed")
            try:
                self._queue.put_nowait((future, function))
            except queue.Full:
                raise self._error("the display is too busy") from None
        self.wake()
        return future

    def stop(self) -> None:
        """Take no more calls. The thread finds `is_stopping`."""
        with self._lock:
            self.is_stopping = True
        self.wake()

    def wake(self) -> None:
        """Wake the thread."""
        with self._lock:
            if not self.lost:
                os.eventfd_write(self._wake, 1)

    def fileno(self) -> int:
        """Readable once there is something to do."""
        return self._wake

    def calm(self) -> None:
        """Reset the descriptor: it is not readable until the next `wake`."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._wake)

    def run_next(self, is_fatal: Callable[[Exception], bool]) -> bool:
        """Run the next call; False if there is none. A fatal error is also raised here."""
        try:
            future, function = self._queue.get_nowait()
        except queue.Empty:
            return False
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(function())
            except Exception as error:
                future.set_exception(error)
                if is_fatal(error):
                    raise
        return True

    def end(self, reason: str) -> None:
        """Fail all waiting calls with `reason`: the thread ends."""
        with self._lock:
            self.lost = reason
            os.close(self._wake)
        with contextlib.suppress(queue.Empty):
            while True:
                future, _ = self._queue.get_nowait()
                if future.set_running_or_notify_cancel():
                    future.set_exception(self._error(reason))
