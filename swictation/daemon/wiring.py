"""The one place that knows every adapter and puts them together."""

import itertools
import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import msgspec

from swictation.asr.engine import EngineSpec
from swictation.asr.partials import PartialPacer
from swictation.asr.registry import find
from swictation.asr.stabilizer import Stabilizer
from swictation.audio.journal import Journal
from swictation.audio.microphone.monitor import MicrophoneState
from swictation.audio.microphone.portaudio import inputs
from swictation.audio.microphone.source import Microphone
from swictation.audio.spool import Spool
from swictation.audio.spoolfile import SpoolFolder
from swictation.clock import Clock
from swictation.config.settings import Settings
from swictation.dictation.context import LoopContext
from swictation.dictation.degraded import Degradations
from swictation.dictation.delivery.delivery import Delivery, DeliveryRules
from swictation.dictation.runloop import Inbox
from swictation.dictation.speech_thread import SpeechThread
from swictation.dictation.stream import StoredSound, Stream
from swictation.dispatcher import Dispatcher
from swictation.events import (
    Event,
    RingStrained,
    SpoolFailed,
    SpoolRecovered,
    VramRead,
)
from swictation.inject.injector import Injector
from swictation.models.store.store import ModelLocation
from swictation.paths import spool_dir
from swictation.text.compose import Composer
from swictation.text.pipeline import TextPipeline
from swictation.vad.detector import Detector
from swictation.vad.endpointer import Endpointer
from swictation.vad.gate import EnergyGate
from swictation.vad.level import AutomaticGainControl
from swictation.vad.restarting import FailureListener, RestartingDetector
from swictation.vad.segmenter import SpeechSegmenter
from swictation.vad.silero_cpu import SileroCpu
from swictation.vad.switchable import DetectorSwitch, SwitchableDetector
from swictation.worker.engine_choice import standby, wants_gpu
from swictation.worker.pool import WorkerPool
from swictation.worker.router import Router

if TYPE_CHECKING:
    from swictation.worker.gpu_executor import GpuExecutor, OnMode

_PRIOR_PEAK_MIB, _PRIOR_PEAK_MIB_PER_S = 10.0, 12.0
"""Work of a decode before ten were seen: a guess that is rather too high (docs/vram.md)."""

_log = logging.getLogger(__name__)


def microphone(settings: Settings, report: Callable[[MicrophoneState], None]) -> Microphone:
    """The microphone of the settings; `report` is called on its thread."""
    return Microphone(
        settings.audio.device,
        report,
        keep_warm=settings.audio.keep_warm,
        pre_roll_s=settings.vad.pre_roll_s,
    )


def has_microphone() -> bool:
    """Whether there is any device that can be listened to."""
    return bool(inputs())


def listener(
    settings: Settings,
    first_sample: int = 0,
    first_utterance: int = 0,
    detector: Detector | None = None,
) -> SpeechSegmenter:
    """A new segmenter for one dictation; `detector` replaces the one on the CPU."""
    gate = EnergyGate() if settings.vad.energy_gate else None
    gain_control = AutomaticGainControl()
    endpointer = Endpointer(settings.vad, first_sample, first_utterance)
    return SpeechSegmenter(detector or SileroCpu(), endpointer, gate, gain_control)


def stabilizer(settings: Settings, numbers: Iterator[int]) -> Stabilizer:
    """A new commit rule for one stream."""
    return Stabilizer(numbers, settings.asr.left_context_s, settings.vad.tail_s)


def engine_spec(settings: Settings, model: ModelLocation) -> EngineSpec:
    """The engine and model that a worker loads."""
    provider = find(settings.asr.engine)  # without one the worker reports it
    options = msgspec.structs.asdict(provider.options(settings)) if provider else {}
    return EngineSpec(
        engine=settings.asr.engine,
        model=model.name,
        model_path=str(model.path),
        language=settings.asr.language,
        options=options,
        device="cuda" if wants_gpu(settings) else "cpu",
        detector=gpu_detector(settings),
    )


def gpu_detector(settings: Settings) -> str:
    """The detector that can compute beside the engine on the GPU, or none."""
    provider = find(settings.asr.engine)
    return provider.detector if provider and wants_gpu(settings) else ""


