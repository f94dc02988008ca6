"""Guard, breaker and ledger together, units beginning and ending in any order."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fakes.ledger import MIB, Ledger, OutOfMemoryError, PaperCard
from swictation.clock import SimClock
from swictation.errors import DeviceFailure, DeviceRefused
from swictation.gpu.guard.guard import CUDAMemoryGuard
from swictation.gpu.policy.admission import Admission
from swictation.gpu.policy.breaker import Breaker

pytestmark = pytest.mark.unit

WEIGHTS_MIB = 400.0


class Guarded(RuleBasedStateMachine):
    """`poisoned` is the truth about the device, which the guard has to find out."""

    def __init__(self):
        super().__init__()
        self.clock = SimClock()
        self.gpu = PaperCard(total_mib=1024, reserved_mib=0)
        self.breaker = Breaker()
        self.ledger = Ledger(self.gpu, context_mib=100)
        self.ledger.malloc(WEIGHTS_MIB)
        self.guard = CUDAMemoryGuard(
            self.ledger, breaker=self.breaker, admission=Admission(20.0, 4.0), clock=self.clock
        )
        self.open = []
        """(context manager, unit, blocks, is a probe)"""
        self.is_poisoned = False
        self.probes_since_fault = 2
        self.real_ooms = 0

    @rule(seconds=st.floats(0.0, 200.0))
    def time_passes(self, seconds):
        self.clock.advance(seconds)

    @rule(audio_s=st.floats(0.1, 60.0), is_probe=st.booleans())
    def begin(self, audio_s, is_probe):
        touches = self.ledger.touches
        was = self.breaker.state
        context = self.guard.unit(audio_s, is_probe=is_probe)
        try:
            unit = context.__enter__()
        except DeviceRefused as refusal:
            if refusal.kind != "oom":
                assert self.ledger.touches == touches
            return
        except DeviceFailure:
            assert self.is_poisoned
            self.probes_since_fault = 0
            return
        assert was != "dead"
        assert is_probe == (was != "closed")
        assert is_probe or self.probes_since_fault >= 2
        if is_probe:
            assert not any(probe for _, _, _, probe in self.open), "two probes at once"
        self.open.append((context, unit, [], is_probe))

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 5), mib=st.floats(0.1, 300.0))
    def work(self, which, mib):
        context, unit, blocks, is_probe = self.open[which % len(self.open)]
        if unit.generation != self.breaker.generation:
            return  # its process is gone
        try:
            blocks.append(self.ledger.malloc(mib))
        except OutOfMemoryError as error:
            self.real_ooms += 1
            self.end_badly(context, blocks, error, is_probe)
        except RuntimeError as error:
            assert self.is_poisoned
            self.end_badly(context, blocks, error, is_probe)

    def end_badly(self, context, blocks, error, is_probe):
        self.open = [one for one in self.open if one[0] is not context]
        for block in blocks:
            self.ledger.free(block)
        was_latched, was_poisoned = self.guard.report.latched, self.is_poisoned
        with pytest.raises(DeviceFailure):
            context.__exit__(type(error), error, error.__traceback__)
        if was_poisoned and not was_latched and isinstance(error, RuntimeError):
            assert self.guard.report.latched
        self.probes_since_fault = 0 if self.breaker.state != "closed" else self.probes_since_fault

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 5), point=st.sampled_from(["after-inference", "before-answer"]))
    def end(self, which, point):
        context, unit, blocks, is_probe = self.open.pop(which % len(self.open))
        for block in blocks:
            self.ledger.free(block)
        was = self.breaker.state
        units = self.guard.report.units
        is_void = unit.generation != self.breaker.generation or was == "dead"
        try:
            unit.point(point)
        except (RuntimeError, DeviceFailure) as error:
            assert is_void or self.is_poisoned
            self.end_badly(context, [], error, is_probe)
            return
        try:
            context.__exit__(None, None, None)
        except DeviceFailure:
            assert is_void
            assert self.guard.report.units == units
            return
        assert not is_void
        if is_probe:
            self.probes_since_fault += 1

    @rule()
    def a_fault_befalls_the_device(self):
        self.is_poisoned = True
        self.ledger.poison(719)

    @precondition(lambda self: self.guard.report.latched)
    @rule()
    def replace_the_process(self):
        """What was allocated in the old one is gone with it; its units are still to be told."""
        if not self.guard.renew():
            self.breaker.reset()
            assert self.guard.renew()
        self.is_poisoned = False
        self.ledger.poison(0)
        self.probes_since_fault = 0

    @rule(mib=st.floats(0.0, 400.0))
    def others_take(self, mib):
        self.gpu.others_mib = min(mib, self.gpu.free_bytes() / MIB + self.gpu.others_mib)

    @invariant()
    def the_books_are_true(self):
        report = self.guard.report
        assert (self.breaker.state == "dead") == (report.latched is not None)
        assert report.failures.get("oom", 0) <= self.real_ooms
        if not self.open:
            assert self.ledger.figures().allocated_mib == WEIGHTS_MIB


TestGuarded = Guarded.TestCase
TestGuarded.settings = settings(max_examples=150)
