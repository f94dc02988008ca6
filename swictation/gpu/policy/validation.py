"""Whether the answers of the worker on the GPU are trusted. Pure.

After a fault, recovery counts only once it is validated: a new worker has to transcribe a known
sound first, and a worker that follows a fault has to do so twice, one at a time.
"""

from typing import Literal

from swictation.backoff import Backoff
from swictation.gpu.policy.breaker import Breaker
from swictation.types import FailureKind

VALIDATION_S = 2.0
"""The most that the known sound lasts."""

_Running = Literal["", "probe", "first"]


class WorkerValidation:
    """Validates each worker in turn, according to the breaker's state."""

    def __init__(self, breaker: Breaker) -> None:
        self.breaker = breaker
        self._is_proven = False
        self.has_served = False
        """Whether this worker has ever been trusted."""
        self._running: _Running = ""
        self._retry = Backoff(5.0, 300.0)

    def begin(self) -> None:
        """There is a new worker, or none any more: drop a validation of the old one."""
        if self._running == "probe":
            self.breaker.withdraw_probe()
        self._is_proven = self.has_served = False
        self._running = ""

    @property
    def is_trusted(self) -> bool:
        """Whether the worker may get a user's requests."""
        return self._is_proven and self.breaker.is_closed

    @property
    def is_validating(self) -> bool:
        return bool(self._running)

    def may_begin(self, now_s: float) -> bool:
        """Begin a validation if one is due, and say whether it has begun."""
        if self._running or self.is_trusted or not self._retry.is_over(now_s):
            return False
        if self.breaker.state == "closed":
            self._running = "first"
        elif self.breaker.begin_probe(now_s):
            self._running = "probe"
        return bool(self._running)

    def validated(self, now_s: float, *, is_good: bool) -> None:
        """The validation is over; a wrong answer counts as a broken worker."""
        running, self._running = self._running, ""
        if not running:
            return  # its failure has been reported already
        if not is_good:
            self._retry.failed(now_s)
            self.breaker.failed("other", now_s, is_probe=running == "probe")
            return
        self._retry.succeeded()
        if running == "probe":
            self.breaker.succeeded(now_s)
        self._is_proven = self.breaker.state == "closed"
        self.has_served = self.has_served or self._is_proven

    def failed(self, kind: FailureKind, now_s: float, why: str = "") -> None:
        """A call failed; if a validation runs, it was that. `why`: see `Breaker.failed`."""
        is_probe = self._running == "probe"
        if self._running:
            self._retry.failed(now_s)
        self._running = ""
        self.breaker.failed(kind, now_s, is_probe=is_probe, why=why)

    def succeeded(self, now_s: float) -> None:
        """A user's request was answered."""
        self.breaker.succeeded(now_s, is_probe=False)

    def next_s(self, now_s: float) -> float | None:
        """When a validation may be due."""
        if self.breaker.state == "open":
            return now_s + 1.0
        return self._retry.until_s if self._retry.until_s > now_s else None
