"""The engine on the processor beside one on a card: there while it serves, or may have to."""

from typing import Literal

import psutil

from swictation.asr.engine import EngineSpec
from swictation.worker.supervisor import Supervisor

_KEEP_RATIO = 0.75
"""A worker that is there takes memory itself: it is not ended for that."""
_MIB = 2**20

State = Literal["none", "loading", "ready", "failed"]


class Spare:
    """Belongs to the run loop."""

    def __init__(self, supervisor: Supervisor, least_available_mib: int) -> None:
        """`least_available_mib`: of the host's memory, below which it is kept only to serve."""
        self._supervisor = supervisor
        self._least_available_mib = least_available_mib
        self._spec: EngineSpec | None = None
        self._is_missing = False

    @property
    def state(self) -> State:
        """Whether it can be asked."""
        supervisor = self._supervisor
        if self._is_missing:
            return "failed"
        if supervisor.restarts.is_hopeless and not supervisor.is_ready:
            return "failed"
        if supervisor.state == "none" and supervisor.is_wanted:
            return "loading"
        return supervisor.state

    def have(self, spec: EngineSpec) -> None:
        """Its model is there."""
        self._spec, self._is_missing = spec, False
        if self._supervisor.is_wanted:
            self._supervisor.use(spec)

    def miss(self) -> None:
        """There is none, or its model cannot be had."""
        self._is_missing = True

    def tend(self, *, must_serve: bool, is_idle: bool) -> None:
        """Start it or end it."""
        supervisor = self._supervisor
        is_wanted = must_serve or (not is_idle and self._has_room())
        if self._spec and is_wanted and not supervisor.is_wanted:
            supervisor.start(self._spec)
        elif supervisor.is_wanted and not is_wanted:
            supervisor.release("idle" if is_idle else "the host's memory is short")

    def _has_room(self) -> bool:
        least_mib = self._least_available_mib * (_KEEP_RATIO if self._supervisor.is_wanted else 1.0)
        return psutil.virtual_memory().available >= least_mib * _MIB
