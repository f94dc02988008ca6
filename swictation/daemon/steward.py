"""Carries out what the memory manager asks for, and tells it what happens.

Part of the run loop where an engine on a card is wanted; without one there is none of it.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Iterator
from typing import Protocol

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType

from swictation.asr.engine import EngineSpec
from swictation.clock import Clock
from swictation.config.settings import Settings
from swictation.daemon.nursing import Nursing
from swictation.daemon.spare import Spare, State
from swictation.dispatcher import Dispatcher
from swictation.events import (
    CardEvent,
    DetectorMoved,
    OrderDone,
    VramRead,
    WorkerAnswered,
    WorkerFailed,
    WorkerGone,
    WorkerReady,
)
from swictation.facts import GpuActionTaken
from swictation.types import SAMPLE_RATE_HZ, DecodeRequest, Samples, Seat, to_samples
from swictation.vad.placed import Switch
from swictation.vram.effects import (
    Effect,
    Foreseen,
    Gained,
    LevelChanged,
    LoadGpu,
    Order,
    PlaceAsr,
    PlaceDetector,
    StopGpu,
    Validate,
)
from swictation.vram.manager import AdaptiveMemoryManager
from swictation.vram.prober import Prober
from swictation.worker.crew import Crew, Route

_YIELD_S = 0.5
"""For the decode that is under way when the card has to be given back."""
_FREEING = {"trim", "half-buffer"}
_FREED_WITHIN_S = 5.0
"""Freed memory is seen 0.5 to 1.5 s late (design); so long it is looked for more often."""

_NO_UTTERANCE: tuple[int, Seat] = (-1, "cpu")

OnMode = Callable[[str, str], None]
"""Told the degraded mode and its reason; "" for none."""

_log = logging.getLogger(__name__)


class Asker(Protocol):
    """Recognition, as far as this needs it."""

    def ask_again(self) -> None:
        """Requests may go elsewhere now, or somewhere again."""
        ...

    def deaths_on_gpu(self, utterance: int) -> int:
        """How many workers on the card died of that utterance."""
        ...


class Steward:
    """One card, one manager. All its methods belong to the run loop."""

    def __init__(
        self,
        settings: Settings,
        manager: AdaptiveMemoryManager,
        crew: Crew,
        prober: Prober,
        events: Dispatcher,
        clock: Clock,
        numbers: Iterator[int],
        *,
        switch: Switch,
        card_uuid: Callable[[], str],
        on_mode: OnMode,
    ) -> None:
        """Prepare; `start` begins.

        Args:
            settings: the whole configuration.
            manager: the mind.
            crew: the workers.
            prober: reads the card.
            events: where actions are told.
            clock: the run loop's.
            numbers: fresh request numbers.
            switch: moves the speech detector, at the next frame's edge.
            card_uuid: of the card that is read, so that the worker uses the same.
            on_mode: the degraded mode and its reason, "" for none.
        """
        self.manager = manager
        self._crew = crew
        self._prober = prober
        self._events = events
        self._clock = clock
        self._numbers = numbers
        self._switch = switch
        self._card_uuid = card_uuid
        self._asker: Asker | None = None
        self._on_mode = on_mode
        self._spec: EngineSpec | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._validation = 0
        self._refused = 0
        self._is_asker_waiting = False
        """A request was sent nowhere: whether there is room by now, the next reading tells."""
        self._current = _NO_UTTERANCE
        """The utterance that was routed last, and its seat."""
        self._activity = (False, False)
        self._needs_spare = False
        """A request waits for it, whatever the rest does."""
        self._spare = Spare(crew.cpu, settings.worker.warm_min_available_mib)
        self._cpu_state: State = "none"
        self._nursing = Nursing(crew.nursery, settings.worker.nursery_min_available_mib)
        self._is_asleep = False
        self._mode = ("", "")
        crew.router = self.route

    # --- life --------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to read the card when there is a need to."""
        self._prober.start()
        self._settle([])

    def stop(self) -> None:
        """End the probe's thread, or leave it to a driver that blocks."""
        if self._timer:
            self._timer.cancel()
        self._prober.stop()

    def serve(self, asker: Asker) -> None:
        """Whose requests are routed from now on. Utterances are counted anew."""
        self._asker = asker
        self._current = _NO_UTTERANCE

    def have(self, seat: Seat, spec: EngineSpec, foreseen: Foreseen | None = None) -> None:
        """The engine for that seat is known, its model is there.

        `foreseen`: what that takes on the card, where it is known.
        """
        if seat == "cpu":
            self._spare.have(spec)
            self._settle([])
        else:
            if self._spec not in (None, spec) and self._crew.at("gpu").is_wanted:
                self._crew.at("gpu").release("another engine is wanted", _YIELD_S)
            self._spec = spec
            self._nursing.have(spec.engine)
            self._settle(self.manager.want(self._clock.now_s(), foreseen))

    def miss_cpu(self) -> None:
        """There is no engine on the processor, or it cannot be had."""
        self._spare.miss()
        self._settle([])

    def reset(self) -> str:
        """The user wishes to forget bans and pauses; where requests go from now on."""
        _log.info("the card: bans and pauses are forgotten, as the user wishes")
        self._settle(self.manager.reset(self._clock.now_s()))
        return self.manager.asr_seat or "none"

    async def suspend(self) -> None:
        """Give the card back before the machine sleeps; returns when it is given back."""
        self._is_asleep = True
        self._settle(self.manager.suspend(self._clock.now_s()))
        await self._crew.at("gpu").ended()
        await self._nursing.end()

    def resume(self) -> None:
        """The machine is awake again; the card is used when somebody speaks."""
        self._is_asleep = False
        self._settle(self.manager.resumed(self._clock.now_s()))

    # --- what happens ------------------------------------------------------------------------

    def look(self, *, is_listening: bool, is_busy: bool, backlog_s: float) -> None:
        """After each event: what is going on."""
        now_s = self._clock.now_s()
        effects = self.manager.on_activity(
            now_s, is_listening=is_listening, is_busy=is_busy, backlog_s=backlog_s
        )
        if effects or self._activity != (is_listening, is_busy):
            self._activity = (is_listening, is_busy)
            self._settle(effects)

    def on_event(self, event: CardEvent) -> bool:
        """Take note; True where nobody else needs to know."""
        now_s, manager = self._clock.now_s(), self.manager
        match event:
            case VramRead(snapshot):
                self._settle(manager.on_snapshot(snapshot))
                self._prober.taken()
                self._ask_who_waits()
                return True
            case OrderDone():
                self._settle(
                    manager.on_order_done(
                        now_s, event.order, is_done=event.is_done, figures=event.figures
                    )
                )
                return True
            case DetectorMoved(seat, reason, is_fault):
                self._settle(manager.on_detector(now_s, seat, reason, is_fault=is_fault))
                self._events.emit(event)
                return True
            case WorkerAnswered() if event.number == self._validation:
                self._validation = 0
                # A broken model computes no numbers; what it makes of a tone says nothing else.
                is_good = math.isfinite(event.hypothesis.score)
                self._settle(manager.on_validated(now_s, is_good=is_good))
                return True
            case WorkerFailed() if event.number == self._validation:
                self._validation = 0
                self._settle(manager.on_gpu_failed(now_s, event.kind))
                return True
            case _ if event.seat == "gpu":
                self._settle(self._on_gpu(event, now_s))
            case _:
                self._settle([])
        return False

    def route(self, request: DecodeRequest) -> Route:
        """Where a request goes: an utterance that began on the processor also ends there."""
        utterance, seat = self._current
        if request.utterance == utterance and seat == "cpu" and self._crew.cpu.is_ready:
            return Route("cpu")
        if request.number == self._refused and self._crew.has_spare and self._crew.cpu.is_wanted:
            return self._note_route(request, Route("cpu"))
        verdict = self.manager.admit(
            self._clock.now_s(),
            request.duration_s,
            deaths_on_gpu=self._asker.deaths_on_gpu(request.utterance) if self._asker else 0,
            is_counted=not request.partial,
        )
        return self._note_route(request, Route(verdict.seat, to_samples(verdict.piece_s)))

    def way_to_card(self, audio_s: float) -> Route | None:
        """For work that can wait: only where there is room, and nothing is counted."""
        gpu, now_s = self._crew.gpu, self._clock.now_s()
        verdict = self.manager.admit(now_s, audio_s, deaths_on_gpu=0, is_counted=False)
        if verdict.seat != "gpu" or not (gpu and gpu.is_ready):
            return None
        return Route("gpu", to_samples(verdict.piece_s))

    # --- the parts ---------------------------------------------------------------------------

    def _ask_who_waits(self) -> None:
        """Without a change of seat nobody else would: the room alone may have come back."""
        if self._is_asker_waiting and self._asker:
            self._is_asker_waiting = False
            self._asker.ask_again()

    def _note_route(self, request: DecodeRequest, route: Route) -> Route:
        if not request.partial:
            self._is_asker_waiting = route.seat is None
            self._needs_spare = route.seat == "cpu"
        if route.seat and not request.partial:
            self._current = (request.utterance, route.seat)
        return route

    def _on_gpu(
        self, event: WorkerReady | WorkerAnswered | WorkerFailed | WorkerGone, now_s: float
    ) -> list[Effect]:
        manager = self.manager
        match event:
            case WorkerReady(capabilities=caps):
                return manager.on_gpu_ready(now_s, caps.tiers, caps.tier, event.figures)
            case WorkerAnswered():
                return manager.on_gpu_answer(now_s, event.audio_s, event.figures)
            case WorkerFailed():
                self._refused = event.number
                return manager.on_gpu_failed(now_s, event.kind)
            case WorkerGone():
                self._validation = 0
                kind = event.kind if event.is_fault else None
                return manager.on_gpu_gone(now_s, kind, event.reason)

    def _settle(self, effects: list[Effect]) -> None:
        """Carry out, and all that follows of it; then see to probe, spare worker and timer."""
        seat = self._crew.seat
        for effect in effects:
            self._carry_out(effect)
        self._tend_cpu()
        manager = self.manager
        self._nursing.tend(
            is_used=any(self._activity) or self._crew.at("gpu").is_wanted,
            may_stay=not (manager.is_idle or manager.is_lost or self._is_asleep),
        )
        self._prober.watch(manager.need, self._crew.pids, near=manager.is_near)
        if (manager.mode, manager.mode_reason) != self._mode:
            self._mode = (manager.mode, manager.mode_reason)
            self._on_mode(*self._mode)
        self._crew.card_trouble = manager.mode_reason if manager.is_lost else ""
        self._arm()
        if self._crew.seat != seat and self._asker:
            self._asker.ask_again()

    def _carry_out(self, effect: Effect) -> None:
        crew, now_s = self._crew, self._clock.now_s()
        match effect:
            case LoadGpu(tier, reason):
                self._tell("load", reason)
                self._load(tier)
                self._settle(self.manager.on_gpu_loading(now_s))
            case StopGpu(reason):
                self._tell("stop", reason)
                self._prober.hurry(_FREED_WITHIN_S)
                if not crew.at("gpu").release(reason, _YIELD_S):  # nobody is there to end
                    self._settle(self.manager.on_gpu_gone(now_s, None, reason))
            case Order(what):
                self._tell(what, "")
                crew.at("gpu").order(what)
                if what in _FREEING:
                    self._prober.hurry(_FREED_WITHIN_S)
            case Validate():
                self._validate()
            case PlaceDetector(seat, reason):
                self._tell("detector", reason, to=seat)
                self._switch.use(crew.at("gpu").detector if seat == "gpu" else None, reason)
            case PlaceAsr(seat, reason):
                self._tell("asr", reason, to=seat)
                crew.seat = seat
            case Gained():
                _log.info(
                    "%s freed %.0f MiB of about %.0f in %.1f s",
                    *(effect.action, effect.freed_mib, effect.estimate_mib, effect.took_s),
                )
                self._events.emit(effect)
                self._prober.hurry(0.0)  # it has shown, or never will: the card may sleep
            case LevelChanged():
                used = 100.0 * effect.used_fraction
                _log.info("the card is %s, %.1f %% full (was %s)", effect.level, used, effect.was)
                self._events.emit(effect)

    def _tell(self, action: str, reason: str, to: Seat | UnsetType | None = UNSET) -> None:
        where = "" if to is UNSET else to
        _log.info("card: %s %s%s", action, where, f" ({reason})" if reason else "")
        self._events.emit(GpuActionTaken(action, reason, to))

    def _load(self, tier: int) -> None:
        assert self._spec is not None, "the manager wants no card before"
        spec = msgspec.structs.replace(self._spec, tier=tier, card=self._card_uuid())
        self._crew.at("gpu").start(spec, once=True)

    def _validate(self) -> None:
        """Have a second of a known sound transcribed; its answer is never typed."""
        self._validation = next(self._numbers)
        sound = _hum()
        request = DecodeRequest(self._validation, -1, 0, len(sound), partial=True)
        self._crew.send(request, sound, Route("gpu"))

    def _tend_cpu(self) -> None:
        """Keep the engine on the processor while it has to serve, or may have to."""
        manager = self.manager
        must_serve = manager.needs_cpu or (self._needs_spare and self._activity[1])
        self._spare.tend(must_serve=must_serve, is_idle=manager.is_idle)
        if self._spare.state != self._cpu_state:
            self._cpu_state = self._spare.state
            self._crew.has_spare = self._cpu_state != "failed"
            self._settle(manager.on_cpu(self._clock.now_s(), self._cpu_state))

    def _arm(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if (at_s := self.manager.next_tick_s) is not None:
            delay_s = max(0.0, at_s - self._clock.now_s())
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._settle(self.manager.tick(self._clock.now_s()))


def _hum() -> Samples:
    """A second of a quiet tone of 200 Hz: all of an engine computes, nobody's words are in it."""
    at_s = np.arange(SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    return (2000.0 * np.sin(2.0 * np.pi * 200.0 * at_s)).astype(np.int16)
