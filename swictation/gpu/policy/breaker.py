"""Whether a device is trusted with work. Pure: time is passed in.

closed --3 OOMs in 60 s--> open --pause over--> half-open --2 good probes--> closed. A failure that
ends a worker (a fatal CUDA error, a crash, a hang, a lost GPU) leads to dead from any state. Only a
new generation of the worker leaves dead: no call into a poisoned process ever helps.
"""

from swictation.backoff import Backoff
from swictation.gpu.status import BreakerState
from swictation.types import FailureKind

OOMS_UNTIL_OPEN = 3
WINDOW_S = 60.0
FIRST_PAUSE_S = 5.0
MAX_PAUSE_S = 300.0
PROBES_UNTIL_CLOSED = 2
DEATHS_UNTIL_BAN = 3
BAN_WINDOW_S = 600.0


class Breaker:
    """Trusts a device's worker, doubts it, or has given it up.

    The beginning and the end of a probe are reported separately, and other calls may end in
    between: those are reported with `is_probe=False`. The caller drops results of an old
    generation (`is_current`).
    """

    def __init__(self) -> None:
        self.state: BreakerState = "closed"
        self.generation = 0
        self.failures = 0
        """Failures since the breaker closed, or since the last OOM left the window."""
        self.why = ""
        """What led to this state, for the user; "" if nothing is wrong."""
        self._ooms: list[float] = []
        self._deaths: list[float] = []
        self._pause = Backoff(FIRST_PAUSE_S, MAX_PAUSE_S)
        self._is_probing = False
        self._good_probes = 0
        self.is_banned = False
        """Too many workers died in too short a time: until `reset`, no other may start."""

    @property
    def is_closed(self) -> bool:
        """Whether the device may do a user's work."""
        return self.state == "closed"

    def begin_probe(self, now_s: float) -> bool:
        """Begin a probe if one may begin now, and say whether it has. Only one at a time."""
        if self._is_probing:
            return False
        if self.state == "open" and self._pause.is_over(now_s):
            self.state, self._good_probes = "half-open", 0
        if self.state != "half-open":
            return False
        self._is_probing = True
        return True

    def withdraw_probe(self) -> None:
        """The probe ended without a verdict on the device: another one may begin."""
        self._is_probing = False

    def succeeded(self, now_s: float, *, is_probe: bool = True) -> None:
        """A call succeeded; only a probe's success restores trust."""
        was_probing = is_probe and self._is_probing
        if is_probe:
            self._is_probing = False
        if self.state == "half-open" and was_probing:
            self._good_probes += 1
            if self._good_probes >= PROBES_UNTIL_CLOSED:
                self._close()
        elif self.state == "closed":
            # A known sound is short: only a user's work proves that there is room.
            self._pause.succeeded()
            self._forget_old_ooms(now_s)
            if not self._ooms:
                self.failures, self.why = 0, ""

    def failed(
        self, kind: FailureKind, now_s: float, *, is_probe: bool = True, why: str = ""
    ) -> None:
        """A call failed. Any failure but an OOM means that the worker has ended, or has to.

        `why`: in words, if more is known than the kind.
        """
        if self.state == "dead":
            return
        if is_probe:
            self._is_probing = False
        self.failures += 1
        if kind != "oom":
            self._die(why.rstrip(".") or _DEATHS[kind], now_s)
        elif self.state == "half-open":
            self._open(now_s, "the GPU was short of memory again")
        elif self.state == "closed":
            self._forget_old_ooms(now_s)
            self._ooms.append(now_s)
            self.why = "the GPU was short of memory"
            if len(self._ooms) >= OOMS_UNTIL_OPEN:
                self._open(now_s, f"the GPU was short of memory {len(self._ooms)} times")

    def new_generation(self) -> bool:
        """There is a new worker, not trusted yet. While banned: do nothing and return False."""
        if self.is_banned:
            return False
        self.state = "half-open"
        self.generation += 1
        self.why = self.why or "the worker is new"
        self._ooms.clear()
        self._is_probing = False
        self._good_probes = 0
        return True

    def is_current(self, generation: int) -> bool:
        """Whether results of that generation still count."""
        return generation == self.generation

    def reset(self) -> None:
        """End bans and pauses: the user asked for it, or the machine slept. Dead stays dead."""
        self.is_banned = False
        self._deaths.clear()
        self._pause.succeeded()

    def _close(self) -> None:
        self.state, self.why = "closed", ""
        self.failures = 0
        self._ooms.clear()

    def _open(self, now_s: float, why: str) -> None:
        self._pause.failed(now_s)
        self._ooms.clear()
        self.state, self.why = "open", why

    def _die(self, why: str, now_s: float) -> None:
        self.state, self.why = "dead", why
        self._is_probing = False
        recent = [at for at in self._deaths if now_s - at < BAN_WINDOW_S]
        self._deaths = [*recent, now_s]
        if len(self._deaths) >= DEATHS_UNTIL_BAN:
            self.is_banned = True
            self.why = f"{len(self._deaths)} workers died in ten minutes; the last: {self.why}"

    def _forget_old_ooms(self, now_s: float) -> None:
        self._ooms = [at for at in self._ooms if now_s - at < WINDOW_S]


_DEATHS: dict[FailureKind, str] = {
    "oom": "the GPU was short of memory",
    "fatal": "a CUDA error that no process survives",
    "crash": "the worker crashed",
    "hang": "the worker hung",
    "lost": "the GPU is lost",
    "other": "the worker failed",
}
