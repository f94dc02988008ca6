"""The thread `vram-probe`: reads the GPU as often as it is needed, and decides nothing.

A driver in trouble blocks for ever, so nothing waits for this thread: it posts what it read.
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
    """What somebody wants to know of the GPU."""

    need: Need = "none"
    pids: frozenset[int] = frozenset()
    """Whose memory is ours."""
    near: bool = False
    """Near a threshold, or something of ours was freed and has not shown yet."""


def interval_s(wish: Wish, settings: VramSettings, *, is_ill: bool) -> float | None:
    """Seconds from a reading to the next; None: there is none, and NVML is closed.

    Args:
        wish: what is wanted.
        settings: how often.
        is_ill: the driver failed. To open it again is work: seldom is enough.
    """
    if wish.need == "none":
        return None
    if is_ill or wish.need == "awaited":
        return settings.read_every_absent_s
    return settings.read_every_near_s if wish.near else settings.read_every_s


class VramPoller:
    """Reads `probe` on a thread of its own by the last wish, and posts each snapshot.

    While one is unread, that is until `ack`, later ones are not posted; of these only the
    newest is kept, and posted by `ack`.
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
            clock: another one for tests.
        """
        self._probe = probe
        self._post = post
        self._settings = settings
        self._clock = clock or MonotonicClock()
        self._lock = Lock()
        self._wish = Wish()
        self._due_from_s = float("-inf")
        """When the last reading began; whatever interval is wanted counts from it."""
        self._is_ill = False
        self._has_told_fault = False
        self._is_unread = False
        self._newest: VramSnapshot | None = None
        self._changed = Event()
        self._stopped = False
        self._thread = Thread(target=self._run, name="vram-probe", daemon=True)

    @property
    def gpu_uuid(self) -> str:
        """Of the GPU that is read, so that a worker uses the same one; "" before there was any."""
        gpu = self._probe.gpu
        return gpu.uuid if gpu else ""

    def start(self) -> None:
        """Begin; nothing is read before the first `watch`."""
        self._thread.start()

    def stop(self) -> None:
        """Close the GPU and end the thread; a driver that blocks is left behind with it."""
        self._stopped = True
        self._changed.set()
        if self._thread.ident is None:
            return  # never started: something else of the daemon could not begin
        self._thread.join(_GOOD_BYE_S)
        if self._thread.is_alive():
            _log.warning("the graphics driver does not answer: its thread is left behind")

    def watch(self, need: Need, pids: Collection[int] = (), *, near: bool = False) -> None:
        """Say what is to be known from now on; of any thread. A new need is read at once."""
        wish = Wish(need, frozenset(pids), near)
        with self._lock:
            if wish == self._wish:
                return
            if need != self._wish.need:
                self._due_from_s, self._is_ill = float("-inf"), False
            self._wish = wish
        self._changed.set()

    def ack(self) -> None:
        """The snapshot that was posted last has been used: the next may come. Of any thread."""
        with self._lock:
            newest, self._newest = self._newest, None
            self._is_unread = newest is not None
        if newest is not None:
            self._post(newest)

    def tick(self) -> float | None:
        """Do what is due; seconds until the next tick, None: not before a wish.

        On the thread, or alone in tests.
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
        """The net under the probe: a driver's fault ends neither this thread nor the daemon."""
        try:
            return self._probe.read(wish.pids)
        except Exception as error:  # noqa: BLE001 - a package that does not fit may raise anything
            self._tell_fault(error)
            self._close()
            reason = f"the driver's package failed: {type(error).__name__}"
            return VramSnapshot(self._clock.now_s(), trouble="unknown", reason=reason)

    def _close(self) -> None:
        try:
            self._probe.close()
        except Exception as error:  # noqa: BLE001 - as above
            self._tell_fault(error)

    def _tell_fault(self, error: Exception) -> None:
        """Once: it would be told again at each reading."""
        if not self._has_told_fault:
            self._has_told_fault = True
            _log.error("the GPU cannot be read, for a fault that is not foreseen: %r", error)

    def _run(self) -> None:
        while True:
            self._changed.clear()
            if self._stopped:  # looked at after the clearing, which may have undone `stop`'s
                break
            self._changed.wait(self.tick())
        self._close()
