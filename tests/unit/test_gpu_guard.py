"""The guard round units of work, on a made-up GPU whose books are true."""

import pytest

from fakes.ledger import AcceleratorError, Ledger, OutOfMemoryError, PaperCard
from swictation.clock import SimClock
from swictation.errors import DeviceFailure, DeviceRefused
from swictation.gpu.guard.guard import COLLECT_PAUSE_S, CUDAMemoryGuard
from swictation.gpu.policy.admission import Admission
from swictation.gpu.policy.breaker import Breaker
from swictation.gpu.policy.cache import pays
from swictation.types import AllocatorFigures

pytestmark = pytest.mark.unit

POINTS = ["before-detection", "before-transfer", "after-inference", "before-answer"]


class Bench:
    """A guard, the GPU under it, and a clock."""

    def __init__(self, *, is_alone=True, allocator=None):
        self.clock = SimClock()
        self.gpu = PaperCard()
        self.ledger = Ledger(self.gpu)
        self.weights = self.ledger.malloc(1670)
        self.breaker = Breaker() if is_alone else None
        self.guard = CUDAMemoryGuard(
            allocator or self.ledger,
            breaker=self.breaker,
            admission=Admission(100.0, 4.0) if is_alone else None,
            clock=self.clock,
        )

    def do(self, audio_s=5.0, *, takes_mib=None, keeps_mib=0.0, is_probe=False, pause_s=30.0):
        """A unit that allocates in two blocks, frees them, and keeps something."""
        self.clock.advance(pause_s)
        with self.guard.unit(audio_s, is_probe=is_probe) as unit:
            unit.point("before-detection")
            unit.point("before-transfer")
            mib = 20.0 + 3.0 * audio_s if takes_mib is None else takes_mib
            blocks = [self.ledger.malloc(0.7 * mib), self.ledger.malloc(0.3 * mib)]
            self.ledger.launch()
            for block in blocks:
                self.ledger.free(block)
            unit.point("after-inference")
            if keeps_mib:
                self.ledger.malloc(keeps_mib)
            unit.point("before-answer")
        return unit

    def fail(self, error, *, is_probe=False):
        with self.guard.unit(5.0, is_probe=is_probe):
            raise error


@pytest.mark.parametrize("audio_s", [1.0, 5.0, 20.0, 60.0])
def test_thirty_units_leave_as_much_behind_as_two(audio_s):
    """The cache is neither emptied after each unit nor does it creep."""
    bench = Bench()
    free = []
    for _ in range(30):
        bench.do(audio_s)
        free.append(bench.gpu.free_bytes())
    assert {free[n - 1] for n in (16, 17, 25, 26)} == {free[1]}
    assert bench.guard.report.residual_mib == 0.0
    assert bench.guard.report.leak == ""
    assert bench.guard.report.units == 30


def test_points_are_counted_and_collect_when_it_pays():
    bench = Bench()
    for _ in range(3):
        bench.do(takes_mib=10.0)
    points = bench.guard.report.points
    assert {
        name: (points[name].passed, points[name].collected) for name in POINTS
    } == dict.fromkeys(POINTS, (3, 0))
    bench.do(takes_mib=200.0)
    points = bench.guard.report.points
    assert [points[name].collected for name in POINTS] == [0, 0, 1, 0]
    assert bench.guard.report.figures.reserved_mib < 1700


def test_they_do_not_collect_after_every_unit_of_many():
    bench = Bench()
    for _ in range(100):
        bench.do(takes_mib=200.0, pause_s=1.0)
    assert 0 < bench.ledger.collections <= 100 / COLLECT_PAUSE_S + 1


@pytest.mark.parametrize(
    ("cached_mib", "split_mib", "free_mib", "does"),
    [
        (64.0, 0.0, 2000.0, False),
        (65.0, 0.0, 2000.0, True),
        (30.0, 0.0, 100.0, True),
        (25.0, 0.0, 100.0, False),
        (200.0, 150.0, 2000.0, False),
        (30.0, 0.0, None, False),
        (65.0, 0.0, None, True),
    ],
)
def test_collecting_pays_by_what_can_be_returned(cached_mib, split_mib, free_mib, does):
    figures = AllocatorFigures(100.0, 100.0 + cached_mib, split_mib)
    assert pays(figures, free_mib) == does


def test_a_leak_of_120_mib_is_named_by_the_third_unit():
    bench = Bench()
    for _ in range(2):
        bench.do(keeps_mib=120.0)
    assert bench.guard.report.leak == ""
    bench.do(keeps_mib=120.0)
    assert "120 MiB" in bench.guard.report.leak


def test_so_is_what_one_unit_never_gives_back():
    bench = Bench()
    bench.do()
    bench.do(keeps_mib=120.0)
    bench.do()
    bench.do()
    assert bench.guard.report.leak == "120 MiB are not freed"


def test_what_the_first_unit_makes_for_ever_is_no_leak():
    bench = Bench()
    bench.do(keeps_mib=500.0)
    for _ in range(9):
        bench.do()
    assert bench.guard.report.leak == ""


def test_the_peak_is_measured_and_learnt():
    bench = Bench()
    for n in range(12):
        bench.do(2.0 + n)
    assert bench.guard.report.peak_mib == pytest.approx(1670 + 20 + 3 * 13, abs=20)
    bench.gpu.others_mib = 4096 - 170 - 300 - 1670 - 40 - 100
    with pytest.raises(DeviceRefused) as refused:
        bench.do(60.0)
    assert refused.value.kind == "oom"
    assert refused.value.remedy
    bench.do(5.0)
    assert bench.guard.report.refused == 1
    assert bench.ledger.figures().ooms == 0