class Components:
    """What streams are made of and share: inbox, clock, events, request numbers, spool folder."""

    def __init__(self, settings: Settings, events: Dispatcher, clock: Clock) -> None:
        """Make it on the run loop, where it is used."""
        self.settings = settings
        self.inbox = Inbox()
        self.switch = DetectorSwitch(self.inbox.post)
        """Where the detectors of all streams compute; one stream at a time is heard."""
        self._numbers = itertools.count(1)
        self.context = LoopContext(
            clock, self.inbox.post, events, Degradations(clock), self._numbers
        )
        self._streams = itertools.count()
        self._folder = SpoolFolder(spool_dir()) if settings.spool.enabled else None
        self._disk: Event | None = None
        """The last event of a spool about the disk."""

    def configure(self, settings: Settings) -> None:
        """Use these settings for what is made from now on."""
        self.settings = settings

    def close(self) -> None:
        """Give the spool folder back; an empty one is removed."""
        if self._folder:
            self._folder.close()

    def pool(self) -> WorkerPool:
        """The workers that the configuration asks for; none is started."""
        router = self._router() if wants_gpu(self.settings) else None
        return WorkerPool(self.settings.worker, self.inbox.post, router)

    def _router(self) -> Router:
        """The router for a GPU whose memory is shared."""
        from swictation.gpu.manager.manager import AdaptiveMemoryManager
        from swictation.gpu.policy.admission import Admission
        from swictation.gpu.policy.breaker import Breaker

        settings = self.settings
        if not gpu_detector(settings):  # then there is nothing to move
            stays = msgspec.structs.replace(settings.vad, placement="cpu")
            settings = msgspec.structs.replace(settings, vad=stays)
        admission = Admission(_PRIOR_PEAK_MIB, _PRIOR_PEAK_MIB_PER_S)
        manager = AdaptiveMemoryManager(settings, Breaker(), admission, is_wanted=False)
        return Router(manager, self.context.clock)

    def executor(self, pool: WorkerPool, on_mode: "OnMode") -> "GpuExecutor | None":
        """The part that shares the GPU's memory; None if no engine is configured for a GPU."""
        if pool.gpu is None:
            return None
        from swictation.gpu.nvml.nvml import NvmlProbe
        from swictation.gpu.nvml.poller import VramPoller
        from swictation.worker.gpu_actions import GpuActions
        from swictation.worker.gpu_executor import GpuExecutor

        vram, clock = self.settings.vram, self.context.clock
        poller = VramPoller(
            NvmlProbe(vram.gpu, clock=clock),
            lambda snapshot: self.inbox.post(VramRead(snapshot)),
            vram,
            clock,
        )
        actions = GpuActions(pool, poller, self.switch, self.context.events, self.inbox.post)
        executor = GpuExecutor(pool, poller, actions, clock, on_mode)
        if standby(self.settings) is None:
            executor.cpu_unavailable()
        return executor

    def stabilizer(self) -> Stabilizer:
        """A new commit rule."""
        return stabilizer(self.settings, self._numbers)

    def text_pipeline(self) -> TextPipeline:
        """New text stages."""
        return TextPipeline(Composer(self.settings.text, self.settings.asr.language))

    def stream(self, sink: Injector, rules: DeliveryRules) -> Stream:
        """A stream into `sink`."""
        post, spool = self.inbox.post, self._spool()
        journal = Journal(
            read_back=spool.read_back if spool else None, on_strain=lambda: post(RingStrained())
        )
        return Stream(
            StoredSound(journal, spool),
            SpeechThread(journal, self._listener, post, self.context.clock),
            Delivery(self.context, sink, self.text_pipeline(), spool, rules),
            PartialPacer(self.settings.vad.threshold),
            self.stabilizer,
        )

    def _listener(
        self, first_sample: int, first_utterance: int, failures: FailureListener
    ) -> SpeechSegmenter:
        detector = SwitchableDetector(RestartingDetector(SileroCpu, failures), self.switch)
        return listener(self.settings, first_sample, first_utterance, detector)

    def _spool(self) -> Spool | None:
        if self._folder is None:
            return None
        max_minutes = self.settings.spool.max_minutes
        return Spool(self._folder, next(self._streams), max_minutes, self._on_spool)

    def _on_spool(self, event: Event) -> None:
        """Each of several files has its own spool, all on one disk: its failure is posted once."""
        if isinstance(event, SpoolFailed) and event == self._disk:
            return
        if isinstance(event, SpoolFailed | SpoolRecovered):
            self._disk = event
        self.inbox.post(event)
