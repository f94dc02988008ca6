"""Puts `status` together from the parts that know it, on the run loop."""

import os
from collections import Counter

import msgspec

from swictation import __version__
from swictation.control.status import (
    Degraded,
    Held,
    InjectorStatus,
    Latency,
    Loss,
    Queue,
    Status,
    WorkerStatus,
)
from swictation.daemon.engine_manager import EngineManager
from swictation.daemon.microphone_manager import MicrophoneManager
from swictation.dictation.capture_sink import CAPTURED
from swictation.dictation.context import LoopContext
from swictation.dictation.controller import DictationController
from swictation.events import Injected, WorkerGone
from swictation.facts import Fact, Fault, ServiceModeDegraded, UtteranceQuarantined
from swictation.inject.desktop import DesktopInjector
from swictation.remedies import typeable
from swictation.types import Placement

_TOLD_ELSEWHERE = (ServiceModeDegraded, UtteranceQuarantined)
"""Shown by `status` for as long as they last; a service mode is no error at all."""


class StatusBuilder:
    """Remembers what facts say once; asks the parts for the rest."""

    def __init__(
        self,
        context: LoopContext,
        dictation: DictationController,
        engines: EngineManager,
        microphones: MicrophoneManager,
        injector: DesktopInjector,
    ) -> None:
        self._clock = context.clock
        self._degradations = context.degradations
        self._dictation = dictation
        self._transcriber = dictation.transcriber
        self._engines = engines
        self._microphones = microphones
        self._injector = injector
        self._begun_s = context.clock.now_s()
        self._last_outcome = self._last_reason = ""
        self._last_error: str | None = None
        self._last_error_at_s = 0.0
        self._deaths: Counter[Placement] = Counter()

    def on_fact(self, fact: Fact) -> None:
        """A listener: remembers the last outcome and error."""
        if isinstance(fact, Injected) and fact.outcome != CAPTURED:
            self._last_outcome, self._last_reason = fact.outcome, fact.reason
        elif isinstance(fact, WorkerGone):
            self._deaths[fact.placement] += fact.is_fault
        elif isinstance(fact, Fault) and not isinstance(fact, _TOLD_ELSEWHERE):
            self._last_error, self._last_error_at_s = fact.message, self._clock.now_s()

    def status(self) -> Status:
        """The status at this moment."""
        pool, transcriber = self._engines.pool, self._transcriber
        stream, held = transcriber.stream, transcriber.stream.delivery.held
        worker, executor = pool.serving, self._engines.executor
        capabilities = worker.capabilities
        engine, model = self._engines.serving
        latency, retries = transcriber.latency, transcriber.retries
        return Status(
            state=self._dictation.state,
            degraded=_typeable(self._degradations.gravest),
            ready=pool.is_ready,
            models=self._engines.models,
            fetching=self._engines.fetching,
            engine=engine,
            model=model,
            model_reason=self._engines.model_reason,
            device=capabilities.device if capabilities else "",
            precision=capabilities.precision if capabilities else "",
            worker=WorkerStatus(
                state=pool.state,
                generation=worker.generation,
                pid=worker.pid,
                restarts=max(0, worker.starts - 1),
                rss_mib=round(worker.rss_mib, 1),
                deaths=self._deaths[worker.placement],
            ),
            queue=Queue(len(stream.utterances), round(stream.backlog_s, 1)),
            held=Held(len(held), held.reason, len(held.pending)),
            quarantined=retries.asides if retries else (),
            loss=Loss(transcriber.losses.samples + self._microphones.dropped_samples),
            latency_ms=Latency(
                latency.percentile_ms(0.5), latency.percentile_ms(0.95), latency.utterances
            ),
            audio=self._microphones.status,
            injector=InjectorStatus(self._injector.name, self._last_outcome, self._last_reason),
            vram=executor.manager.status(self._clock.now_s()) if executor else None,
            uptime_s=round(self._clock.now_s() - self._begun_s, 1),
            last_error=self._last_error and typeable(self._last_error, anywhere=True),
            last_error_s=self._last_error_age_s,
            pid=os.getpid(),
            version=__version__,
        )

    @property
    def _last_error_age_s(self) -> float | None:
        if self._last_error is None:
            return None
        return round(self._clock.now_s() - self._last_error_at_s, 1)


def _typeable(degraded: Degraded | None) -> Degraded | None:
    """With a remedy that can be typed where it is read."""
    if degraded is None:
        return None
    return msgspec.structs.replace(degraded, reason=typeable(degraded.reason, anywhere=True))
