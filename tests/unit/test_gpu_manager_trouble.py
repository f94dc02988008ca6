"""What the memory manager does about a GPU that fails, and about its detector."""

import pytest

from fakes.told_manager import TOTAL_MIB, Daemon, serving
from swictation.config.settings import Settings
from swictation.gpu.effects import LoadGpu, MemoryForecast, PlaceDetector, StopGpu, Validate
from swictation.gpu.manager.manager import AdaptiveMemoryManager
from swictation.gpu.policy.admission import Admission
from swictation.gpu.policy.breaker import Breaker
from swictation.types import Tier, VramSnapshot

pytestmark = pytest.mark.unit


# Faults.


def test_no_success_is_reported_after_a_fault_until_recovery_has_been_validated():
    daemon = serving()
    daemon.gone("fatal")
    assert daemon.manager.asr_placement == "cpu"
    daemon.read(800, 1)
    assert daemon.seen(LoadGpu)
    daemon.ready()
    for _ in range(2):
        assert daemon.manager.asr_placement == "cpu"
        daemon.log.clear()
        daemon.read(800, 1)
        assert daemon.manager.admit(daemon.now_s, 3.0, deaths_on_gpu=0).placement == "cpu"
        daemon.tell("on_validated", is_good=True)
    assert daemon.manager.asr_placement == "gpu"
    assert daemon.breaker.generation == 1


def test_validations_come_one_at_a_time():
    daemon = serving()
    daemon.gone("crash")
    daemon.read(800, 1)
    daemon.ready()
    daemon.log.clear()
    daemon.read(800, 20)
    assert len(daemon.seen(Validate)) <= 1


def test_the_way_back_is_taken_at_an_utterances_edge():
    daemon = serving()
    daemon.tell("on_cpu", "ready")
    daemon.gone("crash")
    daemon.read(800, 1)
    daemon.ready()
    daemon.do(is_busy=True)
    for _ in range(2):
        daemon.read(800, 1)
        daemon.tell("on_validated", is_good=True)
    assert daemon.manager.asr_placement == "cpu"
    daemon.do(is_busy=False)
    assert daemon.manager.asr_placement == "gpu"


def test_it_is_taken_at_once_where_the_cpu_engine_has_failed():
    daemon = serving()
    daemon.tell("on_cpu", "ready")
    daemon.do(is_busy=True, backlog_s=2.0)
    daemon.gone("crash")
    daemon.read(800)
    assert daemon.manager.asr_placement == "cpu"
    daemon.tell("on_cpu", "failed")
    daemon.ready()
    for _ in range(2):
        daemon.read(800, 2)
        daemon.tell("on_validated", is_good=True)
    assert daemon.manager.asr_placement == "gpu"
    assert daemon.manager.admit(daemon.now_s, 5.0, deaths_on_gpu=0).placement == "gpu"


def test_far_behind_it_is_taken_at_once():
    daemon = serving()
    daemon.gone("crash")
    daemon.read(800, 1)
    daemon.ready()
    daemon.do(is_busy=True, backlog_s=20.0)
    for _ in range(2):
        daemon.read(800, 1)
        daemon.tell("on_validated", is_good=True)
    assert daemon.manager.asr_placement == "gpu"


def test_a_worker_that_says_something_fatal_is_ended():
    daemon = serving()
    daemon.do(is_busy=True)
    daemon.tell("on_gpu_failed", "fatal")
    assert daemon.seen(StopGpu)
    assert daemon.manager.asr_placement == "cpu"


def test_three_ooms_in_a_minute_lead_to_the_cpu_and_validations_back():
    daemon = serving()
    for _ in range(3):
        assert daemon.manager.asr_placement == "gpu"
        daemon.tell("on_gpu_failed", "oom")
    assert daemon.manager.asr_placement == "cpu"
    assert not daemon.seen(StopGpu)
    daemon.read(800, 4)
    assert not daemon.seen(Validate)
    daemon.read(800, 2)
    assert len(daemon.seen(Validate)) == 1
    daemon.tell("on_validated", is_good=True)
    assert len(daemon.seen(Validate)) == 2
    assert daemon.manager.asr_placement == "cpu"
    daemon.tell("on_validated", is_good=True)
    assert daemon.manager.asr_placement == "gpu"


