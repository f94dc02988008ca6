"""How often the GPU is read, in simulated time: the thread's own steps, one after the other."""

import os

import pytest

from fakes.nvml import card as nvml
from fakes.sysfs import Machine
from swictation.clock import SimClock
from swictation.config.settings import VramSettings
from swictation.gpu.nvml.nvml import NvmlProbe
from swictation.gpu.nvml.poller import VramPoller

pytestmark = pytest.mark.process

OURS = os.getpid()
HOUR_S = 3600.0


class Stage:
    """A poller whose thread is not started: `pass_time` does what it would do."""

    def __init__(self, card, machine):
        self.gpu = card
        self.machine = machine
        self.clock = SimClock(1000.0)
        self.posted = []
        self.probe = NvmlProbe("auto", machine.root, self.clock)
        self.poller = VramPoller(self.probe, self._post, VramSettings(), self.clock)
        self._due_s = 0.0

    def _post(self, snapshot):
        self.posted.append(snapshot)
        self.poller.ack()

    def watch(self, need, *pids, **wish):
        self.poller.watch(need, pids, **wish)
        self._due_s = 0.0

    def pass_time(self, seconds):
        """The times, from now, at which a usable reading came."""
        start_s, known = self.clock.now_s(), len(self.posted)
        end_s = start_s + seconds
        while True:
            now_s = self.clock.now_s()
            if self._due_s <= now_s:
                wait_s = self.poller.tick()
                self._due_s = float("inf") if wait_s is None else now_s + wait_s
            next_s = min(self._due_s, end_s)
            if next_s >= end_s:
                break
            self.clock.advance(next_s - now_s)
        self.clock.advance(end_s - self.clock.now_s())
        return [round(snapshot.at_s - start_s, 3) for snapshot in self.posted[known:]]


@pytest.fixture
def stage(card, tmp_path):
    machine = Machine(tmp_path / "machine")
    machine.add()
    made_up = Stage(card, machine)
    yield made_up
    made_up.probe.close()


def test_nothing_is_read_and_nothing_opened_in_an_idle_hour(stage):
    assert stage.pass_time(HOUR_S) == []
    stage.watch("none")
    assert stage.pass_time(HOUR_S) == []
    assert (stage.gpu.inits, stage.gpu.calls) == (0, 0)


def test_a_card_that_sleeps_is_not_opened_in_an_hour_of_waiting_for_it(stage):
    stage.machine.set_power("suspended")
    stage.watch("awaited")
    stage.pass_time(HOUR_S)
    assert {snapshot.trouble for snapshot in stage.posted} == {"asleep"}
    assert len(stage.posted) == HOUR_S / 15
    assert (stage.gpu.inits, stage.gpu.calls) == (0, 0)


def test_a_card_in_use_is_read_each_second_and_stays_open(stage):
    stage.gpu.set_process(OURS, 100)
    stage.watch("held", OURS)
    assert stage.pass_time(3.5) == [0, 1, 2, 3]
    assert {snapshot.ours_mib for snapshot in stage.posted} == {100}
    assert (stage.gpu.inits, stage.gpu.open_count) == (1, 1)


def test_near_a_threshold_it_is_read_five_times_a_second(stage):
    stage.watch("held")
    stage.pass_time(10.0)
    stage.watch("held", near=True)
    assert stage.pass_time(1.0) == [0, 0.2, 0.4, 0.6, 0.8]
    stage.watch("held", near=False)
    assert stage.pass_time(2.1) == [0.8, 1.8]
    assert stage.gpu.inits == 1


def test_a_card_that_is_waited_for_is_opened_read_and_closed_every_fifteen_seconds(stage):
    stage.watch("awaited")
    assert stage.pass_time(46.0) == [0, 15, 30, 45]
    assert (stage.gpu.inits, stage.gpu.shutdowns) == (4, 4)
    assert stage.gpu.open_count == 0


def test_it_is_let_go_when_nobody_needs_it_any_more(stage):
    stage.watch("held")
    stage.pass_time(5.0)
    stage.watch("none")
    assert stage.pass_time(0.01) == []
    assert stage.gpu.open_count == 0
    assert stage.pass_time(HOUR_S) == []
    assert stage.gpu.inits == 1


def test_a_new_need_is_read_at_once(stage):
    stage.watch("awaited")
    stage.pass_time(1.0)
    for need in ("held", "awaited"):
        stage.watch(need)
        assert stage.pass_time(0.5) == [0]


def test_saying_the_same_again_changes_nothing(stage):
    for _ in range(5):
        stage.watch("held")
        stage.pass_time(0.1)
    assert len(stage.posted) == 1


def test_a_driver_that_failed_is_opened_again_seldom(stage):
    stage.gpu.fail_init(nvml.DRIVER_NOT_LOADED)
    stage.watch("held", near=True)
    assert stage.pass_time(31.0) == [0, 15, 30]
    assert stage.gpu.inits == 3
    stage.gpu.fail_init(0)
    assert stage.pass_time(15.0)[0] == 14
    assert stage.posted[-1].is_usable


def test_a_card_that_a_new_worker_wakes_is_seen_within_a_second(stage):
    stage.machine.set_power("suspended")
    stage.watch("held", OURS)
    stage.pass_time(3.0)
    stage.machine.set_power("active")
    stage.pass_time(1.1)
    assert stage.posted[-1].is_usable


def test_only_one_snapshot_waits_to_be_taken_and_the_next_is_the_newest(card, tmp_path):
    clock, posted = SimClock(), []
    probe = NvmlProbe("auto", tmp_path, clock)
    prober = VramPoller(probe, posted.append, VramSettings(), clock)
    prober.watch("held")
    for used_mib in range(5):
        card.set_hidden(used_mib)
        prober.tick()
        clock.advance(1.0)
    assert [round(4096 - 170 - snapshot.free_mib) for snapshot in posted] == [0]
    prober.ack()
    assert [round(4096 - 170 - snapshot.free_mib) for snapshot in posted] == [0, 4]
    prober.ack()
    assert len(posted) == 2
    prober.tick()
    assert len(posted) == 3
    probe.close()
