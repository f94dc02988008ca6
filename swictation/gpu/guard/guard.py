"""A guard around any unit of work on a GPU: admits it, measures it, names its failures.

    guard = CUDAMemoryGuard(allocator, breaker=Breaker(), admission=Admission(200.0, 4.0))
    with guard.unit(audio_s=6.0) as unit:
        unit.point("before-transfer")
        ...
        unit.point("after-inference")

A program that is a single process gives it a breaker and an admission. Swictation's worker does
not: there the daemon decides what to ask, and the guard measures, collects, names and latches.
"""

import traceback
from collections.abc import Generator
from contextlib import contextmanager
from typing import Literal

import msgspec

from swictation.clock import Clock, MonotonicClock
from swictation.errors import DeviceFailure, DeviceRefused
from swictation.gpu.policy.admission import Admission
from swictation.gpu.policy.breaker import Breaker
from swictation.gpu.policy.cache import collectable_mib, pays
from swictation.gpu.policy.failures import classify
from swictation.gpu.policy.leaks import LeakDetector
from swictation.types import Allocator, AllocatorFigures, FailureKind

COLLECT_PAUSE_S = 10.0
"""The least time between two collections at points, so that not every segment collects."""

_NEVER_AGAIN = "The GPU has failed: this process can never use it again."
_VOID = "The GPU failed during this work, so its result is void."


PointName = Literal["before-detection", "before-transfer", "after-inference", "before-answer"]


class PointCount(msgspec.Struct, frozen=True):
    """How often a point was passed, and how often the cache was freed there."""

    passed: int = 0
    collected: int = 0


class GuardReport(msgspec.Struct, frozen=True):
    """What a guard has seen of all units since it was made."""

    units: int = 0
    """Units that succeeded."""
    refused: int = 0
    failures: dict[FailureKind, int] = {}
    latched: FailureKind | None = None
    """The failure that made the device unusable for this process, for good; or None."""
    points: dict[PointName, PointCount] = {}
    figures: AllocatorFigures | None = None
    """The allocator's figures as last read. None: unreadable, which is not the same as zero."""
    peak_mib: float | None = None
    """The most that was reserved at once during the last unit."""
    residual_mib: float | None = None
    """How much more the last unit left allocated than the first."""
    leak: str = ""
    """What is not freed, in words; "" while everything is."""


class Unit:
    """A unit of work that has begun; see `CUDAMemoryGuard.unit`."""

    def __init__(
        self, guard: "CUDAMemoryGuard", generation: int, begun: AllocatorFigures | None
    ) -> None:
        self._guard = guard
        self.generation = generation
        self.begun = begun
        """What the allocator held when the unit began."""
        self.figures: AllocatorFigures | None = None
        """What it held when the unit ended. None: not ended yet, or unreadable."""

    def end(self, figures: AllocatorFigures | None) -> None:
        """Record what the allocator holds at the unit's end."""
        self.figures = figures

    def point(self, name: PointName) -> None:
        """Pass one of the four moments at which the cache is freed, if that pays.

        Raises:
            Exception: any error of the device; the unit's end makes a DeviceFailure of it.
        """
        self._guard.pass_point(self, name)


