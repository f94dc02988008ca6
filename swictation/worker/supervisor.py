"""Keeps one worker alive: starts it, watches it, replaces it. Machinery, no policy.

Death is seen at once (end of the channel), silence by a deadline. What a death means for the
utterance that was decoded is the run loop's business; what was asked of a dead worker is asked
again by the run loop, unchanged, once the next one is ready.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Literal

import psutil

from swictation.asr.engine import EngineSpec
from swictation.config.settings import WorkerSettings
from swictation.errors import EngineError, ProtocolError, SwictationError, WorkerError
from swictation.events import Event, ThreadFailed, WorkerAnswered, WorkerGone, WorkerReady
from swictation.types import DecodeRequest, Samples
from swictation.worker import restarts
from swictation.worker.messages import (
    PROTOCOL_VERSION,
    Answer,
    Decode,
    Failed,
    Load,
    LoadFailed,
    Ping,
    Pong,
    Ready,
    Shutdown,
)
from swictation.worker.process import WorkerProcess
from swictation.worker.restarts import HangDeadline, Restarts

_LAST_LOOK_S = 0.1
_GOODBYE_S = 0.5
_STRAY_ANSWERS_LIMIT = 16
_MIB = 2**20

_log = logging.getLogger(__name__)


class Supervisor:
    """One worker at a time, a generation number for each. Lives on the run loop's thread."""

    def __init__(self, settings: WorkerSettings, post: Callable[[Event], None]) -> None:
        self._settings = settings
        self._post = post
        self._deadline = HangDeadline(settings.hang_min_s, settings.hang_factor)
        self._worker: WorkerProcess | None = None
        self._is_ready = False
        self._open: dict[int, DecodeRequest] = {}
        self._strays = 0
        self._is_pinged = False
        self._has_answered = False
        self._planned = ""
        self._timer: asyncio.TimerHandle | None = None
        self._stopping = asyncio.Event()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.restarts = Restarts()
        self.generation = 0

    @property
    def is_ready(self) -> bool:
        """Whether a request may be sent."""
        return self._is_ready and not self._planned

    @property
    def state(self) -> Literal["none", "loading", "ready"]:
        """Of the worker."""
        if self._worker is None:
            return "none"
        return "ready" if self.is_ready else "loading"

    @property
    def pid(self) -> int | None:
        """The worker's process id."""
        return self._worker.pid if self._worker else None

    @property
    def rss_mib(self) -> float:
        """The worker's resident memory; 0 without one."""
        try:
            return psutil.Process(self.pid).memory_info().rss / _MIB if self.pid else 0.0
        except psutil.Error:
            return 0.0

    @property
    def is_bloated(self) -> bool:
        """Whether the worker has outgrown `[worker] max_rss_mib` and is to be recycled.

        Never before its first answer: a limit below what the model needs must not stop the work.
        """
        return self._has_answered and self.rss_mib > self._settings.max_rss_mib

    def start(self, spec: EngineSpec) -> None:
        """Begin to keep a worker with that engine alive."""
        self._spec = spec
        self._task = asyncio.create_task(self._keep_alive(), name="supervisor")
        self._task.add_done_callback(self._on_end)

    def use(self, spec: EngineSpec) -> None:
        """Go on with another engine, in a fresh worker; what is open is asked of that one."""
        if self._task is None:
            self.start(spec)
        elif spec != self._spec:
            self._spec = spec
            self.restarts = Restarts()
            if self._worker:
                self._planned = "another engine is wanted"
                self._worker.kill(self._planned)
            self.wake()

    def wake(self) -> None:
        """Do not wait any longer before the next start: somebody speaks."""
        self._wake.set()

    async def stop(self) -> None:
        """End the worker and wait for it."""
        self._stopping.set()
        self._wake.set()
        if self._worker and self._open:
            self._worker.kill("shutdown")
        self.recycle("shutdown")
        if self._worker and self._is_ready:  # a hung one must not hold the end up
            grace_s = min(_GOODBYE_S, self._settings.ping_timeout_s)
            self._arm(grace_s, "it did not shut down")
        if self._task:
            await self._task

    def send(self, request: DecodeRequest, samples: Samples) -> None:
        """Ask the ready worker, once; the answer comes as an event."""
        assert self._worker is not None
        if request.number in self._open:
            return
        self._open[request.number] = request
        self._worker.send(Decode(request, samples.tobytes()))
        if len(self._open) == 1:  # else the one before it has its deadline still
            self._watch()

    def excuse(self) -> None:
        """The last deaths were an utterance's fault, not the worker's."""
        self.restarts = restarts.excused(self.restarts)

    def recycle(self, reason: str) -> None:
        """Replace the worker in an orderly way; nothing may be open at it."""
        if self._worker and self._is_ready:
            self._planned = reason
            self._worker.send(Shutdown())
            self._arm(self._settings.ping_timeout_s, "it did not shut down")
        elif self._worker:
            self._planned = reason
            self._worker.kill(reason)

    def _on_end(self, task: asyncio.Task[None]) -> None:
        """Nobody keeps workers alive any more: by a bug, unless that was asked for."""
        if not task.cancelled() and (error := task.exception()):
            self._post(ThreadFailed("supervisor", repr(error)))

    async def _keep_alive(self) -> None:
        while not self._stopping.is_set():
            self.generation += 1
            await self._one_generation(self.generation)
            if self._stopping.is_set():
                return
            self._wake.clear()
            delay_s = self.restarts.delay_s()
            if delay_s:
                _log.info("the next worker starts in %.1f s", delay_s)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), delay_s)

    async def _one_generation(self, generation: int) -> None:
        worker = WorkerProcess(generation)
        error: SwictationError | None = None
        try:
            await worker.start()
        except OSError as failure:
            self.restarts = restarts.died(self.restarts)
            reason = f"it cannot be started: {failure.strerror}"
            self._post(WorkerGone(generation, reason, is_fault=True))
            return
        self._worker = worker
        self._strays = 0
        self._is_pinged = self._has_answered = False
        if self._stopping.is_set():
            self.recycle("shutdown")
        worker.send(Load(PROTOCOL_VERSION, generation, self._spec))
        self._arm(self._settings.start_timeout_s, "it did not load its engine in time")
        try:
            error = await self._listen(worker)
        except ProtocolError as failure:
            worker.kill(f"it sent {failure.message}")
        finally:
            self._disarm()
            self._is_ready = False
            self._worker = None
            decoding = next(iter(self._open.values()), None)
            blamed = decoding.utterance if decoding and not decoding.partial else None
            self._open.clear()
            ending = await worker.close()
        planned, self._planned = self._planned, ""
        if not planned:
            self.restarts = restarts.died(self.restarts, by_kill=worker.was_killed)
        reason = planned or (error.message if error else ending or "it left")
        self._post(WorkerGone(generation, reason, not planned, blamed, error))

    async def _listen(self, worker: WorkerProcess) -> SwictationError | None:
        """Take its messages until it is gone; the error that it named, if it named one."""
        while True:
            match await worker.receive():
                case Ready() as ready if not self._is_ready:
                    if ready.version != PROTOCOL_VERSION:
                        raise ProtocolError(f"protocol version {ready.version}")
                    self._on_ready(worker, ready)
                case LoadFailed(message, remedy) if not self._is_ready:
                    return EngineError(message, remedy)
                case Answer() as answer:
                    self._on_answer(worker, answer)
                case Failed(error=error):
                    worker.kill(f"its engine raised {error}")
                case Pong():
                    self._on_pong()
                case None:
                    return None
                case other:
                    raise ProtocolError(f"an unexpected {type(other).__name__}")

    def _on_ready(self, worker: WorkerProcess, ready: Ready) -> None:
        self._is_ready = True
        self._watch()
        event = WorkerReady(worker.generation, worker.pid, ready.capabilities, ready.load_s)
        self._post(event)

    def _on_answer(self, worker: WorkerProcess, answer: Answer) -> None:
        request = self._open.pop(answer.number, None)
        if request is None:
            self._on_stray()
            return
        self._has_answered = True
        self._deadline.learn(request.duration_s, answer.hypothesis.decode_s)
        self.restarts = restarts.served(self.restarts)
        self._watch()
        self._post(
            WorkerAnswered(worker.generation, answer.number, answer.hypothesis, answer.done_s)
        )

    def _on_pong(self) -> None:
        if not self._is_pinged:
            self._on_stray()
            return
        self._is_pinged = False
        if not self._open:
            self._watch()

    def _on_stray(self) -> None:
        self._strays += 1
        if self._strays > _STRAY_ANSWERS_LIMIT:
            raise ProtocolError("a flood of answers that nobody asked for")

    def _watch(self) -> None:
        """Arm the deadline of what is being decoded (the oldest that is open), or the next ping."""
        for request in self._open.values():
            seconds = self._deadline.seconds(request.duration_s)
            self._arm(seconds, f"it hung: no answer within {seconds:.0f} s")
            return
        self._disarm()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._settings.ping_interval_s, self._ping)

    def _ping(self) -> None:
        if self._worker:
            self._is_pinged = True
            self._worker.send(Ping(self.generation))
            self._arm(self._settings.ping_timeout_s, "it no longer answers")

    def _arm(self, seconds: float, reason: str) -> None:
        self._disarm()
        if self._worker:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(seconds, self._expire, self._worker, reason)

    def _expire(self, worker: WorkerProcess, reason: str) -> None:
        """The deadline is over, unless the answer is here and only we were asleep (Ctrl-Z)."""
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(_LAST_LOOK_S, worker.kill, reason)

    def _disarm(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None


def gave_up(reason: str, error: SwictationError | None) -> SwictationError:
    """What to tell a user when no worker can be kept alive."""
    if error:
        return error
    return WorkerError(
        f"The speech engine keeps dying ({reason}), so nothing can be transcribed.",
        "swictation doctor",
    )
