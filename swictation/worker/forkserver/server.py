"""Keeps a fork server: starts it, has workers forked, and does without it where it fails.

Nobody ever waits for a fork server that is not about to answer: what it does not do in its time is
done by exec, and the worker is the same.
"""

import asyncio
import logging

from swictation.backoff import Backoff
from swictation.errors import WorkerError
from swictation.worker.forkserver.process import ForkServerProcess
from swictation.worker.spawn import Child, Ends, by_exec

_FIRST_REST_S = 30.0
"""The worker that has to do without it imports by itself meanwhile."""
_LONGEST_REST_S = 3600.0
_GOOD_LIFE_S = 600.0
"""After which an end says nothing of the next one."""

_log = logging.getLogger(__name__)


class ForkServer:
    """One fork server at a time. Lives on the run loop's thread."""

    def __init__(self, import_s: float, first_rest_s: float = _FIRST_REST_S) -> None:
        """Start nothing.

        Args:
            import_s: it may take so long until it can fork.
            first_rest_s: after it failed; twice as long after each further failure.
        """
        self._import_s = import_s
        self._rest = Backoff(first_rest_s, _LONGEST_REST_S)
        self._life: ForkServerProcess | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._is_stopped = False

    @property
    def engine(self) -> str:
        """Whose needs are imported; "" while there is no fork server."""
        return self._life.engine if self._life else ""

    @property
    def pid(self) -> int | None:
        """Its process id; None while there is none."""
        return self._life.pid if self._life else None

    @property
    def has_workers(self) -> bool:
        """Whether one that it forked, or is about to, would end with it."""
        return self._life is not None and self._life.has_workers

    def start(self, engine: str) -> None:
        """Have one for that engine, unless there is one or the last one's failure is too near."""
        loop = asyncio.get_running_loop()
        if self._life or self._is_stopped or not self._rest.is_over(loop.time()):
            return
        try:
            self._life = life = ForkServerProcess(engine, self._import_s)
        except OSError as error:
            self._note_failure(f"it cannot be started: {error.strerror}")
            return
        task = asyncio.create_task(self._see_off(life), name="fork server")
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def release(self, reason: str) -> None:
        """End it, and what it forked; `ended` tells when that is done."""
        if self._life:
            _log.info("the fork server ends: %s", reason)
            if self._life.has_served:
                self._rest.succeeded()
            self._life.end(reason)
            self._life = None

    async def ended(self) -> None:
        """Returns when none is left that was released."""
        while self._ending and self._life is None:
            await asyncio.wait(self._ending)

    async def stop(self) -> None:
        """Have none any more."""
        self._is_stopped = True
        self.release("shutdown")
        await self.ended()

    async def spawn(self, ends: Ends) -> Child:
        """A worker, forked if that can be had: see `spawn.Spawn`."""
        if self._life is None:
            return await by_exec(ends)
        try:
            return await self._life.fork(ends)
        except WorkerError as error:
            _log.info("the worker is started without the fork server: %s", error.message)
            return await by_exec(ends)

    async def _see_off(self, life: ForkServerProcess) -> None:
        """Wait for its end, and learn from it."""
        begun_s = asyncio.get_running_loop().time()
        reason = await life.ended()
        if life is self._life:  # nobody wished it
            self._life = None
            if asyncio.get_running_loop().time() - begun_s > _GOOD_LIFE_S:
                self._rest.succeeded()
            self._note_failure(reason)

    def _note_failure(self, reason: str) -> None:
        rest_s = self._rest.failed(asyncio.get_running_loop().time())
        _log.warning("the fork server ended (%s): none for %.0f s", reason, rest_s)
