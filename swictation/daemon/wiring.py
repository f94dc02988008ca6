"""The one place that knows every adapter and puts them together."""

import itertools
import logging
import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from swictation.asr.engine import EngineSpec
from swictation.asr.partials import PartialPacer
from swictation.asr.stabilizer import Stabilizer
from swictation.audio.journal import Journal
from swictation.audio.keeper import MicrophoneState
from swictation.audio.microphone import Microphone
from swictation.audio.portaudio import inputs
from swictation.audio.spool import Spool
from swictation.audio.spoolfile import SpoolFolder
from swictation.clock import Clock
from swictation.config.settings import Settings
from swictation.daemon.delivery import Delivery
from swictation.daemon.eventlog import EventLog
from swictation.daemon.inbox import Inbox
from swictation.daemon.retries import Retries
from swictation.daemon.speech import SpeechThread
from swictation.daemon.staffing import spare, wants_card
from swictation.daemon.stream import Stream
from swictation.events import (
    RingStrained,
    SoundGone,
    SpoolFailed,
    SpoolRecovered,
    ThreadFailed,
    VramRead,
)
from swictation.inject.injector import Injector
from swictation.models.store import ModelLocation
from swictation.paths import spool_dir
from swictation.text.compose import Composer
from swictation.vad.detector import Detector
from swictation.vad.endpointer import Endpointer
from swictation.vad.gate import EnergyGate
from swictation.vad.lasting import LastingDetector, Setbacks
from swictation.vad.level import LevelNormaliser
from swictation.vad.listener import Listener
from swictation.vad.placed import PlacedDetector, Switch
from swictation.vad.registry import names as detector_names
from swictation.vad.silero_cpu import SileroCpu
from swictation.worker.crew import Crew

if TYPE_CHECKING:
    from swictation.daemon.steward import OnMode, Steward

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
) -> Listener:
    """A fresh ear for one dictation; `detector`: another than the CPU's alone."""
    gate = EnergyGate() if settings.vad.energy_gate else None
    normaliser = LevelNormaliser()
    endpointer = Endpointer(settings.vad, first_sample, first_utterance)
    return Listener(detector or SileroCpu(), endpointer, gate, normaliser)


def stabilizer(settings: Settings, numbers: Iterator[int]) -> Stabilizer:
    """A fresh commit rule for one stream."""
    return Stabilizer(numbers, settings.asr.left_context_s, settings.vad.tail_s)


def engine_spec(settings: Settings, model: ModelLocation) -> EngineSpec:
    """What the worker is told to load."""
    tables = {"whisper": settings.whisper, "canary": settings.canary}
    own = tables.get(settings.asr.engine)
    options: dict[str, Any] = msgspec.structs.asdict(own) if own else {}
    return EngineSpec(
        engine=settings.asr.engine,
        model=model.name,
        model_path=str(model.path),
        language=settings.asr.language,
        options=options,
        device="cuda" if wants_card(settings) else "cpu",
        detector=card_detector(settings),
    )


def card_detector(settings: Settings) -> str:
    """The detector that can compute beside the engine on the card: of its own name, or none."""
    name = settings.asr.engine
    return name if wants_card(settings) and name in detector_names() else ""


