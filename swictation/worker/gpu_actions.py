"""What the memory manager's effects do to workers, probe and detector, and what is told of them."""

import itertools
import logging
from collections.abc import Callable

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType

from swictation.asr.engine import EngineSpec
from swictation.dispatcher import Dispatcher
from swictation.events import Event, RouteChanged
from swictation.facts import GpuActionTaken
from swictation.gpu.effects import (
    LevelChanged,
    LoadGpu,
    MemoryFreed,
    Order,
    PlaceAsr,
    PlaceDetector,
    Route,
    StopGpu,
)
from swictation.gpu.nvml.poller import VramPoller
from swictation.types import SAMPLE_RATE_HZ, DecodeRequest, Placement, Samples
from swictation.vad.switchable import DetectorSwitch
from swictation.worker.pool import WorkerPool

_YIELD_S = 0.5
"""For the decode that is under way when the GPU has to be given back."""

_log = logging.getLogger(__name__)


class GpuActions:
    """Decides nothing, and knows of no manager. Belongs to the run loop."""

    def __init__(
        self,
        pool: WorkerPool,
        poller: VramPoller,
        switch: DetectorSwitch,
        events: Dispatcher,
        post: Callable[[Event], None],
    ) -> None:
        """Do nothing yet.

        Args:
            pool: the workers, one of them on the GPU.
            poller: knows which GPU that is.
            switch: moves the speech detector, at the next frame's edge.
            events: where actions are told.
            post: takes what the run loop has to know.
        """
        self._worker = pool.at("gpu")
        self._pool = pool
        self._poller = poller
        self._switch = switch
        self._events = events
        self._post = post
        self._numbers = itertools.count(-1, -1)
        """Of validations: downwards, so that they meet no request of a user's."""

    def load(self, effect: LoadGpu, spec: EngineSpec) -> None:
        """Start the worker."""
        self._tell("load", effect.reason)
        spec = msgspec.structs.replace(spec, tier=effect.tier, gpu=self._poller.gpu_uuid)
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
        self._pool.send(request, sound, Route("gpu"))
        return number

    def ask_again(self) -> None:
        """Have requests routed anew that wait for somewhere to go."""
        self._post(RouteChanged())

    def carry_out(
        self, effect: Order | PlaceDetector | PlaceAsr | MemoryFreed | LevelChanged
    ) -> None:
        """Do, or only tell, what the manager need not hear of at once."""
        match effect:
            case Order(what):
                self._tell(what, "")
                self._worker.order(what)
            case PlaceDetector(placement, reason):
                self._tell("detector", reason, to=placement)
                self._switch.use(self._worker.detector if placement == "gpu" else None, reason)
            case PlaceAsr(placement, reason):  # the manager itself is asked where requests go
                self._tell("asr", reason, to=placement)
            case MemoryFreed(action, estimate_mib, freed_mib, took_s):
                message = "%s freed %.0f MiB of about %.0f in %.1f s"
                _log.info(message, action, freed_mib, estimate_mib, took_s)
                self._events.emit(effect)
            case LevelChanged(level, was, used_fraction):
                message = "the GPU is %s, %.1f %% full (was %s)"
                _log.info(message, level, 100.0 * used_fraction, was)
                self._events.emit(effect)

    def _tell(self, action: str, reason: str, to: Placement | UnsetType | None = UNSET) -> None:
        where = "" if to is UNSET else to
        _log.info("card: %s %s%s", action, where, f" ({reason})" if reason else "")
        self._events.emit(GpuActionTaken(action, reason, to))


def _hum() -> Samples:
    """A second of a quiet tone of 200 Hz: all of an engine computes, nobody's words are in it."""
    at_s = np.arange(SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    return (2000.0 * np.sin(2.0 * np.pi * 200.0 * at_s)).astype(np.int16)
