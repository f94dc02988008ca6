"""The thread `vram-probe`: reads the GPU as often as needed, and decides nothing.

A faulty driver may block for ever, so nothing waits for this thread: it posts its readings.
"""

import logging
from collections.abc import Callable, Collection
from threading import Event, Lock, Thread

import msgspec

from swictation.clock import Clock, MonotonicClock
from swictation.config.settings import VramSettings
from swictation.gpu.nvml.probe import MemoryProbe
from swictation.gpu.status import Need
from swictation.types import VramSnapshot

_GOOD_BYE_S = 1.0
_CHEAP = ("", "asleep", "nonsense")
"""Readings after which the next costs no more than usual."""

_log = logging.getLogger(__name__)


class Wish(msgspec.Struct, frozen=True):
    """Which readings of the GPU are needed."""

    need: Need = "none"
    pids: frozenset[int] = frozenset()
    """Whose memory is ours."""
    near: bool = False
    """Near a threshold, or memory that we freed does not show yet."""


def interval_s(wish: Wish, settings: VramSettings, *, is_ill: bool) -> float | None:
    """Seconds from a reading to the next; None: there is none, and NVML is closed.

    Args:
        wish: the readings that are needed.
        settings: how often to read.
        is_ill: the driver failed. Opening it again is costly, so it is tried seldom.
    """
    if wish.need == "none":
        return None
    if is_ill or wish.need == "awaited":
        return settings.read_every_absent_s
    return settings.read_every_near_s if wish.near else settings.read_every_s


class VramPoller:
    """Reads `probe` on its own thread according to the last wish, and posts each snapshot.

    Until `ack` says that a snapshot has been used, no other is posted; of the later ones only the
    newest is kept, and `ack` posts it.
    """

    def __init__(
        self,
        probe: MemoryProbe,
        post: Callable[[VramSnapshot], None],
        settings: VramSettings,
        clock: Clock | None = None,
    ) -> None:
        """Prepare to read; `start` begins.

        Args:
            probe: used on this thread alone.
            post: called on this thread, or on the one that calls `ack`; must not block.
            settings: how often to read.
            clock: a clock for tests.
        """
        self._probe = probe
        self._post = post
        self._settings = settings
        self._clock = clock or MonotonicClock()
        self._lock = Lock()
        self._wish = Wish()
        self._due_from_s = float("-inf")
        """When the last reading began; every interval counts from here."""
        self._is_ill = False
        self._has_logged_fault = False
        self._is_unread = False
        self._newest: VramSnapshot | None = None
        self._changed = Event()
        self._stopped = False
        self._thread = Thread(target=self._run, name="vram-probe", daemon=True)

    @property
    def gpu_uuid(self) -> str:
        """The UUID of the GPU that is read, for a worker to use the same one; "" if none yet."""
        gpu = self._probe.gpu
        return gpu.uuid if gpu else ""

    def start(self) -> None:
        """Begin; nothing is read before the first `watch`."""
        self._thread.start()

    def stop(self) -> None:
        """Close the GPU and end the thread. If the driver blocks, the thread is left behind."""
        self._stopped = True
        self._changed.set()
        if self._thread.ident is None:
            return  # never started: another part of the daemon failed to start
        self._thread.join(_GOOD_BYE_S)
        if self._thread.is_alive():
            _log.warning("the graphics driver does not respond; its thread is left behind")

    def watch(self, need: Need, pids: Collection[int] = (), *, near: bool = False) -> None:
        """Set which readings are needed, from any thread. A new need is read at once."""
        wish = Wish(need, frozenset(pids), near)
        with self._lock:
            if wish == self._wish:
                return
            if need != self._wish.need:
                self._due_from_s, self._is_ill = float("-inf"), False
            self._wish = wish
        self._changed.set()

    def ack(self) -> None:
        """Say, from any thread, that the last snapshot has been used: the next may be posted."""
        with self._lock:
            newest, self._newest = self._newest, None
            self._is_unread = newest is not None
        if newest is not None:
            self._post(newest)

    def tick(self) -> float | None:
        """Do what is due. Returns the seconds until the next tick; None: not before a wish.

        Called on the thread; tests call it without one.
        """
        with self._lock:
            now_s = self._clock.now_s()
            wish = self._wish
            every_s = interval_s(wish, self._settings, is_ill=self._is_ill)
            is_due = every_s is not None and now_s - self._due_from_s >= every_s
            if is_due:
                self._due_from_s = now_s
        if is_due:
            self._read(wish)
        with self._lock:
            now_s = self._clock.now_s()
            every_s = interval_s(self._wish, self._settings, is_ill=self._is_ill)
            stays_open = self._wish.need == "held"
            wait_s = None if every_s is None else max(0.0, self._due_from_s + every_s - now_s)
        if not stays_open:
            self._close()
        return wait_s

    def _read(self, wish: Wish) -> None:
        snapshot = self._ask(wish)
        with self._lock:
            if self._stopped:
                return
            if wish.need == self._wish.need:
                self._is_ill = snapshot.trouble not in _CHEAP
            if self._is_unread:
                self._newest = snapshot
                return
            self._is_unread = True
        self._post(snapshot)

    def _ask(self, wish: Wish) -> VramSnapshot:
        """Read the probe; an unexpected error ends neither this thread nor the daemon."""
        try:
            return self._probe.read(wish.pids)
        except Exception as error:  # noqa: BLE001 - an unsuitable package may raise anything
            self._log_fault(error)
            self._close()
            reason = f"the driver's package failed: {type(error).__name__}"
            return VramSnapshot(self._clock.now_s(), trouble="unknown", reason=reason)

    def _close(self) -> None:
        try:
            self._probe.close()
        except Exception as error:  # noqa: BLE001 - as above
            self._log_fault(error)

    def _log_fault(self, error: Exception) -> None:
        """Log a fault once, and not again at each reading."""
        if not self._has_logged_fault:
            self._has_logged_fault = True
            _log.error("the GPU cannot be read because of an unexpected fault: %r", error)

    def _run(self) -> None:
        while True:
            self._changed.clear()
            if self._stopped:  # checked after `clear`, which may have undone the `set` of `stop`
                break
            self._changed.wait(self.tick())
        self._close()
