"""Keeps a fork server: starts it, requests workers from it, and does without it if it fails.

Nothing waits for a fork server that does not answer in time: then the worker is started by exec.
"""

import asyncio
import logging

from swictation.backoff import Backoff
from swictation.errors import WorkerError
from swictation.worker.forkserver.process import ForkServerProcess
from swictation.worker.spawn import Child, Ends, by_exec

_FIRST_REST_S = 30.0
"""Meanwhile a worker that starts without it does the imports itself."""
_LONGEST_REST_S = 3600.0
_GOOD_LIFE_S = 600.0
"""A fork server that ends after this time does not count as a failure in a row."""

_log = logging.getLogger(__name__)


class ForkServer:
    """One fork server at a time. Lives on the run loop's thread."""

    def __init__(self, import_s: float, first_rest_s: float = _FIRST_REST_S) -> None:
        """Start nothing yet.

        Args:
            import_s: the longest that its imports may take.
            first_rest_s: the pause after a failure; each further failure doubles it.
        """
        self._import_s = import_s
        self._rest = Backoff(first_rest_s, _LONGEST_REST_S)
        self._life: ForkServerProcess | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._is_stopped = False

    @property
    def engine(self) -> str:
        """The engine whose libraries are imported; "" while there is no fork server."""
        return self._life.engine if self._life else ""

    @property
    def pid(self) -> int | None:
        """The fork server's process id; None while there is none."""
        return self._life.pid if self._life else None

    @property
    def has_workers(self) -> bool:
        """Whether a worker that it forked, or is about to fork, would end with it."""
        return self._life is not None and self._life.has_workers

    def start(self, engine: str) -> None:
        """Start one for that engine, unless there is one or the last has just failed."""
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
        """End the fork server and its workers; `ended` waits for that."""
        if self._life:
            _log.info("the fork server ends: %s", reason)
            if self._life.has_served:
                self._rest.succeeded()
            self._life.end(reason)
            self._life = None

    async def ended(self) -> None:
        """Wait until none is left that was released."""
        while self._ending and self._life is None:
            await asyncio.wait(self._ending)

    async def stop(self) -> None:
        """End the fork server and start no other."""
        self._is_stopped = True
        self.release("shutdown")
        await self.ended()

    async def spawn(self, ends: Ends) -> Child:
        """Start a worker, forked if possible: see `spawn.Spawn`."""
        if self._life is None:
            return await by_exec(ends)
        try:
            return await self._life.fork(ends)
        except WorkerError as error:
            _log.info("the worker is started without the fork server: %s", error.message)
            return await by_exec(ends)

    async def _see_off(self, life: ForkServerProcess) -> None:
        """Wait for a fork server to end, and set the pause before the next one."""
        begun_s = asyncio.get_running_loop().time()
        reason = await life.ended()
        if life is self._life:  # nobody asked for it
            self._life = None
            if asyncio.get_running_loop().time() - begun_s > _GOOD_LIFE_S:
                self._rest.succeeded()
            self._note_failure(reason)

    def _note_failure(self, reason: str) -> None:
        rest_s = self._rest.failed(asyncio.get_running_loop().time())
        _log.warning("the fork server ended (%s); the next may start in %.0f s", reason, rest_s)
