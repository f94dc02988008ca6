"""One thread owns the connection to the compositor; other threads pass it calls.

A call runs on the thread from its first line to its last, one at a time, in order. While it waits
it keeps the events going, so that readers of the clipboard are served meanwhile. Every wait has a
deadline: a hung compositor costs seconds on this thread and nothing anywhere else.
"""

import asyncio
import sched
import selectors
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from swictation.inject.calls import Calls
from swictation.inject.wayland.client.wire import Display, WireError

T = TypeVar("T")

SYNC_S = 2.0
"""A compositor that has not answered for this long hangs."""
IN_TEXT_S = 10.0
"""In the middle of a text: giving up would leave open whether it arrived."""
CLOSE_S = 3.0
QUEUE_CALLS = 16


class HungError(WireError):
    """The compositor does not answer."""

    def __init__(self, *, has_begun: bool = False) -> None:
        """`has_begun`: the call was begun, and may end at any time; otherwise it never will."""
        super().__init__("the compositor does not answer")
        self.has_begun = has_begun


class Connection:
    """A live connection. All methods are for the connection's thread unless they say otherwise."""

    def __init__(self, name: str | None) -> None:
        """`name`: as in `$WAYLAND_DISPLAY`, None for the variable itself. Any thread."""
        self._name = name
        self._calls = Calls(QUEUE_CALLS, WireError)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._calls, selectors.EVENT_READ, self._calls.calm)
        self._timers = sched.scheduler()
        self._unsent = False
        self._at_end: list[Callable[[], None]] = []
        self.display: Display
        self._thread = threading.Thread(target=self._run, name="wayland", daemon=True)

    # --- for any thread

    @property
    def lost(self) -> str:
        """Why it is no longer usable; "" while it is."""
        return self._calls.lost

    async def open(self, timeout_s: float) -> None:
        """Start the thread and connect. Raises WireError."""
        self._thread.start()
        await self.call(self.barrier, timeout_s)

    async def call(self, function: Callable[[], T], timeout_s: float) -> T:
        """Run `function` on the thread. Raises WireError and what `function` raises.

        HungError means that it did not finish in time.
        """
        future = self._calls.put(function)
        wrapped = asyncio.wrap_future(future)
        done, _ = await asyncio.wait((wrapped,), timeout=timeout_s)
        if done:
            return wrapped.result()
        raise HungError(has_begun=not future.cancel())

    async def close(self) -> None:
        """Disconnect; a thread that is stuck is left behind."""
        self._calls.stop()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, CLOSE_S)

    # --- for the thread itself

    def barrier(
        self, timeout_s: float = SYNC_S, at_pass: Callable[[], None] = lambda: None
    ) -> None:
        """Wait until the compositor has handled all requests so far, and we all events before that.

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
            raise HungError

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

    def after(self, delay_s: float, function: Callable[[], None]) -> sched.Event:
        """Call `function` once, later, unless `cancel`led."""
        return self._timers.enter(delay_s, 0, function)

    def cancel(self, timer: sched.Event) -> None:
        """Cancel a call of `after`; nothing happens if it was made."""
        with suppress(ValueError):  # it was called
            self._timers.cancel(timer)

    def at_end(self, function: Callable[[], None]) -> None:
        """Call `function` on the thread when it ends, for any reason."""
        self._at_end.append(function)

    # --- the loop

    def _run(self) -> None:
        try:
            self.display = Display(self._name)
            self._selector.register(self.display.fileno(), selectors.EVENT_READ, self._on_display)
            while not self._calls.is_stopping:
                self._turn(None)
                while not self._calls.is_stopping and self._calls.run_next(_is_fatal):
                    continue
            self._end("closed")
        except WireError as error:
            self._end(str(error))
        except Exception as error:  # noqa: BLE001 - the thread's end must be noticed
            self._end(f"{type(error).__name__} in the Wayland thread")

    def _turn(self, timeout_s: float | None) -> None:
        """Send what is queued, wait for one thing to happen, handle it."""
        unsent = not self.display.flush()
        if unsent != self._unsent:
            self._unsent = unsent
            interest = selectors.EVENT_READ | (selectors.EVENT_WRITE if unsent else 0)
            self._selector.modify(self.display.fileno(), interest, self._on_display)
        for timer in self._timers.queue[:1]:
            until_s = max(0.0, timer.time - time.monotonic())
            timeout_s = until_s if timeout_s is None else min(timeout_s, until_s)
        for key, _ in self._selector.select(timeout_s):
            if key.fd in self._selector.get_map():
                key.data()
        self._timers.run(blocking=False)

    def _on_display(self) -> None:
        self.display.read()

    def _end(self, reason: str) -> None:
        for function in self._at_end:
            function()
        self._calls.end(reason)
        self._selector.close()
        if hasattr(self, "display"):
            self.display.close()


def _is_fatal(error: Exception) -> bool:
    """Whether a call failed because the connection is gone: else it is its caller's error."""
    return isinstance(error, WireError) and not isinstance(error, HungError)
