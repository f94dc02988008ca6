"""One thread owns the connection to the compositor for life; others pass it calls.

A call runs on the thread from its first line to its last, one at a time, in order. While it waits
it keeps the events going, so that readers of the clipboard are served meanwhile. Every wait has a
deadline: a hung compositor costs seconds on this thread and nothing anywhere else.
"""

import asyncio
import contextlib
import heapq
import itertools
import os
import queue
import selectors
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

from swictation.inject.wayland.client.wire import Display, InterfaceClass, Remote, WireError

T = TypeVar("T")

SYNC_S = 2.0
"""A compositor that has not answered for so long hangs."""
IN_TEXT_S = 10.0
"""In the middle of a text: giving up would leave open whether it arrived."""
QUEUE_CALLS = 16


class HungError(WireError):
    """The compositor does not answer, or earlier calls are still waiting for it."""


@dataclass(order=True)
class Timer:
    """A call to come; `cancel` it from the connection's thread."""

    due_s: float
    number: int
    function: Callable[[], None] | None = field(compare=False)

    def cancel(self) -> None:
        self.function = None


class Connection:
    """A live connection. All methods are for the connection's thread unless they say otherwise."""

    def __init__(self, name: str | None) -> None:
        """`name`: as in `$WAYLAND_DISPLAY`, None for the variable itself. Any thread."""
        self._name = name
        self._calls: queue.Queue[tuple[Future[Any], Callable[[], Any]]] = queue.Queue(QUEUE_CALLS)
        self._selector = selectors.DefaultSelector()
        self._woken, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._selector.register(self._woken, selectors.EVENT_READ, self._on_wake)
        self._timers: list[Timer] = []
        self._numbers = itertools.count()
        self._closing = False
        self._unsent = False
        self._door = threading.Lock()
        self.lost = ""
        """Why it is no longer usable; "" while it is. Any thread may read it."""
        self.at_end: Callable[[], None] = lambda: None
        """Called on the thread when it ends, for any reason."""
        self.display: Display
        self._thread = threading.Thread(target=self._run, name="wayland", daemon=True)

    # --- for any thread

    async def open(self, timeout_s: float) -> None:
        """Start the thread and connect. Raises WireError."""
        self._thread.start()
        await self.call(self.barrier, timeout_s)

    async def call(self, function: Callable[[], T], timeout_s: float) -> T:
        """Run `function` on the thread. Raises WireError and what `function` raises.

        HungError means that it did not finish in time. If it had not begun by then, it never
        will, and `HungError.args[0]` is "busy".
        """
        future: Future[T] = Future()
        with self._door:
            if self.lost:
                raise WireError(self.lost)
            try:
                self._calls.put_nowait((future, function))
            except queue.Full:
                raise HungError("busy") from None
        self._nudge()
        wrapped = asyncio.wrap_future(future)
        done, _ = await asyncio.wait((wrapped,), timeout=timeout_s)
        if done:
            return wrapped.result()
        begun = not future.cancel()
        raise HungError("stuck" if begun else "busy")

    async def close(self, timeout_s: float = 3.0) -> bool:
        """Disconnect. False when the thread did not end in time."""
        self._closing = True
        self._nudge()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, timeout_s)
        return not self._thread.is_alive()

    def _nudge(self) -> None:
        with self._door, contextlib.suppress(BlockingIOError):
            if self._wake >= 0:
                os.write(self._wake, b"\0")

    # --- for the thread itself

    def barrier(
        self, timeout_s: float = SYNC_S, at_pass: Callable[[], None] = lambda: None
    ) -> None:
        """Return when the compositor has handled all requests so far, and all events before that.

        `at_pass` is called between these events and later ones, which may be handled before this
        returns. Raises HungError after `timeout_s`, WireError when the connection breaks.
        """
        passed: list[bool] = []

        def note() -> None:
            passed.append(True)
            at_pass()

        callback = self.display.sync(note)
        answered = self.wait(lambda: bool(passed), timeout_s)
        callback.forget()
        if not answered:
            raise HungError("the compositor does not answer")

    def wait(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Handle events until `condition` is true: False if it is not within `timeout_s`."""
        deadline_s = time.monotonic() + timeout_s
        while not condition():
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                return False
            self._turn(left_s)
        return True

    def watch(self, fd: int, events: int, ready: Callable[[], None]) -> None:
        """Call `ready` whenever `fd` is ready; `unwatch` before closing it."""
        self._selector.register(fd, events, ready)

    def unwatch(self, fd: int) -> None:
        self._selector.unregister(fd)

    def after(self, delay_s: float, function: Callable[[], None]) -> Timer:
        """Call `function` once, later."""
        timer = Timer(time.monotonic() + delay_s, next(self._numbers), function)
        heapq.heappush(self._timers, timer)
        return timer

    def bind(self, interface: InterfaceClass) -> Remote | None:
        """The global of that interface, or None if the compositor has none."""
        return self.display.bind(interface) if self.display.offers(interface.name) else None

    # --- the loop

    def _run(self) -> None:
        try:
            self.display = Display(self._name)
            self._selector.register(self.display.fileno(), selectors.EVENT_READ, self._on_display)
            while not self._closing:
                self._turn(None)
                self._serve()
            self._end("closed")
        except WireError as error:
            self._end(str(error))
        except Exception as error:  # noqa: BLE001 - the thread's end must be noticed
            self._end(f"{type(error).__name__} in the Wayland thread")

    def _serve(self) -> None:
        while not self._closing:
            try:
                future, function = self._calls.get_nowait()
            except queue.Empty:
                return
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(function())
            except WireError as error:
                future.set_exception(error)
                if not isinstance(error, HungError):
                    raise
            except Exception as error:  # noqa: BLE001 - it belongs to the caller
                future.set_exception(error)

    def _turn(self, timeout_s: float | None) -> None:
        """Send what is queued, wait for one thing to happen, handle it."""
        unsent = not self.display.flush()
        if unsent != self._unsent:
            self._unsent = unsent
            interest = selectors.EVENT_READ | (selectors.EVENT_WRITE if unsent else 0)
            self._selector.modify(self.display.fileno(), interest, self._on_display)
        if self._timers:
            until_s = max(0.0, self._timers[0].due_s - time.monotonic())
            timeout_s = until_s if timeout_s is None else min(timeout_s, until_s)
        for key, _ in self._selector.select(timeout_s):
            if key.fd in self._selector.get_map():
                key.data()
        while self._timers and self._timers[0].due_s <= time.monotonic():
            function = heapq.heappop(self._timers).function
            if function is not None:
                function()

    def _on_display(self) -> None:
        self.display.read()

    def _on_wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._woken, 4096)

    def _end(self, reason: str) -> None:
        self.at_end()
        with self._door:
            self.lost = reason
            for fd in (self._woken, self._wake):
                os.close(fd)
            self._wake = -1
        while True:
            try:
                future, _ = self._calls.get_nowait()
            except queue.Empty:
                break
            if future.set_running_or_notify_cancel():
                future.set_exception(WireError(reason))
        self._selector.close()
        if hasattr(self, "display"):
            self.display.close()
