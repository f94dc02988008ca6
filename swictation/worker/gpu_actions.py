"""Carries out the memory manager's effects on workers and detector, and reports them."""

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
"""How long a decode may go on when the worker has to leave the GPU."""

_log = logging.getLogger(__name__)


class GpuActions:
    """Carries out effects; decides nothing, and does not know the manager. Run loop only."""

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
            switch: moves the speech detector, before the next frame.
            events: gets a fact for each action.
            post: gets the events for the run loop.
        """
        self._worker = pool.at("gpu")
        self._pool = pool
        self._poller = poller
        self._switch = switch
        self._events = events
        self._post = post
        self._numbers = itertools.count(-1, -1)
        """Of validations: negative, so that they differ from users' requests."""

    def load(self, effect: LoadGpu, spec: EngineSpec) -> None:
        """Start the worker on the GPU."""
        self._report("load", effect.reason)
        spec = msgspec.structs.replace(spec, tier=effect.tier, gpu=self._poller.gpu_uuid)
        self._worker.start(spec, once=True)

    def stop(self, effect: StopGpu) -> bool:
        """End the worker. False: there is none, so no event will report its end."""
        self._report("stop", effect.reason)
        return self._worker.release(effect.reason, _YIELD_S)

    def validate(self) -> int:
        """Send a second of a known sound to the worker; returns the request's number.

        The answer is never typed.
        """
        sound, number = _hum(), next(self._numbers)
        request = DecodeRequest(number, -1, 0, len(sound), partial=True)
        self._pool.send(request, sound, Route("gpu"))
        return number

    def ask_again(self) -> None:
        """Let requests that wait for a placement be routed again."""
        self._post(RouteChanged())

    def carry_out(
        self, effect: Order | PlaceDetector | PlaceAsr | MemoryFreed | LevelChanged
    ) -> None:
        """Carry out, or only report, effects whose result the manager does not need at once."""
        match effect:
            case Order(what):
                self._report(what, "")
                self._worker.order(what)
            case PlaceDetector(placement, reason):
                self._report("detector", reason, to=placement)
                self._switch.use(self._worker.detector if placement == "gpu" else None, reason)
            case PlaceAsr(placement, reason):  # requests are routed by asking the manager
                self._report("asr", reason, to=placement)
            case MemoryFreed(action, estimate_mib, freed_mib, took_s):
                message = "%s freed %.0f MiB of about %.0f in %.1f s"
                _log.info(message, action, freed_mib, estimate_mib, took_s)
                self._events.emit(effect)
            case LevelChanged(level, was, used_fraction):
                message = "the GPU is %s, %.1f %% full (was %s)"
                _log.info(message, level, 100.0 * used_fraction, was)
                self._events.emit(effect)

    def _report(self, action: str, reason: str, to: Placement | UnsetType | None = UNSET) -> None:
        where = "" if to is UNSET else to
        _log.info("GPU: %s %s%s", action, where, f" ({reason})" if reason else "")
        self._events.emit(GpuActionTaken(action, reason, to))


def _hum() -> Samples:
    """A second of a quiet tone of 200 Hz: it exercises a whole engine, and holds no words."""
    at_s = np.arange(SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    return (2000.0 * np.sin(2.0 * np.pi * 200.0 * at_s)).astype(np.int16)
