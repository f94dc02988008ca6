"""The simulated worker on the GPU: it loads, works under the real guard, and ends."""

from contextlib import ExitStack, suppress

from swictation.clock import SimClock
from swictation.config.settings import VramSettings
from swictation.errors import DeviceFailure
from swictation.gpu.guard.guard import CUDAMemoryGuard
from swictation.gpu.simulate.device import SimAllocator, SimulatedGpu
from swictation.types import AllocatorFigures, Tier

LOAD_S = 12.0
"""Measured: `import torch` alone takes 10."""
END_S = 0.3
PRIOR_MIB, PRIOR_MIB_PER_S = 200.0, 12.0
"""What a unit of work is expected to take before the first was measured."""
_PEAK_MIB, _PEAK_MIB_PER_S = 150.0, 9.0
"""What it really takes."""
_DECODE_PER_S = 0.15
_SMALL_MIB = 400.0


def tiers_of(settings: VramSettings) -> tuple[Tier, ...]:
    """The model that the settings expect, and a smaller one if that saves much."""
    large = Tier("1b fp16", float(settings.model_mib))
    small = Tier("180m fp16", _SMALL_MIB)
    return (large, small) if large.resident_mib > 2 * _SMALL_MIB else (large,)


class SimWorker:
    """One process on the GPU."""

    def __init__(
        self, gpu: SimulatedGpu, clock: SimClock, settings: VramSettings, tier: int
    ) -> None:
        self.tier = tier
        self._gpu = gpu
        self._settings = settings
        self.allocator = SimAllocator(gpu, clock)
        self._guard = CUDAMemoryGuard(self.allocator, clock=clock)
        self._unit = ExitStack()
        """The unit of work that has begun."""

    def load(self) -> None:
        """Take context and weights; after an OutOfMemoryError, what was taken stays until `end`."""
        resident_mib = tiers_of(self._settings)[self.tier].resident_mib
        self.allocator.load(float(self._settings.context_mib), resident_mib)

    def decode_s(self, audio_s: float) -> float:
        return _DECODE_PER_S * audio_s

    def begin(self, audio_s: float) -> bool:
        """Begin a piece of work; False: the GPU is full, even after collecting."""
        for seconds in (audio_s, audio_s / 2.0):
            with suppress(DeviceFailure), ExitStack() as stack:
                unit = stack.enter_context(self._guard.unit(seconds))
                unit.point("before-transfer")
                self.allocator.begin_work(_PEAK_MIB + _PEAK_MIB_PER_S * seconds)
                stack.callback(unit.point, "after-inference")
                self._unit = stack.pop_all()
                return True
        return False

    def finish(self) -> AllocatorFigures | None:
        """Finish the piece of work."""
        self.allocator.end_work()
        self._unit.close()
        return self.allocator.figures()

    def trim(self) -> AllocatorFigures | None:
        return self._guard.collect()

    def end(self, now_s: float) -> None:
        """Free everything that the worker held."""
        self._gpu.give(self.allocator.held_mib, now_s)
