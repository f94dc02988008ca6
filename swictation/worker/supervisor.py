"""Keeps one worker alive: starts it, watches it, replaces it. Machinery, no policy.

Death is seen at once (end of the channel), silence by a deadline. What a death means for the
utterance that was decoded is the run loop's business; what was asked of a dead worker is asked
again by the run loop, unchanged, once the next one is ready.
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
"""Above `[worker] max_rss_mib` a worker may still grow to this multiple of what it had loaded."""

_log = logging.getLogger(__name__)


class Supervisor:
    """One worker at a time, a generation number for each. Lives on the run loop's thread."""

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
        """Why it is wanted no more."""
        self._task: asyncio.Task[None] | None = None
        self.restarts = Restarts()
        self.generation = 0
        self.starts = 0
        self.capabilities: Capabilities | None = None
        """Of the last worker that was ready, as is its spec."""
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
        """Whether the worker has outgrown `[worker] max_rss_mib` and is to be recycled.

        Never before its first answer, nor while it holds little more than its model: a limit below
        what that needs must not stop the work.
        """
        most_mib = max(self._settings.max_rss_mib, _MOST_GROWTH * self._loaded_rss_mib)
        return self._has_answered and self.rss_mib > most_mib

    @property
    def is_wanted(self) -> bool:
        """Whether it has a worker, or is to have one."""
        return self._wanted.is_set() or self._worker is not None

    def is_asked(self, number: int) -> bool:
        """Whether the answer to that request may still come."""
        return number in self._open

    def start(self, spec: EngineSpec, *, once: bool = False) -> None:
        """Begin to keep a worker with that engine alive.

        `once`: when it ends, start no other: whoever asks for one judges by those before it.
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
        """End the worker and start no other before `start`. It may finish what it decodes.

        Args:
            reason: why, for the log.
            grace_s: after so long it is killed; None: as at shutdown.

        Returns:
            Whether its end is told: there is one, or what was told of its end is on its way.
        """
        if self._stopping.is_set():
            return True  # it ends anyway; who waits for that waits for `_wanted`
        # What began has ended by now, or will; what did not begin is never told of.
        has_begun = not (self._wanted.is_set() and self._has_ended.is_set())
        self._wanted.clear()
        self._released = reason
        self.recycle(reason)
        if grace_s is not None and self._worker and self._is_ready:
            self._arm(grace_s, reason)
        return has_begun

    async def ended(self) -> None:
        """Returns when there is no worker."""
        await self._has_ended.wait()

    def use(self, spec: EngineSpec) -> None:
        """Go on with another engine, in a fresh worker; what is open is asked of that one."""
        if not self._wanted.is_set():
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
        self._wanted.set()
        if self._worker and self._open:
            self._worker.kill("shutdown")
        self.recycle("shutdown")
        if self._worker and self._is_ready:  # a hung one must not hold the end up
            grace_s = min(_GOODBYE_S, self._settings.ping_timeout_s)
            self._arm(grace_s, "it did not shut down")
        if self._task:
            await self._task

    def send(self, request: DecodeRequest, samples: Samples, piece_samples: int = 0) -> None:
        """Ask the ready worker, once; the answer comes as an event."""
        assert self._worker is not None
        if request.number in self._open:
            return
        self._open.ask(request, piece_samples)
        self._worker.send(Decode(request, samples.tobytes(), piece_samples))
        if len(self._open) == 1:  # else the one before it has its deadline still
            self._watch()

    def order(self, what: str) -> None:
        """Tell the worker something beside its work; an event says what came of it."""
        if self._worker and self.is_ready:
            self._worker.send(Order(what))

    def forgive(self) -> None:
        """The last deaths were an utterance's fault, not the worker's."""
        self.restarts = self.restarts.excused()

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
        while True:
            await self._wanted.wait()
            if self._stopping.is_set():
                return
            if not self._wanted.is_set():
                continue  # it was released before this task came to it
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
        reason = planned or (error.message if error else ending or "it left")
        values = (error, self.placement, self._kind, self._said)
        self._post(WorkerGone(generation, reason, not planned, culprit, *values))

    async def _listen(self, worker: WorkerProcess) -> SwictationError | None:
        """Take its messages until it is gone; the error that it named, if it named one."""
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
        asked = self._open.take(answer.number)
        if asked is None:
            return
        self._has_answered = True
        self._deadline.learn(asked.effort_s(self.capabilities), answer.hypothesis.decode_s)
        self.restarts = Restarts()
        self._watch()
        self._post(
            WorkerAnswered(
                *(worker.generation, answer.number, answer.hypothesis, answer.done_s),
                placement=self.placement,
                audio_s=asked.at_once_s,
                figures=answer.figures,
            )
        )

    def _on_failed(self, worker: WorkerProcess, failed: Failed) -> None:
        """Short of device memory it lives on; after anything else it is replaced."""
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
        """Arm the deadline of what is being decoded (the oldest that is open), or the next ping."""
        if self._planned:
            return  # it has its deadline
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
        """End the worker after so long because of `reason`."""
        if worker := self._worker:
            self._timer.arm(seconds, lambda: self._end_hung(worker, reason))

    def _end_hung(self, worker: WorkerProcess, reason: str) -> None:
        self._kind = "hang"
        worker.kill(reason)
