"""When a nursery is kept: while the card is in use or soon may be, and the host has memory."""

import psutil

from swictation.asr.registry import find
from swictation.worker.nursery_keeper import Nursery

_KEEP_RATIO = 0.75
"""One that is there takes memory itself: it is not ended for that."""
_MIB = 2**20


class Nursing:
    """Belongs to the run loop."""

    def __init__(self, nursery: Nursery, least_available_mib: int) -> None:
        """`least_available_mib`: of the host's memory, below which there is none."""
        self._nursery = nursery
        self._least_available_mib = least_available_mib
        self._engine = ""

    def have(self, engine: str) -> None:
        """Which engine computes on the card."""
        provider = find(engine)
        self._engine = engine if provider and provider.preload else ""

    def tend(self, *, is_used: bool, may_stay: bool) -> None:
        """Start it or end it; never while a worker lives that would end with it.

        Args:
            is_used: somebody dictates, or a worker on the card is there or about to be.
            may_stay: it would be of use soon.
        """
        nursery = self._nursery
        if not may_stay or not self._has_room():
            if not nursery.has_workers:
                nursery.release("the host's memory is short" if may_stay else "idle")
            return
        if nursery.engine not in ("", self._engine) and not nursery.has_workers:
            nursery.release("another engine is wanted")
        if is_used and self._engine:
            nursery.start(self._engine)

    async def end(self) -> None:
        """End it before the machine sleeps."""
        self._nursery.release("the machine goes to sleep")
        await self._nursery.ended()

    def _has_room(self) -> bool:
        least_mib = self._least_available_mib * (_KEEP_RATIO if self._nursery.pid else 1.0)
        return psutil.virtual_memory().available >= least_mib * _MIB
