"""Keeps one worker alive: starts it, watches it, replaces it. Machinery, no policy.

A death is seen at once (end of the channel), silence by a deadline. The run loop decides what a
death means for the utterance that was decoded. It replays a dead worker's requests, unchanged, once
the next one is ready.
"""

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Callable, Iterator

from swictation import events
from swictation.asr.engine import EngineSpec
from swictation.config.settings import WorkerSettings
from swictation.errors import EngineError, ProtocolError, SwictationError
from swictation.events import (
    Event,
    ThreadFailed,
    WorkerAnswered,
    WorkerFailed,
    WorkerGone,
    WorkerReady,
)
from swictation.types import Capabilities, DecodeRequest, FailureKind, Placement, Samples
from swictation.vad.remote import RemoteDetector
from swictation.worker.process import WorkerProcess
from swictation.worker.protocol.deadline import Deadline
from swictation.worker.protocol.messages import (
    PROTOCOL_VERSION,
    Answer,
    Decode,
    Failed,
    Load,
    LoadFailed,
    Order,
    OrderDone,
    Ping,
    Pong,
    Ready,
    Shutdown,
)
from swictation.worker.requests import OpenRequests
from swictation.worker.restarts import HangDeadline, Restarts
from swictation.worker.spawn import Spawn, by_exec

_GOODBYE_S = 0.5
_MOST_GROWTH = 1.5
"""Above `[worker] max_rss_mib` a worker may still grow to this multiple of its size when loaded."""

_log = logging.getLogger(__name__)


