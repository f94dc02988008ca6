"""Reads the configuration again beside the run loop: no file can stop dictation."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from threading import Thread

from swictation.config.load import Loaded
from swictation.errors import ConfigError, SwictationError

THREAD = "settings"

_log = logging.getLogger(__name__)


class Rereading:
    """Reads on a thread that nobody waits for, once at a time. Used on the run loop."""

    def __init__(
        self,
        load: Callable[[], Loaded],
        on_read: Callable[[Loaded | SwictationError], None],
    ) -> None:
        """`on_read` is given what `load` returned, or raised."""
        self._load = load
        self._on_read = on_read
        self._is_reading = False
        self._is_asked_again = False
        self._is_stopped = False

    def ask(self) -> None:
        """Read it; a reading under way may miss the latest change, so it is repeated."""
        if self._is_reading:
            self._is_asked_again = True
            return
        self._is_reading = True
        loop = asyncio.get_running_loop()
        Thread(target=self._read, args=(loop,), name=THREAD, daemon=True).start()

    def stop(self) -> None:
        """Ignore what is still read; a thread on a hanging file system is left behind."""
        self._is_stopped = True

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        """Runs on the thread."""
        try:
            found: Loaded | SwictationError = self._load()
        except SwictationError as error:
            found = error
        except Exception as error:  # noqa: BLE001 - to be reported; the old settings stay
            _log.info("unexpected", exc_info=error)
            found = ConfigError(f"it cannot be read: {type(error).__name__}; this is a bug")
        with contextlib.suppress(RuntimeError):  # the loop is closed: the daemon has ended
            loop.call_soon_threadsafe(self._take, found)

    def _take(self, found: Loaded | SwictationError) -> None:
        self._is_reading = False
        if self._is_stopped:
            return
        if self._is_asked_again:
            self._is_asked_again = False
            self.ask()
        else:
            self._on_read(found)