class Workshop:
    """What streams are made of and share: inbox, clock, events, request numbers, spool folder."""

    def __init__(self, settings: Settings, events: EventLog, clock: Clock) -> None:
        """Belongs to the run loop: make it where that runs."""
        self.settings = settings
        self.events = events
        self.clock = clock
        self.inbox = Inbox()
        self.switch = Switch(self.inbox.post)
        """Where the detectors of all streams compute, of which one at a time hears."""
        self._numbers = itertools.count(1)
        self._streams = itertools.count()
        self._folder = SpoolFolder(spool_dir()) if settings.spool.enabled else None
        self._spool_problem = ""

    def close(self) -> None:
        """Give the spool folder back; an empty one is removed."""
        if self._folder:
            self._folder.close()

    def crew(self) -> Crew:
        """The workers that the configuration asks for; none is started."""
        crew = Crew(self.settings.worker, self.inbox.post, has_card=wants_card(self.settings))
        crew.has_spare = spare(self.settings) is not None
        return crew

    def steward(self, crew: Crew, on_mode: "OnMode") -> "Steward | None":
        """Who shares the card's memory; None where no engine is to compute on a card."""
        if crew.gpu is None:
            return None
        from swictation.daemon.steward import Steward
        from swictation.vram.admission import Admission
        from swictation.vram.breaker import Breaker
        from swictation.vram.manager import AdaptiveMemoryManager
        from swictation.vram.nvml import NvmlProbe
        from swictation.vram.prober import Prober

        settings = self.settings
        probe = NvmlProbe(settings.vram.gpu, clock=self.clock)
        prober = Prober(
            probe,
            lambda snapshot: self.inbox.post(VramRead(snapshot)),
            settings.vram,
            self.clock,
        )
        if not card_detector(settings):  # then there is nothing to move
            stays = msgspec.structs.replace(settings.vad, placement="cpu")
            settings = msgspec.structs.replace(settings, vad=stays)
        admission = Admission(_PRIOR_PEAK_MIB, _PRIOR_PEAK_MIB_PER_S)
        steward = Steward(
            settings,
            AdaptiveMemoryManager(settings, Breaker(), admission, is_wanted=False),
            crew,
            prober,
            self.events,
            self.clock,
            self._numbers,
            switch=self.switch,
            card_uuid=lambda: probe.card.uuid if probe.card else "",
            on_mode=on_mode,
        )
        if not crew.has_spare:
            steward.miss_cpu()
        return steward

    def retries(self, stream: Stream, crew: Crew, steward: "Steward | None") -> Retries:
        """Who tries again what is set aside of `stream`."""
        return Retries(
            stream,
            crew,
            self.events,
            self.inbox.post,
            self._numbers,
            self.settings.worker,
            composer=self.composer,
            card=steward.way_to_card if steward else lambda _: None,
        )

    def stabilizer(self) -> Stabilizer:
        """A fresh commit rule."""
        return stabilizer(self.settings, self._numbers)

    def composer(self) -> Composer:
        """A fresh joiner of pieces."""
        return Composer(self.settings.text, self.settings.asr.language)

    def stream(
        self, sink: Injector, *, max_age_s: float = math.inf, offers: bool = False
    ) -> Stream:
        """A stream into `sink`; see `Delivery` for the rest."""
        post = self.inbox.post
        spool = self._spool()
        journal = Journal(
            read_back=spool.read_back if spool else None, on_strain=lambda: post(RingStrained())
        )
        return Stream(
            journal=journal,
            spool=spool,
            speech=SpeechThread(journal, self._listener, post, self.clock),
            stabilizer=self.stabilizer(),
            delivery=Delivery(
                sink, self.composer(), spool, post, self.clock, max_age_s=max_age_s, offers=offers
            ),
            partials=PartialPacer(self.settings.vad.threshold),
        )

    def _listener(self, first_sample: int, first_utterance: int, setbacks: Setbacks) -> Listener:
        detector = PlacedDetector(LastingDetector(SileroCpu, setbacks), self.switch)
        return listener(self.settings, first_sample, first_utterance, detector)

    def _spool(self) -> Spool | None:
        if self._folder is None:
            return None
        return Spool(
            self._folder,
            next(self._streams),
            self.settings.spool.max_minutes,
            self._on_spool_problem,
            lambda utterance: self.inbox.post(SoundGone(utterance)),
            lambda kind: self.inbox.post(ThreadFailed("spool", kind)),
        )

    def _on_spool_problem(self, reason: str) -> None:
        """On the thread of a spool: of several files each has its own, on one disk."""
        if reason and reason != self._spool_problem:
            self.inbox.post(SpoolFailed(f"{spool_dir()}: {reason}"))
        elif not reason:
            self.inbox.post(SpoolRecovered())
        self._spool_problem = reason
