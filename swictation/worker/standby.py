"""What is kept beside the worker on the GPU as long as the host has memory for it."""

import psutil

from swictation.asr.engine import EngineSpec
from swictation.asr.registry import find
from swictation.gpu.status import CpuState
from swictation.types import MIB
from swictation.worker.forkserver.server import ForkServer
from swictation.worker.supervisor import Supervisor

_KEEP_RATIO = 0.75
"""What is there takes memory itself: it is not ended for that."""


class CpuStandby:
    """The engine on the processor: there while it serves, or may have to."""

    def __init__(self, supervisor: Supervisor, least_available_mib: int) -> None:
        """`least_available_mib`: of the host's memory, below which it is kept only to serve."""
        self._supervisor = supervisor
        self._least_available_mib = least_available_mib
        self._spec: EngineSpec | None = None
        self._is_missing = False

    @property
    def state(self) -> CpuState:
        """Whether it can be asked."""
        supervisor = self._supervisor
        if self._is_missing:
            return "failed"
        if supervisor.is_ready:
            return "ready"
        if supervisor.restarts.is_hopeless:
            return "failed"
        return "loading" if supervisor.is_wanted else "none"

    def set_engine(self, spec: EngineSpec) -> None:
        """Its model is there."""
        self._spec, self._is_missing = spec, False
        if self._supervisor.is_wanted:
            self._supervisor.use(spec)

    def cpu_unavailable(self) -> None:
        """There is no engine for it, or its model cannot be had."""
        self._is_missing = True

    def tend(self, *, must_serve: bool, is_idle: bool) -> None:
        """Start it or end it."""
        supervisor = self._supervisor
        is_there = supervisor.is_wanted
        has_room = _has_room(self._least_available_mib, is_there=is_there)
        is_needed = must_serve or (not is_idle and has_room)
        if self._spec and is_needed and not is_there:
            supervisor.start(self._spec)
        elif is_there and not is_needed:
            supervisor.release("idle" if is_idle else "the host's memory is short")


class ForkServerPolicy:
    """When there is a fork server: while the GPU is in use, or soon may be."""

    def __init__(self, forkserver: ForkServer, least_available_mib: int) -> None:
        """`least_available_mib`: of the host's memory, below which there is none."""
        self._forkserver = forkserver
        self._least_available_mib = least_available_mib
        self._engine = ""

    def set_engine(self, engine: str) -> None:
        """Which engine computes on the GPU."""
        provider = find(engine)
        self._engine = engine if provider and provider.preload else ""

    def tend(self, *, is_used: bool, may_stay: bool) -> None:
        """Start it or end it; never while a worker lives that would end with it.

        Args:
            is_used: somebody dictates, or a worker on the GPU is there or about to be.
            may_stay: it would be of use soon.
        """
        forkserver = self._forkserver
        is_there = forkserver.pid is not None
        if not may_stay or not _has_room(self._least_available_mib, is_there=is_there):
            if not forkserver.has_workers:
                forkserver.release("the host's memory is short" if may_stay else "idle")
            return
        if forkserver.engine not in ("", self._engine) and not forkserver.has_workers:
            forkserver.release("another engine is wanted")
        if is_used and self._engine:
            forkserver.start(self._engine)

    async def end(self) -> None:
        """End it before the machine sleeps."""
        self._forkserver.release("the machine goes to sleep")
        await self._forkserver.ended()


def _has_room(least_available_mib: int, *, is_there: bool) -> bool:
    """Whether the host has memory for something, or to keep what is there."""
    least_mib = least_available_mib * (_KEEP_RATIO if is_there else 1.0)
    return psutil.virtual_memory().available >= least_mib * MIB