class CUDAMemoryGuard:
    """Guards units of work on one device. Used on one thread; units may overlap, but do not nest.

    An allocator that cannot be read is reported as `report.figures is None`. Then nothing is
    measured, collected at points or called a leak, and no unit is refused for lack of memory.
    """

    def __init__(
        self,
        allocator: Allocator,
        *,
        breaker: Breaker | None = None,
        admission: Admission | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._allocator = allocator
        self._breaker = breaker
        self._admission = admission
        self._clock = clock or MonotonicClock()
        self._leak_detector = LeakDetector()
        self._collected_s = float("-inf")
        self._latched: FailureKind | None = None
        self._generation = 0
        self.report = GuardReport()

    @contextmanager
    def unit(self, audio_s: float = 0.0, *, is_probe: bool = False) -> Generator[Unit, None, None]:
        """Do a unit of work of `audio_s` seconds of sound.

        `is_probe`: the unit validates a device that is not trusted (yet, or any more), and its
        result is used for nothing else. Two successful probes in a row restore the trust.

        Errors that are not the device's pass through unchanged.

        Raises:
            DeviceRefused: the unit was not begun, and the device not touched.
            DeviceFailure: the device has failed since the unit began; its result is void.
        """
        self._refuse_unless_trusted(is_probe=is_probe)
        with self._naming(is_probe=is_probe):
            self._refuse_without_room(audio_s)
            unit = self._begin()
            yield unit
            self._end(unit, audio_s)
        if self._breaker:
            self._breaker.succeeded(self._clock.now_s(), is_probe=is_probe)

    def collect(self) -> AllocatorFigures | None:
        """Free the cache now, whether or not it pays. Returns what is held afterwards.

        Raises:
            DeviceFailure: the device failed.
            DeviceRefused: the device had failed before.
        """
        self._refuse_if_latched()
        with self._naming():
            self._allocator.collect()
            self._collected_s = self._clock.now_s()
            return self._read()

    def look(self) -> AllocatorFigures | None:
        """Return what the allocator holds; None if it is unreadable or the device has failed.

        Raises:
            DeviceFailure: the device failed.
        """
        with self._naming():
            return self._read()

    def renew(self) -> bool:
        """Begin a new generation, after the poisoned process was replaced.

        False: too many were replaced in too short a time (`Breaker.is_banned`). With a breaker,
        only probes are admitted until two of them have succeeded.
        """
        if self._breaker and not self._breaker.new_generation():
            return False
        self._latched = None
        self._note(latched=None)
        self._generation += 1
        self._leak_detector = LeakDetector()
        return True

    def pass_point(self, unit: Unit, name: PointName) -> None:
        """See `Unit.point`."""
        self._raise_if_void(unit)
        self._count(name, passed=1)
        if self._collect_if_it_pays():
            self._count(name, collected=1)

    def _count(self, name: PointName, *, passed: int = 0, collected: int = 0) -> None:
        before = self.report.points.get(name, PointCount())
        count = PointCount(before.passed + passed, before.collected + collected)
        self._note(points={**self.report.points, name: count})

    def _collect_if_it_pays(self) -> bool:
        if self._clock.now_s() - self._collected_s < COLLECT_PAUSE_S:
            return False
        figures = self._read()
        if figures is None or not pays(figures, self._allocator.free_mib()):
            return False
        self._allocator.collect()
        self._collected_s = self._clock.now_s()
        return True

    @contextmanager
    def _naming(self, *, is_probe: bool = False) -> Generator[None, None, None]:
        """Turn the device's errors into a DeviceFailure."""
        generation = self._generation
        try:
            yield
        except BaseException as error:
            failure = self._failed(error, generation, is_probe=is_probe)
            if failure is None:
                raise
            raise failure from error

    def _read(self) -> AllocatorFigures | None:
        figures = None if self._latched else self._allocator.figures()
        self._note(figures=figures)
        return figures

    def _note(self, **changes: object) -> None:
        self.report = msgspec.structs.replace(self.report, **changes)

    def _refuse_unless_trusted(self, *, is_probe: bool) -> None:
        self._refuse_if_latched()
        if self._breaker is None:
            return
        now_s, breaker = self._clock.now_s(), self._breaker
        if not (breaker.begin_probe(now_s) if is_probe else breaker.is_closed):
            self._note(refused=self.report.refused + 1)
            why = breaker.why or "it is not in doubt, so there is nothing to probe"
            raise DeviceRefused("other", f"The GPU takes no such work now: {why}.")

    def _refuse_if_latched(self) -> None:
        if self._latched:
            self._note(refused=self.report.refused + 1)
            raise DeviceRefused(self._latched, _NEVER_AGAIN)

    def _refuse_without_room(self, audio_s: float) -> None:
        """The free memory and the cache's whole segments must cover the predicted peak."""
        if self._admission is None:
            return
        figures, free_mib = self._read(), self._allocator.free_mib()
        if figures is None or free_mib is None:
            return
        room_mib = free_mib + collectable_mib(figures)
        needed_mib = self._admission.predict_mib(audio_s)
        if needed_mib > room_mib:
            self._note(refused=self.report.refused + 1)
            raise DeviceRefused(
                "oom",
                f"The GPU has room for {room_mib:.0f} MiB, but {needed_mib:.0f} are needed.",
                "split the work, do it elsewhere, or close programs that use the GPU",
            )

    def _begin(self) -> Unit:
        unit = Unit(self, self._generation, self._read())
        self._allocator.begin_unit()
        return unit

    def _end(self, unit: Unit, audio_s: float) -> None:
        """Measure the unit. Its result is void if the device failed meanwhile, at any unit."""
        self._raise_if_void(unit)
        unit.end(self._read())
        peak_mib = unit.figures.peak_mib if unit.figures else None
        self._note(units=self.report.units + 1, peak_mib=peak_mib)
        if unit.figures is None or unit.begun is None:
            return
        self._leak_detector.observe(unit.figures.allocated_mib)
        self._note(leak=self._leak_detector.leak, residual_mib=self._leak_detector.residual_mib)
        if self._admission:
            taken_mib = unit.figures.peak_mib - unit.begun.allocated_mib
            self._admission.observe(audio_s, max(0.0, taken_mib))

    def _raise_if_void(self, unit: Unit) -> None:
        if self._latched or unit.generation != self._generation:
            raise DeviceFailure(self._latched or "fatal", _VOID)

    def _failed(
        self, error: BaseException, generation: int, *, is_probe: bool
    ) -> DeviceFailure | None:
        """Record a failure of the device; None if `error` says nothing about the device."""
        may_be_device = isinstance(error, Exception) and not isinstance(error, DeviceRefused)
        kind = classify(error) if may_be_device else "other"
        if self._latched or generation != self._generation:
            return None if kind == "other" else DeviceFailure(kind, _VOID)
        if kind == "other":
            if self._breaker and is_probe:
                self._breaker.withdraw_probe()
            return None
        if kind == "oom":
            kind = self._collect_after(error)
        count = self.report.failures.get(kind, 0) + 1
        self._note(failures={**self.report.failures, kind: count})
        if self._breaker:
            self._breaker.failed(kind, self._clock.now_s(), is_probe=is_probe)
        if kind == "oom":
            return DeviceFailure(kind, "The GPU is short of memory.")
        self._latched = kind
        self._note(latched=kind, figures=None)
        return DeviceFailure(kind, _NEVER_AGAIN)

    def _collect_after(self, error: BaseException) -> FailureKind:
        """Collect after an OOM; the frames of its traceback still hold what they allocated."""
        traceback.clear_frames(error.__traceback__)
        try:
            self._allocator.collect()
            self._read()
        except Exception as worse:  # noqa: BLE001 - a device may raise anything; the worse counts
            kind = classify(worse)
            return "fatal" if kind == "other" else kind
        self._collected_s = self._clock.now_s()
        return "oom"
