"""What the memory manager's effects do to workers, probe and detector, and what is told of them."""

import itertools
import logging

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType

from swictation.asr.engine import EngineSpec
from swictation.dispatcher import Dispatcher
from swictation.events import DetectorMoved
from swictation.facts import GpuActionTaken
from swictation.gpu.manager.effects import (
    Gained,
    LevelChanged,
    LoadGpu,
    Order,
    PlaceAsr,
    PlaceDetector,
    Route,
    StopGpu,
)
from swictation.gpu.nvml.poller import Prober
from swictation.types import SAMPLE_RATE_HZ, DecodeRequest, Samples, Seat
from swictation.vad.switchable import Switch
from swictation.worker.pool import Crew

_YIELD_S = 0.5
"""For the decode that is under way when the card has to be given back."""

_log = logging.getLogger(__name__)


class GpuActions:
    """Decides nothing, and knows of no manager. Belongs to the run loop."""

    def __init__(self, crew: Crew, prober: Prober, switch: Switch, events: Dispatcher) -> None:
        """Do nothing yet.

        Args:
            crew: the workers, one of them on the GPU.
            prober: knows which GPU that is.
            switch: moves the speech detector, at the next frame's edge.
            events: where actions are told.
        """
        self._worker = crew.at("gpu")
        self._crew = crew
        self._prober = prober
        self._switch = switch
        self._events = events
        self._numbers = itertools.count(-1, -1)
        """Of validations: downwards, so that they meet no request of a user's."""

    def load(self, effect: LoadGpu, spec: EngineSpec) -> None:
        """Start the worker."""
        self._tell("load", effect.reason)
        spec = msgspec.structs.replace(spec, tier=effect.tier, card=self._prober.card_uuid)
        self._worker.start(spec, once=True)

    def stop(self, effect: StopGpu) -> bool:
        """End the worker; False: there is none, so nothing will be told of its end."""
        self._tell("stop", effect.reason)
        return self._worker.release(effect.reason, _YIELD_S)

    def validate(self) -> int:
        """Have a second of a known sound transcribed; the request's number.

        Its answer is never typed.
        """
        sound, number = _hum(), next(self._numbers)
        request = DecodeRequest(number, -1, 0, len(sound), partial=True)
        self._crew.send(request, sound, Route("gpu"))
        return number

    def order(self, effect: Order) -> None:
        """Tell the worker something beside its work."""
        self._tell(effect.what, "")
        self._worker.order(effect.what)

    def place_detector(self, effect: PlaceDetector) -> None:
        """Move the speech detector."""
        self._tell("detector", effect.reason, to=effect.seat)
        detector = self._worker.detector if effect.seat == "gpu" else None
        self._switch.use(detector, effect.reason)

    def note_detector(self, event: DetectorMoved) -> None:
        """The speech detector computes there now."""
        self._events.emit(event)

    def note_asr(self, effect: PlaceAsr) -> None:
        """Requests go elsewhere."""
        self._tell("asr", effect.reason, to=effect.seat)

    def note_gain(self, effect: Gained) -> None:
        """What an action freed has shown, or never will."""
        _log.info(
            "%s freed %.0f MiB of about %.0f in %.1f s",
            *(effect.action, effect.freed_mib, effect.estimate_mib, effect.took_s),
        )
        self._events.emit(effect)

    def note_level(self, effect: LevelChanged) -> None:
        """The GPU is fuller, or emptier."""
        used = 100.0 * effect.used_fraction
        _log.info("the card is %s, %.1f %% full (was %s)", effect.level, used, effect.was)
        self._events.emit(effect)

    def _tell(self, action: str, reason: str, to: Seat | UnsetType | None = UNSET) -> None:
        where = "" if to is UNSET else to
        _log.info("card: %s %s%s", action, where, f" ({reason})" if reason else "")
        self._events.emit(GpuActionTaken(action, reason, to))


def _hum() -> Samples:
    """A second of a quiet tone of 200 Hz: all of an engine computes, nobody's words are in it."""
    at_s = np.arange(SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    return (2000.0 * np.sin(2.0 * np.pi * 200.0 * at_s)).astype(np.int16)