def test_an_oom_is_named_collected_after_and_the_next_unit_is_served():
    bench = Bench(is_alone=False)
    bench.do(takes_mib=1000.0)
    bench.clock.advance(60.0)

    def work():
        held = bench.ledger.malloc(500.0)  # noqa: F841 - a tensor in a frame that failed
        bench.ledger.malloc(3000.0)

    with pytest.raises(DeviceFailure) as failed, bench.guard.unit():
        work()
    assert failed.value.kind == "oom"
    frames = failed.value.__cause__.__traceback__
    while frames:
        assert "held" not in frames.tb_frame.f_locals
        frames = frames.tb_next
    assert bench.guard.report.latched is None
    assert (
        bench.ledger.figures().inactive_split_mib
        == bench.ledger.figures().reserved_mib - 1670 - 500
    )
    bench.do()


def test_three_ooms_open_the_breaker_and_two_probes_close_it():
    bench = Bench()
    for _ in range(3):
        with pytest.raises(DeviceFailure):
            bench.fail(OutOfMemoryError())
    with pytest.raises(DeviceRefused):
        bench.do(pause_s=1.0)
    for _ in range(2):
        bench.do(is_probe=True)
    bench.do()
    assert bench.guard.report.failures == {"oom": 3}


@pytest.mark.parametrize("is_alone", [True, False])
@pytest.mark.parametrize("code", [700, 719, 999])
def test_after_a_fatal_failure_the_device_is_not_touched_again(code, is_alone):
    bench = Bench(is_alone=is_alone)
    bench.do()
    bench.ledger.poison(code)
    with pytest.raises(DeviceFailure) as failed:
        bench.do()
    assert failed.value.kind == bench.guard.report.latched == "fatal"
    touches = bench.ledger.touches
    for _ in range(50):
        for refused in (bench.do, bench.guard.collect):
            with pytest.raises(DeviceRefused):
                refused()
    assert bench.ledger.touches == touches
    assert bench.guard.look() is None
    assert bench.guard.report.units == 1


def test_no_success_is_reported_after_a_fault_until_recovery_has_been_validated():
    bench = Bench()
    with pytest.raises(DeviceFailure):
        bench.fail(AcceleratorError(719))
    for is_probe in (False, True):
        with pytest.raises(DeviceRefused):
            bench.do(is_probe=is_probe)
    assert bench.guard.renew()
    with pytest.raises(DeviceRefused):
        bench.do()
    bench.do(is_probe=True)
    with pytest.raises(DeviceRefused):
        bench.do()
    bench.do(is_probe=True)
    bench.do()
    assert bench.guard.report.failures == {"fatal": 1}


def test_a_unit_that_was_under_way_when_another_failed_is_void():
    for renews in (False, True):
        bench = Bench()
        under_way = bench.guard.unit()
        under_way.__enter__()
        with pytest.raises(DeviceFailure):
            bench.fail(AcceleratorError(700))
        if renews:
            bench.guard.renew()
        with pytest.raises(DeviceFailure):
            under_way.__exit__(None, None, None)
        assert bench.guard.report.units == 0
        assert bench.guard.report.failures == {"fatal": 1}


def test_a_fault_that_shows_while_collecting_after_an_oom_is_fatal():
    bench = Bench()
    bench.ledger.poison(719)
    bench.ledger.free_mib = lambda: 4096.0
    with pytest.raises(DeviceFailure) as failed:
        bench.fail(OutOfMemoryError())
    assert failed.value.kind == "fatal"


def test_what_is_not_the_devices_passes_unchanged():
    bench = Bench()
    for error in (ValueError("no"), KeyboardInterrupt()):
        with pytest.raises(type(error)) as passed:
            bench.fail(error)
        assert passed.value is error
    assert bench.guard.report.failures == {}
    bench.do()


def test_a_probe_that_says_nothing_of_the_device_may_be_repeated():
    bench = Bench()
    bench.guard.renew()
    with pytest.raises(ValueError, match="no"):
        bench.fail(ValueError("no"), is_probe=True)
    bench.do(is_probe=True)


def test_three_dead_generations_are_the_last():
    bench = Bench()
    for _ in range(2):
        with pytest.raises(DeviceFailure):
            bench.fail(AcceleratorError(719), is_probe=bench.breaker.state != "closed")
        assert bench.guard.renew()
    with pytest.raises(DeviceFailure):
        bench.fail(AcceleratorError(719), is_probe=True)
    assert not bench.guard.renew()


def test_a_fault_that_shows_while_looking_is_named_and_latched():
    bench = Bench()

    def figures():
        raise AcceleratorError(719)

    bench.ledger.figures = figures
    with pytest.raises(DeviceFailure) as failed:
        bench.guard.look()
    assert failed.value.kind == "fatal"
    assert bench.guard.look() is None
    with pytest.raises(DeviceRefused):
        bench.do()


class Unreadable:
    """As torch without CUDA, or CTranslate2: it works, and says nothing."""

    def __init__(self):
        self.collections = 0

    def figures(self):
        return None

    def free_mib(self):
        return None

    def collect(self):
        self.collections += 1

    def begin_unit(self):
        pass


def test_an_allocator_that_cannot_be_read_is_reported_as_such():
    allocator = Unreadable()
    bench = Bench(allocator=allocator)
    for _ in range(5):
        unit = bench.do(keeps_mib=120.0)
    report = bench.guard.report
    assert unit.figures is report.figures is report.peak_mib is report.residual_mib is None
    assert report.leak == ""
    assert (report.units, report.points["after-inference"].passed) == (5, 5)
    assert allocator.collections == 0
    bench.guard.collect()
    assert allocator.collections == 1