class Supervisor:
    """Keeps one worker at a time, each a new generation. Lives on the run loop's thread."""

    def __init__(
        self,
        settings: WorkerSettings,
        post: Callable[[Event], None],
        placement: Placement = "cpu",
        generations: Iterator[int] | None = None,
        spawn: Spawn = by_exec,
    ) -> None:
        """`generations`: shared by all supervisors whose events go to the same inbox."""
        self._spawn = spawn
        self.placement: Placement = placement
        self._settings = settings
        self._post = post
        self._generations = generations or itertools.count(1)
        self._deadline = HangDeadline(settings.hang_min_s, settings.hang_factor)
        self._worker: WorkerProcess | None = None
        self._is_ready = False
        self._open = OpenRequests()
        self._kind: FailureKind = "crash"
        self._said: EngineError | None = None
        self._is_pinged = False
        self._has_answered = False
        self._loaded_rss_mib = 0.0
        self._planned = ""
        self._timer = Deadline()
        self._stopping = asyncio.Event()
        self._wake = asyncio.Event()
        self._wanted = asyncio.Event()
        self._has_ended = asyncio.Event()
        self._has_ended.set()
        self._is_once = False
        self._released = ""
        """Why no worker is wanted any more."""
        self._task: asyncio.Task[None] | None = None
        self.restarts = Restarts()
        self.generation = 0
        self.starts = 0
        self.capabilities: Capabilities | None = None
        """Of the last worker that was ready, as is `ready_spec`."""
        self.ready_spec: EngineSpec | None = None

    @property
    def is_ready(self) -> bool:
        """Whether a request may be sent."""
        return self._is_ready and not self._planned

    @property
    def pid(self) -> int | None:
        """The worker's process id."""
        return self._worker.pid if self._worker else None

    @property
    def detector(self) -> RemoteDetector | None:
        """The speech detector beside the engine, while the worker is ready and has one."""
        is_there = self._worker and self.is_ready and self._spec.detector
        return self._worker.detector if self._worker and is_there else None

    @property
    def rss_mib(self) -> float:
        """The worker's resident memory; 0 without one."""
        return self._worker.rss_mib if self._worker else 0.0

    @property
    def is_bloated(self) -> bool:
        """Whether the worker has outgrown `[worker] max_rss_mib` and should be recycled.

        Never before its first answer, nor while it holds little more than its model: a limit that
        is too low for the model must not stop the work.
        """
        most_mib = max(self._settings.max_rss_mib, _MOST_GROWTH * self._loaded_rss_mib)
        return self._has_answered and self.rss_mib > most_mib

    @property
    def is_wanted(self) -> bool:
        """Whether there is a worker, or should be one."""
        return self._wanted.is_set() or self._worker is not None

    def is_asked(self, number: int) -> bool:
        """Whether the answer to that request may still come."""
        return number in self._open

    def start(self, spec: EngineSpec, *, once: bool = False) -> None:
        """Begin to keep a worker with that engine alive.

        `once`: when it ends, start no other; the caller decides by earlier ends.
        """
        self._spec = spec
        self._is_once = once
        if once:
            self.restarts = Restarts()
        self._released = ""
        self._wanted.set()
        if self._task is None:
            name = f"supervisor {self.placement}"
            self._task = asyncio.create_task(self._keep_alive(), name=name)
            self._task.add_done_callback(self._on_end)

    def release(self, reason: str, grace_s: float | None = None) -> bool:
        """End the worker and start no other before `start`. It may finish its present decode.

        Args:
            reason: why, for the log.
            grace_s: seconds until it is killed; None: as at shutdown.

        Returns:
            Whether an event reports its end: there is a worker, or that event is on its way.
        """
        if self._stopping.is_set():
            return True  # it ends anyway; `_keep_alive` waits for `_wanted`
        # A start that has begun reports its end; one that has not begun never does.
        has_begun = not (self._wanted.is_set() and self._has_ended.is_set())
        self._wanted.clear()
        self._released = reason
        self.recycle(reason)
        if grace_s is not None and self._worker and self._is_ready:
            self._arm(grace_s, reason)
        return has_begun

    async def ended(self) -> None:
        """Wait until there is no worker."""
        await self._has_ended.wait()

    def use(self, spec: EngineSpec) -> None:
        """Go on with another engine in a fresh worker, which also gets the open requests."""
        if not self._wanted.is_set():
            self.start(spec)
        elif spec != self._spec:
            self._spec = spec
            self.restarts = Restarts()
            if self._worker:
                self._planned = "another engine replaces it"
                self._worker.kill(self._planned)
            self.wake()

    def wake(self) -> None:
        """Somebody speaks: end the wait before the next start."""
        self._wake.set()

    async def stop(self) -> None:
        """End the worker and wait for its end."""
        self._stopping.set()
        self._wake.set()
        self._wanted.set()
        if self._worker and self._open:
            self._worker.kill("shutdown")
        self.recycle("shutdown")
        if self._worker and self._is_ready:  # a hung one must not delay the shutdown
            grace_s = min(_GOODBYE_S, self._settings.ping_timeout_s)
            self._arm(grace_s, "it did not shut down")
        if self._task:
            await self._task

    def send(self, request: DecodeRequest, samples: Samples, piece_samples: int = 0) -> None:
        """Send a request to the ready worker, once; the answer comes as an event."""
        assert self._worker is not None
        if request.number in self._open:
            return
        self._open.ask(request, piece_samples)
        self._worker.send(Decode(request, samples.tobytes(), piece_samples))
        if len(self._open) == 1:  # else the deadline of an earlier one is still armed
            self._watch()

    def order(self, what: str) -> None:
        """Send a command to the worker; an event reports the result."""
        if self._worker and self.is_ready:
            self._worker.send(Order(what))

    def forgive(self) -> None:
        """Forgive the last deaths: an utterance caused them, not the worker."""
        self.restarts = self.restarts.excused()

    def recycle(self, reason: str) -> None:
        """Replace the worker in an orderly way; it may have no open requests."""
        if self._worker and self._is_ready:
            self._planned = reason
            self._worker.send(Shutdown())
            self._arm(self._settings.ping_timeout_s, "it did not shut down")
        elif self._worker:
            self._planned = reason
            self._worker.kill(reason)

    def _on_end(self, task: asyncio.Task[None]) -> None:
        """Report the end of the supervisor's task if a bug caused it."""
        if not task.cancelled() and (error := task.exception()):
            self._post(ThreadFailed("supervisor", repr(error)))

    async def _keep_alive(self) -> None:
        while True:
            await self._wanted.wait()
            if self._stopping.is_set():
                return
            if not self._wanted.is_set():
                continue  # it was released before this task ran
            if self._is_once:
                self._wanted.clear()
            self.generation = next(self._generations)
            self.starts += 1
            await self._one_generation(self.generation)
            self._wake.clear()
            delay_s = self.restarts.delay_s()
            if delay_s and self._wanted.is_set() and not self._stopping.is_set():
                _log.info("the next worker starts in %.1f s", delay_s)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), delay_s)

    async def _one_generation(self, generation: int) -> None:
        worker = WorkerProcess(generation, self._spawn)
        error: SwictationError | None = None
        self._has_ended.clear()
        try:
            await worker.start()
        except OSError as failure:
            self._has_ended.set()
            self.restarts = self.restarts.died()
            reason = f"it cannot be started: {failure.strerror}"
            self._post(WorkerGone(generation, reason, is_fault=True, placement=self.placement))
            return
        self._worker = worker
        self._kind, self._said = "crash", None
        self._is_pinged = self._has_answered = False
        if ended := "shutdown" if self._stopping.is_set() else self._released:
            self.recycle(ended)
        worker.send(Load(PROTOCOL_VERSION, self._spec))
        self._arm(self._settings.start_timeout_s, "it did not load its engine in time")
        try:
            error = await self._listen(worker)
        except ProtocolError as failure:
            worker.kill(f"it sent {failure.message}")
        finally:
            self._timer.disarm()
            self._is_ready = False
            self._worker = None
            decoding = self._open.oldest
            culprit = decoding.utterance if decoding and not decoding.partial else None
            self._open.clear()
            ending = await worker.close()
            self._has_ended.set()
        planned, self._planned = self._planned, ""
        if not planned:
            self.restarts = self.restarts.died(by_kill=worker.was_killed)
        reason = planned or (error.message if error else ending or "it exited by itself")
        values = (error, self.placement, self._kind, self._said)
        self._post(WorkerGone(generation, reason, not planned, culprit, *values))

    async def _listen(self, worker: WorkerProcess) -> SwictationError | None:
        """Handle the worker's messages until it ends; returns its error, if it sent one."""
        while True:
            match await worker.receive():
                case Ready() as ready if not self._is_ready:
                    if ready.version != PROTOCOL_VERSION:
                        raise ProtocolError(f"protocol version {ready.version}")
                    self._on_ready(worker, ready)
                case LoadFailed(message, remedy, kind) if not self._is_ready:
                    self._kind = kind
                    return EngineError(message, remedy)
                case Answer() as answer:
                    self._on_answer(worker, answer)
                case Failed() as failed:
                    self._on_failed(worker, failed)
                case OrderDone(what, is_done, figures):
                    self._post(events.OrderDone(worker.generation, what, is_done, figures))
                case Pong():
                    self._on_pong()
                case None:
                    return None
                case other:
                    raise ProtocolError(f"an unexpected {type(other).__name__}")

    def _on_ready(self, worker: WorkerProcess, ready: Ready) -> None:
        self._is_ready = True
        self._loaded_rss_mib = worker.rss_mib
        self.capabilities, self.ready_spec = ready.capabilities, self._spec
        self._watch()
        values = (worker.generation, worker.pid or ready.pid, ready.capabilities, ready.load_s)
        self._post(WorkerReady(*values, placement=self.placement, figures=ready.figures))

    def _on_answer(self, worker: WorkerProcess, answer: Answer) -> None:
        in_flight = self._open.take(answer.number)
        if in_flight is None:
            return
        self._has_answered = True
        self._deadline.learn(in_flight.effort_s(self.capabilities), answer.hypothesis.decode_s)
        self.restarts = Restarts()
        self._watch()
        self._post(
            WorkerAnswered(
                *(worker.generation, answer.number, answer.hypothesis, answer.done_s),
                placement=self.placement,
                audio_s=in_flight.at_once_s,
                figures=answer.figures,
            )
        )

    def _on_failed(self, worker: WorkerProcess, failed: Failed) -> None:
        """After an OOM the worker lives on; after any other failure it is replaced."""
        if failed.kind != "oom":
            self._kind = failed.kind
            if failed.message:
                self._said = EngineError(failed.message, failed.remedy)
            for line in failed.stack:
                _log.info("worker %d: %s", worker.generation, line)
            worker.kill(failed.reason)
        elif self._open.take(failed.number):
            self._watch()
            values = (failed.kind, self.placement, failed.figures)
            self._post(WorkerFailed(worker.generation, failed.number, *values))

    def _on_pong(self) -> None:
        if not self._is_pinged:
            self._open.note_stray()
            return
        self._is_pinged = False
        if not self._open:
            self._watch()

    def _watch(self) -> None:
        """Arm the deadline of the present decode (the oldest open request), or the next ping."""
        if self._planned:
            return  # the deadline of its end is armed
        if request := self._open.oldest:
            seconds = self._deadline.seconds(request.duration_s)
            self._arm(seconds, f"it hung: no answer within {max(seconds, 0.1):.1f} s")
            return
        self._timer.after(self._settings.ping_interval_s, self._ping)

    def _ping(self) -> None:
        if self._worker:
            self._is_pinged = True
            self._worker.send(Ping())
            self._arm(self._settings.ping_timeout_s, "it no longer answers")

    def _arm(self, seconds: float, reason: str) -> None:
        """Kill the worker after that time, because of `reason`."""
        if worker := self._worker:
            self._timer.arm(seconds, lambda: self._end_hung(worker, reason))

    def _end_hung(self, worker: WorkerProcess, reason: str) -> None:
        self._kind = "hang"
        worker.kill(reason)
