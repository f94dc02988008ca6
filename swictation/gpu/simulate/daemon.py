"""The daemon's part in a simulation: carries out effects and sends requests."""

import math
from collections.abc import Callable

from swictation.clock import SimClock
from swictation.config.settings import Settings
from swictation.gpu.effects import Effect, LoadGpu, Order, PlaceDetector, StopGpu, Validate
from swictation.gpu.manager.manager import AdaptiveMemoryManager
from swictation.gpu.policy.validation import VALIDATION_S
from swictation.gpu.simulate.agenda import Agenda
from swictation.gpu.simulate.device import OutOfMemoryError, SimAllocator, SimulatedGpu
from swictation.gpu.simulate.speech import Request, Speech
from swictation.gpu.simulate.tally import Tally
from swictation.gpu.simulate.worker import END_S, LOAD_S, SimWorker, tiers_of
from swictation.types import FailureKind, Placement

_CPU_DECODE_PER_S = 0.6
_CPU_LOAD_S = 1.5
_ANSWER_S = 0.05
_TRIM_S = 0.1
_CONTEXT_BEFORE_READY_S = 2.0


class SimDaemon:
    """Carries out the manager's effects and reports the results to it."""

    def __init__(
        self,
        settings: Settings,
        manager: AdaptiveMemoryManager,
        gpu: SimulatedGpu,
        agenda: Agenda,
        clock: SimClock,
    ) -> None:
        self._settings = settings
        self._manager = manager
        self._gpu = gpu
        self._agenda = agenda
        self._clock = clock
        self.tally = Tally()
        self._worker: SimWorker | None = None
        self._is_ready = False
        self._is_worker_busy = False
        self._is_cpu_at_work = False
        self.speech = Speech()
        self.detector: Placement = "cpu"
        self.answered_s = 0.0
        self.effects: list[Effect] = []
        """What was decided since the last moment was made."""
        self.notes: list[str] = []
        """What else happened since then."""

    @property
    def is_at_work(self) -> bool:
        return self.speech.is_busy or bool(self.speech.waiting)

    @property
    def open_s(self) -> float:
        """Seconds of sound that are being worked on."""
        return self.speech.at_work.audio_s if self.speech.at_work else 0.0

    @property
    def held(self) -> SimAllocator | None:
        """What the worker on the GPU holds."""
        return self._worker.allocator if self._worker else None

    def listen(self, *, is_listening: bool) -> None:
        self.speech.is_listening = is_listening
        self.notes.append("dictation on" if is_listening else "dictation off")
        self._report_activity()

    def speech_begins(self) -> None:
        self.speech.is_speaking = True
        self._report_activity()

    def speech_ends(self, audio_s: float) -> None:
        self.tally.add(utterances=1, said_s=audio_s)
        self.speech.is_speaking = False
        self.speech.waiting.append(Request(audio_s, audio_s))
        self._report_activity()

    def do(self, effects: list[Effect]) -> None:
        """Carry out effects, then start whatever can start now."""
        self._carry_out(effects)
        self._keep_cpu()
        self._dispatch()

    def _carry_out(self, effects: list[Effect]) -> None:
        self.effects += effects
        self.tally.take(effects)
        for effect in effects:
            match effect:
                case LoadGpu():
                    self._load(effect.tier)
                case StopGpu():
                    self._stop()
                case Order():
                    self._apply(effect)
                case Validate():
                    self._validate()
                case PlaceDetector():
                    self._later(
                        _ANSWER_S,
                        lambda placement=effect.placement: self._detector_moved(placement),
                    )
                case _:
                    pass

    def _later(self, seconds: float, do: Callable[[], None]) -> None:
        self._agenda.put(self._clock.now_s() + seconds, do)

    def _report_activity(self) -> None:
        speech = self.speech
        self.do(
            self._manager.on_activity(
                self._clock.now_s(),
                is_listening=speech.is_listening,
                is_busy=speech.is_busy,
                backlog_s=speech.backlog_s,
            )
        )

    # The worker on the GPU.

    def _load(self, tier: int) -> None:
        worker = SimWorker(self._gpu, self._clock, self._settings.vram, tier)
        self._worker, self._is_ready, self._is_worker_busy = worker, False, False
        self._later(LOAD_S - _CONTEXT_BEFORE_READY_S, lambda: self._fill(worker))

    def _fill(self, worker: SimWorker) -> None:
        if worker is not self._worker:
            return
        try:
            worker.load()
        except OutOfMemoryError:
            self.tally.add(ooms=1)
            self._gone(worker, "oom")
        else:
            self._later(_CONTEXT_BEFORE_READY_S, lambda: self._loaded(worker))

    def _loaded(self, worker: SimWorker) -> None:
        if worker is not self._worker:
            return
        self._is_ready = True
        self.notes.append("the worker is ready")
        tiers = tiers_of(self._settings.vram)
        now_s, figures = self._clock.now_s(), worker.allocator.figures()
        self.do(self._manager.on_gpu_ready(now_s, tiers, worker.tier, figures))

    def _stop(self) -> None:
        worker = self._worker
        if worker is not None:
            self._is_ready = False
            self._later(END_S, lambda: self._gone(worker, None))

    def _gone(self, worker: SimWorker, kind: FailureKind | None) -> None:
        if worker is not self._worker:
            return
        self._worker, self._is_ready = None, False
        worker.end(self._clock.now_s())
        if self._is_worker_busy and self.speech.at_work and not self._is_cpu_at_work:
            self.speech.again()
        self._is_worker_busy = False
        self.notes.append(f"the worker is gone{f': {kind}' if kind else ''}")
        self.do(self._manager.on_gpu_gone(self._clock.now_s(), kind, kind or "as asked"))

    def _apply(self, order: Order) -> None:
        worker = self._worker
        seconds = _TRIM_S if order.what == "trim" else _ANSWER_S
        self._later(seconds, lambda: self._applied(worker, order))

    def _applied(self, worker: SimWorker | None, order: Order) -> None:
        if worker is None or worker is not self._worker or not self._is_ready:
            return
        figures = worker.trim() if order.what == "trim" else worker.allocator.figures()
        now_s = self._clock.now_s()
        self.do(self._manager.on_order_done(now_s, order.what, is_done=True, figures=figures))

    def _validate(self) -> None:
        worker = self._worker
        if worker is None or not self._is_ready:
            return
        if self._is_worker_busy:
            self._later(_TRIM_S, self._validate)
        elif worker.begin(VALIDATION_S):
            self._is_worker_busy = True
            self._later(worker.decode_s(VALIDATION_S), lambda: self._validated(worker))
        else:
            self._out_of_memory()

    def _validated(self, worker: SimWorker) -> None:
        if worker is not self._worker or not self._is_ready:
            return
        worker.finish()
        self._is_worker_busy = False
        self.do(self._manager.on_validated(self._clock.now_s(), is_good=True))

    def _out_of_memory(self) -> None:
        self.tally.add(ooms=1)
        self.notes.append("out of memory")
        self.do(self._manager.on_gpu_failed(self._clock.now_s(), "oom"))

    def _detector_moved(self, placement: Placement) -> None:
        if placement == "gpu" and not self._is_ready:
            placement = "cpu"
        self.detector = placement
        self.do(self._manager.on_detector(self._clock.now_s(), placement, "", is_fault=False))

    # Requests.

    def _keep_cpu(self) -> None:
        """Load the CPU engine when it is needed, and end it when everything is idle."""
        now_s = self._clock.now_s()
        if self._manager.needs_cpu and self._manager.cpu == "none":
            self._later(_CPU_LOAD_S, self._cpu_ready)
            self._carry_out(self._manager.on_cpu(now_s, "loading"))
        elif self._manager.is_idle and self._manager.cpu == "ready" and not self.speech.is_busy:
            self._carry_out(self._manager.on_cpu(now_s, "none"))

    def _cpu_ready(self) -> None:
        self.do(self._manager.on_cpu(self._clock.now_s(), "ready"))

    def _dispatch(self) -> None:
        """Send the first waiting utterance where the manager decides."""
        speech = self.speech
        if speech.at_work or not speech.waiting:
            return
        request = speech.waiting[0]
        if request.is_cpu_only and self._settings.asr.cpu_engine:
            self._to_cpu()
            return
        route = self._manager.admit(self._clock.now_s(), request.audio_s, deaths_on_gpu=0)
        if route.placement == "cpu":
            self._to_cpu()
        elif route.placement == "gpu" and self._worker and not self._is_worker_busy:
            request = speech.take()
            pieces = math.ceil(request.audio_s / route.piece_s) if route.piece_s else 1
            self.tally.add(pieces=pieces > 1)
            self._piece(self._worker, request, request.audio_s / pieces)
            self._report_activity()

    def _piece(self, worker: SimWorker, request: Request, piece_s: float) -> None:
        if worker.begin(piece_s):
            self._is_worker_busy = True
            self._later(worker.decode_s(piece_s), lambda: self._decoded(worker, request, piece_s))
            return
        request.is_cpu_only = True
        self.speech.again()
        self._out_of_memory()

    def _decoded(self, worker: SimWorker, request: Request, piece_s: float) -> None:
        if worker is not self._worker or not self._is_ready:
            return
        figures = worker.finish()
        self._is_worker_busy = False
        request.left_s -= piece_s
        now_s = self._clock.now_s()
        if request.left_s > 0.001:
            self._carry_out(self._manager.on_gpu_answer(now_s, piece_s, figures))
            self._piece(worker, request, piece_s)
            return
        self.tally.add(gpu_utterances=1)
        self._answered(request)
        self.do(self._manager.on_gpu_answer(now_s, piece_s, figures))
        self._report_activity()

    def _to_cpu(self) -> None:
        if self._manager.cpu != "ready":
            return
        request = self.speech.take()
        self._is_cpu_at_work = True
        self._later(_CPU_DECODE_PER_S * request.audio_s, lambda: self._decoded_by_cpu(request))
        self._report_activity()

    def _decoded_by_cpu(self, request: Request) -> None:
        self.tally.add(cpu_utterances=1)
        self._is_cpu_at_work = False
        self._answered(request)
        self._report_activity()

    def _answered(self, request: Request) -> None:
        self.answered_s += request.audio_s
        self.speech.at_work = None