def test_three_dead_workers_in_ten_minutes_leave_the_card_alone_until_a_reset():
    daemon = serving(on_critical="vad-only")
    for _ in range(3):
        daemon.gone("crash")
        daemon.read(800, 1)
        if daemon.manager.need == "held":
            daemon.ready()
    daemon.log.clear()
    daemon.read(800, 2000)
    assert not daemon.seen(LoadGpu)
    assert daemon.manager.need == "none"
    assert daemon.manager.asr_placement == "cpu"  # a wait would never end
    assert "3 workers died" in daemon.manager.mode_reason
    daemon.tell("reset")
    assert daemon.manager.need in ("awaited", "held")
    daemon.read(800, 1)
    assert daemon.seen(LoadGpu)


def test_a_load_that_fails_for_want_of_memory_is_tried_again_after_growing_pauses():
    daemon = Daemon()
    daemon.do()
    daemon.read(800, 1)
    times = [daemon.now_s]
    for _ in range(2):
        daemon.gone("oom")
        daemon.log.clear()
        while not daemon.seen(LoadGpu):
            daemon.read(800, 1)
        times.append(daemon.now_s)
    assert times[1] - times[0] == 5.0
    assert times[2] - times[1] == 10.0


# Readings.


@pytest.mark.parametrize("trouble", ["lost", "no-driver", "mismatch"])
def test_a_card_that_is_gone_ends_the_worker_at_once(trouble):
    daemon = serving()
    daemon.do(is_busy=True)
    daemon.trouble(trouble)
    assert daemon.seen(StopGpu)
    assert daemon.manager.asr_placement == "cpu"


def test_other_troubles_lead_to_the_cpu_at_once_and_end_the_worker_after_ten_seconds():
    daemon = serving()
    daemon.do(is_busy=True)
    daemon.trouble("unknown")
    assert daemon.manager.asr_placement == "cpu"
    assert daemon.seen(PlaceDetector)[-1].placement == "cpu"
    daemon.trouble("unknown", 8)
    assert not daemon.seen(StopGpu)
    daemon.trouble("unknown", 1)
    assert daemon.seen(StopGpu)


def test_an_old_reading_is_as_good_as_none_and_the_manager_asks_to_be_woken_for_it():
    daemon = serving()
    assert daemon.manager.next_tick_s <= daemon.now_s + 3.1
    daemon.tick(3.0)
    assert daemon.manager.asr_placement == "gpu"
    assert daemon.manager.admit(daemon.now_s + 0.5, 3.0, deaths_on_gpu=0).placement == "cpu"
    daemon.tick(0.1)
    assert daemon.manager.asr_placement == "cpu"
    daemon.tick(7.0)
    assert daemon.seen(StopGpu)


def test_after_a_trouble_the_card_is_believed_when_it_was_readable_for_a_while():
    daemon = serving()
    daemon.trouble("unknown", 3)
    daemon.read(800, 5)
    assert daemon.manager.asr_placement == "cpu"
    daemon.read(800, 1)
    assert daemon.manager.asr_placement == "gpu"


@pytest.mark.parametrize(
    "figures",
    [(0.0, 0.0), (4096.0, 5000.0), (4096.0, -1.0), (float("nan"), 1.0), (4096.0, float("nan"))],
)
def test_impossible_figures_are_no_reading(figures):
    daemon = serving()
    daemon.now_s += 1.0
    daemon.took(daemon.manager.on_snapshot(VramSnapshot(daemon.now_s, *figures, 0.0)))
    assert daemon.manager.asr_placement == "cpu"


def test_after_sleep_nothing_counts_that_was_known():
    daemon = serving()
    daemon.gone()  # the daemon ends it before the machine sleeps
    daemon.now_s += 30000.0
    daemon.log.clear()
    daemon.tell("resumed")
    assert not daemon.seen(LoadGpu)
    daemon.read(800, 1)
    assert daemon.seen(LoadGpu)


def test_a_machine_that_goes_to_sleep_awaits_no_card():
    daemon = serving()
    daemon.tell("suspend")
    daemon.gone()
    daemon.read(800, 8)
    assert daemon.manager.need == "none"
    daemon.tell("resumed")
    assert daemon.manager.need == "awaited"


# The detector.


def test_the_detector_follows_the_level_with_a_dwell():
    daemon = serving()
    daemon.read(800, 30)
    daemon.read(1300, 3)
    assert daemon.seen(PlaceDetector)[-1].placement == "cpu"
    daemon.moved_detector()
    daemon.log.clear()
    daemon.read(800, 29)
    assert not daemon.seen(PlaceDetector)
    daemon.read(800, 5)
    assert daemon.seen(PlaceDetector)[-1].placement == "gpu"


