"""The one truth for `status`: put together from the parts that know it, on the run loop."""

import os
from collections.abc import Callable

from swictation import __version__
from swictation.clock import Clock
from swictation.config.settings import Settings
from swictation.control.status import (
    Held,
    InjectorStatus,
    Latency,
    Loss,
    ModelState,
    Queue,
    Status,
    WorkerStatus,
)
from swictation.daemon.collector import CAPTURED
from swictation.daemon.degraded import NO_ENGINE
from swictation.daemon.dictation import Dictation
from swictation.daemon.ear import Ear
from swictation.daemon.engines import Engines
from swictation.daemon.recognition import Recognition
from swictation.daemon.stream import Stream

_TOLD_ELSEWHERE = {"placement", "set-aside"}
"""Faults that `status` shows for as long as they last; a squeeze of the card is none at all."""


class Report:
    """Remembers what events tell once, and asks the rest when it is asked."""

    def __init__(
        self,
        settings: Settings,
        stream: Stream,
        recognition: Recognition,
        dictation: Dictation,
        engines: Engines,
        clock: Clock,
        ear: Ear,
        injector_name: Callable[[], str],
    ) -> None:
        self.settings = settings
        self._stream = stream
        self._recognition = recognition
        self._dictation = dictation
        self._engines = engines
        self._clock = clock
        self._begun_s = clock.now_s()
        self._ear = ear
        self._injector_name = injector_name
        self._last_outcome = self._last_reason = ""
        self._last_error: str | None = None

    def on_event(self, event: str, fields: dict[str, object]) -> None:
        """See `EventLog.tell`."""
        if event == "injected" and fields["outcome"] != CAPTURED:
            self._last_outcome = str(fields["outcome"])
            self._last_reason = str(fields["reason"])
        elif event == "fault" and fields["kind"] not in _TOLD_ELSEWHERE:
            self._last_error = str(fields["message"])

    def status(self) -> Status:
        """This moment."""
        stream, crew, held = self._stream, self._engines.crew, self._stream.delivery.held
        worker, steward = crew.serving, self._engines.steward
        engine, model = crew.serves
        latency = self._recognition.latency
        return Status(
            state=self._dictation.state,
            degraded=self._dictation.degradations.gravest,
            ready=crew.is_ready,
            models=self._models(),
            engine=engine or self.settings.asr.engine,
            model=model or self._engines.model,
            model_reason=self._engines.model_reason,
            device=crew.device,
            precision=crew.precision,
            worker=WorkerStatus(
                state=crew.state,
                generation=worker.generation,
                pid=worker.pid,
                restarts=max(0, worker.starts - 1),
                rss_mib=round(worker.rss_mib, 1),
            ),
            queue=Queue(len(stream.utterances), round(stream.backlog_s, 1)),
            held=Held(len(held), held.reason, len(held.pending)),
            set_aside=self._recognition.retries.asides if self._recognition.retries else (),
            loss=Loss(self._recognition.losses.samples + self._ear.dropped_samples),
            latency_ms=Latency(latency.percentile_ms(0.5), latency.percentile_ms(0.95)),
            audio=self._ear.status,
            injector=InjectorStatus(self._injector_name(), self._last_outcome, self._last_reason),
            vram=steward.manager.status(self._clock.now_s()) if steward else None,
            uptime_s=round(self._clock.now_s() - self._begun_s, 1),
            last_error=self._last_error,
            pid=os.getpid(),
            version=__version__,
        )

    def _models(self) -> dict[str, ModelState]:
        name = self._engines.crew.serves[1] or self._engines.model or self.settings.asr.model
        if self._engines.crew.is_ready:
            return {name: "loaded"}
        has_failed = self._engines.has_model_failed or self._dictation.degradations.has(NO_ENGINE)
        return {name: "failed" if has_failed else "loading"}
