"""Keeps a CPU standby and a fork server beside the GPU worker while the host has the memory."""

import psutil

from swictation.asr.engine import EngineSpec
from swictation.asr.registry import find
from swictation.gpu.status import CpuState
from swictation.types import MIB
from swictation.worker.forkserver.server import ForkServer
from swictation.worker.supervisor import Supervisor

_KEEP_RATIO = 0.75
"""What runs already takes memory itself, so it may stay with less than it needs to start."""


class CpuStandby:
    """The engine on the CPU, kept while it serves or may have to."""

    def __init__(self, supervisor: Supervisor, least_available_mib: int) -> None:
        """`least_available_mib`: with less host memory available, it is kept only to serve."""
        self._supervisor = supervisor
        self._least_available_mib = least_available_mib
        self._spec: EngineSpec | None = None
        self._is_missing = False

    @property
    def state(self) -> CpuState:
        """Whether it is ready, and if not, why."""
        supervisor = self._supervisor
        if self._is_missing:
            return "failed"
        if supervisor.is_ready:
            return "ready"
        if supervisor.restarts.is_hopeless:
            return "failed"
        return "loading" if supervisor.is_wanted else "none"

    def set_engine(self, spec: EngineSpec) -> None:
        """Set the engine; its model is on this machine."""
        self._spec, self._is_missing = spec, False
        if self._supervisor.is_wanted:
            self._supervisor.use(spec)

    def cpu_unavailable(self) -> None:
        """There is no engine for the CPU, or it cannot be used."""
        self._is_missing = True

    def tend(self, *, must_serve: bool, is_idle: bool) -> None:
        """Start or end it, as needed."""
        supervisor = self._supervisor
        is_there = supervisor.is_wanted
        has_room = _has_room(self._least_available_mib, is_there=is_there)
        is_needed = must_serve or (not is_idle and has_room)
        if self._spec and is_needed and not is_there:
            supervisor.start(self._spec)
        elif is_there and not is_needed:
            supervisor.release("idle" if is_idle else "the host is short of memory")


class ForkServerPolicy:
    """Keeps a fork server while the GPU is in use, or soon may be."""

    def __init__(self, forkserver: ForkServer, least_available_mib: int) -> None:
        """`least_available_mib`: with less host memory available, there is none."""
        self._forkserver = forkserver
        self._least_available_mib = least_available_mib
        self._engine = ""

    def set_engine(self, engine: str) -> None:
        """Set the engine that computes on the GPU."""
        provider = find(engine)
        self._engine = engine if provider and provider.preload else ""

    def tend(self, *, is_used: bool, may_stay: bool) -> None:
        """Start or end it, as needed; never end it while one of its workers lives.

        Args:
            is_used: somebody dictates, or a worker on the GPU runs or is about to.
            may_stay: it may soon be useful.
        """
        forkserver = self._forkserver
        is_there = forkserver.pid is not None
        if not may_stay or not _has_room(self._least_available_mib, is_there=is_there):
            if not forkserver.has_workers:
                forkserver.release("the host is short of memory" if may_stay else "idle")
            return
        if forkserver.engine not in ("", self._engine) and not forkserver.has_workers:
            forkserver.release("another engine replaces it")
        if is_used and self._engine:
            forkserver.start(self._engine)

    async def end(self) -> None:
        """End the fork server before the machine sleeps."""
        self._forkserver.release("the machine goes to sleep")
        await self._forkserver.ended()


def _has_room(least_available_mib: int, *, is_there: bool) -> bool:
    """Whether the host has memory to start something, or to keep what runs already."""
    least_mib = least_available_mib * (_KEEP_RATIO if is_there else 1.0)
    return psutil.virtual_memory().available >= least_mib * MIB