def test_placement_cpu_keeps_it_there_and_gpu_only_until_critical():
    daemon = serving(placement="cpu")
    daemon.read(800, 100)
    assert not daemon.seen(PlaceDetector)
    daemon = serving(placement="gpu")
    daemon.read(1300, 100)
    assert not daemon.seen(PlaceDetector)
    daemon.read(1500, 3)
    assert daemon.seen(PlaceDetector)[-1].placement == "cpu"


def test_a_fault_of_the_detector_doubles_the_dwell():
    daemon = serving()
    daemon.tell("on_detector", "cpu", "it died", is_fault=True)
    daemon.read(800, 59)
    assert not daemon.seen(PlaceDetector)
    daemon.read(800, 2)
    assert daemon.seen(PlaceDetector)[-1].placement == "gpu"
    assert daemon.manager.status(daemon.now_s).vad_placement.effective == "cpu"


def test_a_move_that_nobody_confirms_is_asked_for_again():
    daemon = serving()
    daemon.read(1900, 1)
    assert len(daemon.seen(PlaceDetector)) == 1
    daemon.read(1900, 13)
    assert len(daemon.seen(PlaceDetector)) == 2


def test_a_detector_is_moved_to_the_card_only_for_a_listener_and_asked_once():
    daemon = serving()
    daemon.tell("on_detector", "cpu", "it died", is_fault=True)
    daemon.do(is_listening=False)
    daemon.read(800, 80)
    assert not daemon.seen(PlaceDetector)
    daemon.do()
    daemon.read(800, 600)  # no frame comes: nobody confirms it
    assert [move.placement for move in daemon.seen(PlaceDetector)] == ["gpu"]
    daemon.read(1500, 3)  # what waits for a frame is taken back
    assert [move.placement for move in daemon.seen(PlaceDetector)] == ["gpu", "cpu"]


# What it says.


def test_the_status_has_the_keys_that_scripts_read():
    daemon = serving()
    status = daemon.manager.status(daemon.now_s)
    assert status.total_mib == TOTAL_MIB
    assert status.others_mib == 800.0
    assert status.thresholds_mib == pytest.approx((3276.8, 3584.0, 3891.2))
    assert status.breaker.state == "closed"
    assert status.asr_placement == "gpu"
    assert (status.vad_placement.wanted, status.vad_placement.effective) == ("gpu", "gpu")
    assert len(status.actions) <= 20


def test_near_a_threshold_the_card_is_to_be_read_more_often():
    daemon = serving()
    assert not daemon.manager.is_near
    daemon.read(1100, 1)
    assert daemon.manager.is_near


def test_without_an_engine_for_the_card_it_leaves_it_alone():
    manager = AdaptiveMemoryManager(Settings(), Breaker(), Admission(200.0, 12.0), is_wanted=False)
    assert manager.on_activity(1.0, is_listening=True, is_busy=False, backlog_s=0.0) == []
    assert manager.on_snapshot(VramSnapshot(2.0, TOTAL_MIB, 4000.0, 0.0)) == []
    assert (manager.need, manager.mode, manager.asr_placement) == ("none", "", "cpu")
    assert manager.admit(3.0, 5.0, deaths_on_gpu=0).placement == "cpu"


def test_before_the_first_load_the_plan_says_which_way_to_load_fits():
    daemon = Daemon()
    plan = MemoryForecast(
        (Tier("fp16", 3600.0), Tier("int8", 950.0)), step_mib=60.0, step_mib_per_s=0.0
    )
    daemon.took(daemon.manager.want(daemon.now_s, plan))
    daemon.do()
    daemon.read(300, 3)
    assert [effect.tier for _, effect in daemon.log if isinstance(effect, LoadGpu)] == [1]


def test_a_model_that_fits_in_no_way_is_not_loaded():
    daemon = Daemon()
    plan = MemoryForecast((Tier("fp16", 3600.0),), step_mib=60.0, step_mib_per_s=0.0)
    daemon.took(daemon.manager.want(daemon.now_s, plan))
    daemon.do()
    daemon.read(300, 30)
    assert not [effect for _, effect in daemon.log if isinstance(effect, LoadGpu)]
    assert daemon.manager.mode == "cpu-engine"
    assert "no room" in daemon.manager.mode_reason
