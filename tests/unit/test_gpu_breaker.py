"""The circuit breaker, move by move and in any order."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from swictation.gpu.policy.breaker import MAX_PAUSE_S, Breaker

pytestmark = pytest.mark.unit

DEADLY = ["fatal", "crash", "hang", "lost", "other"]


def opened(times=1):
    """A breaker that has been open `times` times; the moment of the last."""
    breaker, now_s = Breaker(), 0.0
    for _ in range(3):
        breaker.failed("oom", now_s)
    for _ in range(times - 1):
        now_s += MAX_PAUSE_S
        assert breaker.begin_probe(now_s)
        breaker.failed("oom", now_s)
    return breaker, now_s


def test_three_ooms_in_a_minute_open_it():
    breaker = Breaker()
    for now_s in (0.0, 30.0):
        breaker.failed("oom", now_s)
        assert breaker.is_closed
    breaker.failed("oom", 59.0)
    assert breaker.state == "open"
    assert not breaker.is_closed
    assert "3 times" in breaker.why


def test_ooms_that_are_farther_apart_do_not():
    breaker = Breaker()
    for n in range(20):
        breaker.failed("oom", n * 31.0)
    assert breaker.is_closed


def test_ooms_are_forgotten_when_all_is_well_again():
    breaker = Breaker()
    breaker.failed("oom", 0.0)
    breaker.succeeded(30.0)
    assert (breaker.failures, breaker.why) == (1, "the GPU was short of memory")
    breaker.succeeded(61.0)
    assert (breaker.failures, breaker.why) == (0, "")


@pytest.mark.parametrize(
    ("times", "pause_s"), [(1, 5), (2, 10), (3, 20), (6, 160), (7, 300), (40, 300)]
)
def test_each_pause_is_twice_as_long_up_to_five_minutes(times, pause_s):
    breaker, now_s = opened(times)
    assert not breaker.begin_probe(now_s + pause_s - 0.1)
    assert breaker.begin_probe(now_s + pause_s)
    assert breaker.state == "half-open"


def test_two_probes_that_end_well_close_it_and_a_success_makes_the_pauses_short_again():
    breaker, now_s = opened(4)
    now_s += MAX_PAUSE_S
    for _ in range(2):
        assert not breaker.is_closed
        assert breaker.begin_probe(now_s)
        breaker.succeeded(now_s)
    assert (breaker.state, breaker.failures, breaker.why) == ("closed", 0, "")
    breaker.succeeded(now_s, is_probe=False)  # a user's work, which is longer than a probe
    for _ in range(3):
        breaker.failed("oom", now_s)
    assert breaker.begin_probe(now_s + 5.0)


def test_without_a_users_success_between_the_pauses_go_on_growing():
    breaker, now_s = opened(2)
    now_s += MAX_PAUSE_S
    for _ in range(2):
        assert breaker.begin_probe(now_s)
        breaker.succeeded(now_s)
    for _ in range(3):
        breaker.failed("oom", now_s)
    assert not breaker.begin_probe(now_s + 10.0)


def test_one_probe_at_a_time():
    breaker, now_s = opened()
    assert breaker.begin_probe(now_s + 5.0)
    assert not breaker.begin_probe(now_s + 500.0)
    breaker.withdraw_probe()
    assert breaker.begin_probe(now_s + 500.0)


def test_a_late_success_of_an_older_call_is_no_probe():
    breaker, now_s = opened()
    assert breaker.begin_probe(now_s + 5.0)
    breaker.succeeded(now_s + 5.0, is_probe=False)
    assert not breaker.begin_probe(now_s + 5.0)
    breaker.succeeded(now_s + 6.0)
    assert breaker.state == "half-open"


def test_a_success_that_nobody_probed_for_mends_nothing():
    breaker = Breaker()
    breaker.new_generation()
    for _ in range(5):
        breaker.succeeded(1.0)
    assert breaker.state == "half-open"


@pytest.mark.parametrize("kind", DEADLY)
def test_death_is_left_by_a_new_generation_only(kind):
    breaker = Breaker()
    breaker.failed(kind, 0.0)
    for now_s in range(0, 10_000, 100):
        breaker.succeeded(float(now_s))
        assert not breaker.begin_probe(float(now_s))
        assert not breaker.is_closed
    assert breaker.state == "dead"
    assert breaker.why
    assert breaker.new_generation()
    assert (breaker.state, breaker.generation) == ("half-open", 1)
    assert not breaker.is_current(0)


def test_a_dead_worker_is_counted_once():
    breaker = Breaker()
    for _ in range(5):
        breaker.failed("fatal", 0.0)
    assert not breaker.is_banned


def die(breaker, *at):
    for now_s in at:
        assert breaker.new_generation()
        breaker.failed("crash", now_s)


def test_three_dead_workers_in_ten_minutes_are_enough_until_a_reset():
    breaker = Breaker()
    die(breaker, 0.0, 300.0, 599.0)
    assert breaker.is_banned
    assert "3 workers" in breaker.why
    assert not breaker.new_generation()
    assert breaker.state == "dead"
    breaker.reset()
    assert not breaker.is_banned
    assert breaker.state == "dead"
    assert breaker.new_generation()


def test_three_in_a_longer_time_are_not():
    breaker = Breaker()
    die(breaker, 0.0, 300.0, 601.0)
    assert not breaker.is_banned


def test_a_reset_ends_a_pause():
    breaker, now_s = opened(6)
    assert not breaker.begin_probe(now_s + 1.0)
    breaker.reset()
    assert breaker.begin_probe(now_s + 1.0)


class AnyOrder(RuleBasedStateMachine):
    """Calls begin and end in any order; a model of what must never be keeps the score."""

    def __init__(self):
        super().__init__()
        self.breaker = Breaker()
        self.now_s = 0.0
        self.calls = []
        """(generation, is a probe) of those that have begun."""
        self.good_probes = None
        """Since the last failure or new worker; None before there was any."""

    @rule(seconds=st.floats(0.0, 400.0))
    def time_passes(self, seconds):
        self.now_s += seconds

    @rule()
    def begin_work(self):
        if self.breaker.is_closed:
            assert self.good_probes is None or self.good_probes >= 2
            self.calls.append((self.breaker.generation, False))

    @rule()
    def begin_probe(self):
        was = self.breaker.state
        if self.breaker.begin_probe(self.now_s):
            assert was in ("open", "half-open")
            assert (self.breaker.generation, True) not in self.calls, "two probes at once"
            self.calls.append((self.breaker.generation, True))

    @precondition(lambda self: self.calls)
    @rule(which=st.integers(0, 9))
    def end_well(self, which):
        generation, is_probe = self.calls.pop(which % len(self.calls))
        if not self.breaker.is_current(generation):
            return
        was = self.breaker.state
        if is_probe and was == "half-open":
            self.good_probes += 1
        self.breaker.succeeded(self.now_s, is_probe=is_probe)
        if self.breaker.state != was:
            assert (was, self.breaker.state, self.good_probes) == ("half-open", "closed", 2)

    @precondition(lambda self: self.calls)
    @rule(which=st.integers(0, 9), kind=st.sampled_from(["oom", "oom", "oom", *DEADLY]))
    def end_badly(self, which, kind):
        generation, is_probe = self.calls.pop(which % len(self.calls))
        if not self.breaker.is_current(generation):
            return
        self.breaker.failed(kind, self.now_s, is_probe=is_probe)
        if kind != "oom":
            assert self.breaker.state == "dead"
        if self.breaker.state != "closed":
            self.good_probes = 0

    @precondition(lambda self: self.breaker.state == "dead")
    @rule()
    def replace_the_worker(self):
        generation, banned = self.breaker.generation, self.breaker.is_banned
        assert self.breaker.new_generation() != banned
        assert self.breaker.generation == generation + (not banned)
        assert self.breaker.state == ("dead" if banned else "half-open")

    @rule()
    def the_user_resets(self):
        was = self.breaker.state
        self.breaker.reset()
        assert self.breaker.state == was

    @invariant()
    def only_a_closed_one_takes_work(self):
        assert self.breaker.is_closed == (self.breaker.state == "closed")
        assert (self.breaker.state == "closed") or self.breaker.why


TestAnyOrder = AnyOrder.TestCase
