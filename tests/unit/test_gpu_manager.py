"""When the worker on the GPU comes and goes, and what is asked of it meanwhile."""

import pytest

from fakes.told_manager import LARGE, OURS_MIB, SMALL, TOTAL_MIB, Daemon, evict, figures, serving
from swictation.gpu.effects import (
    LevelChanged,
    LoadGpu,
    MemoryFreed,
    Order,
    PlaceAsr,
    PlaceDetector,
    StopGpu,
)
from swictation.gpu.manager.manager import AdaptiveMemoryManager
from swictation.gpu.policy.admission import Admission
from swictation.gpu.policy.breaker import Breaker

pytestmark = pytest.mark.unit


# Coming.


def test_nothing_is_read_or_loaded_while_nobody_dictates():
    daemon = Daemon()
    assert daemon.manager.need == "none"
    daemon.read(300, 5)
    assert daemon.log == []
    assert daemon.manager.next_tick_s is None or daemon.manager.next_tick_s > daemon.now_s


def test_a_worker_is_loaded_when_dictation_begins_and_the_card_has_been_read():
    daemon = Daemon()
    assert daemon.do() == []
    assert daemon.manager.need == "awaited"
    daemon.read(800)
    assert daemon.seen(LoadGpu)[0].tier == 0
    assert daemon.manager.need == "held"


def test_it_is_not_loaded_where_an_utterance_of_ten_seconds_would_not_fit_beside_it():
    daemon = Daemon()
    daemon.do()
    needed_mib = 430 + 1700 + (200 + 10 * 12 + 16) + 256
    daemon.read(TOTAL_MIB - needed_mib + 1, 30)
    assert not daemon.seen(LoadGpu)
    assert daemon.manager.mode == "cpu-engine"
    assert "no room" in daemon.manager.mode_reason
    daemon.read(TOTAL_MIB - needed_mib, 1)
    assert daemon.seen(LoadGpu)


def test_the_best_model_that_fits_is_loaded():
    daemon = Daemon()
    daemon.manager = AdaptiveMemoryManager(
        daemon.settings, Breaker(), Admission(200.0, 12.0), is_wanted=True, tiers=(LARGE, SMALL)
    )
    daemon.do()
    daemon.read(2000)
    assert daemon.seen(LoadGpu)[0].tier == 1


def test_a_card_that_sleeps_is_free():
    daemon = Daemon()
    daemon.do()
    daemon.trouble("asleep")
    assert daemon.seen(LoadGpu)


def test_a_new_worker_is_not_trusted_before_it_transcribed_a_known_sound():
    daemon = Daemon()
    daemon.do()
    daemon.read(800)
    daemon.ready()
    daemon.read(800)
    assert daemon.manager.admit(daemon.now_s, 3.0, deaths_on_gpu=0).placement == "cpu"
    assert daemon.manager.needs_cpu
    assert daemon.manager.mode == ""  # the first load is no trouble
    daemon.tell("on_validated", is_good=True)
    assert daemon.seen(PlaceAsr)[-1].placement == "gpu"
    assert daemon.manager.admit(daemon.now_s, 3.0, deaths_on_gpu=0).placement == "gpu"


def test_a_wrong_answer_to_the_known_sound_ends_the_worker():
    daemon = Daemon()
    daemon.do()
    daemon.read(800)
    daemon.ready()
    daemon.read(800)
    daemon.tell("on_validated", is_good=False)
    assert daemon.seen(StopGpu)
    assert not daemon.seen(PlaceAsr)


# Going.


def test_an_idle_worker_ends_after_its_time_to_live_and_comes_back_without_a_cool_down():
    daemon = serving()
    daemon.do(is_listening=False)
    daemon.read(800, 299)
    assert not daemon.seen(StopGpu)
    daemon.read(800, 2)
    assert "idle" in daemon.seen(StopGpu)[0].reason
    assert daemon.manager.is_idle
    daemon.gone()
    daemon.read(800, 2)
    daemon.log.clear()
    daemon.do()
    daemon.read(800)
    assert daemon.seen(LoadGpu)


def test_it_stays_for_hours_while_somebody_listens():
    daemon = serving()
    daemon.read(800, 7200)
    assert not daemon.seen(StopGpu)


def test_in_warning_the_idle_time_is_a_minute_and_at_critical_it_is_nothing():
    daemon = serving()
    daemon.read(1300, 3)
    daemon.do(is_listening=False)
    daemon.read(1300, 62)
    assert daemon.seen(StopGpu)
    daemon = serving()
    daemon.read(1500, 3)
    assert not daemon.seen(StopGpu)
    daemon.do(is_listening=False)
    assert daemon.seen(StopGpu)


def test_at_emergency_the_worker_ends_at_once_in_the_middle_of_an_utterance():
    daemon = serving()
    daemon.do(is_busy=True)
    daemon.read(1900, 1)
    kinds = [type(effect) for _, effect in daemon.log]
    assert kinds == [LevelChanged, PlaceAsr, PlaceDetector, StopGpu]
    assert daemon.manager.asr_placement == "cpu"
    assert daemon.manager.mode == "cpu-engine"


def test_vad_only_keeps_the_sound_where_it_was_chosen():
    daemon = serving(on_critical="vad-only")
    daemon.read(1900, 1)
    assert daemon.manager.asr_placement is None
    assert daemon.manager.mode == "vad-only"
    assert daemon.manager.admit(daemon.now_s, 3.0, deaths_on_gpu=0).placement is None
    assert not daemon.manager.needs_cpu


@pytest.mark.parametrize("cpu", [{"cpu_engine": ""}, {}])
def test_without_a_cpu_engine_the_sound_is_kept_as_well(cpu):
    daemon = serving(**cpu)
    daemon.tell("on_cpu", "failed")
    daemon.read(1900, 1)
    assert daemon.manager.asr_placement is None
    assert "CPU engine is missing or has failed" in daemon.manager.mode_reason


def test_a_cpu_engine_a_minute_behind_is_told_and_left_when_it_has_caught_up():
    daemon = serving()
    daemon.read(1900, 1)
    daemon.do(backlog_s=61.0)
    assert daemon.manager.mode == "vad-only"
    assert daemon.manager.admit(daemon.now_s, 3.0, deaths_on_gpu=0).placement == "cpu"
    daemon.do(backlog_s=11.0)
    assert daemon.manager.mode == "vad-only"
    daemon.do(backlog_s=9.0)
    assert daemon.manager.mode == "cpu-engine"


def test_after_an_eviction_it_is_loaded_when_the_card_was_normal_for_the_cool_down():
    daemon = serving()
    daemon.read(1900, 1)
    daemon.gone()
    daemon.read(800, 29)
    begun_s = daemon.now_s
    daemon.log.clear()
    daemon.read(800, 100)
    changed_s, loaded_s, *_ = (
        at_s for at_s, e in daemon.log if isinstance(e, LevelChanged | LoadGpu)
    )
    assert changed_s - begun_s == 2.0
    assert loaded_s - changed_s == 60.0


def test_the_cool_down_doubles_up_to_a_quarter_of_an_hour_and_is_forgotten_when_it_held():
    daemon = serving()
    assert [evict(daemon) for _ in range(6)] == [60, 120, 240, 480, 900, 900]
    daemon.read(800, 900)
    assert evict(daemon) == 60


def test_what_a_stop_frees_is_awaited_and_told():
    daemon = serving()
    daemon.read(1900, 1)
    ours_mib, daemon.ours_mib = daemon.ours_mib, 0.0
    daemon.tell("on_gpu_gone", None, "")
    daemon.ours_mib = ours_mib
    daemon.read(1900, 0.75, every_s=0.25)
    assert not daemon.seen(MemoryFreed)
    assert daemon.manager.is_near
    daemon.ours_mib = 0.0
    daemon.read(1900, 0.25, every_s=0.25)
    gained = daemon.seen(MemoryFreed)[0]
    assert (gained.action, gained.estimate_mib, gained.freed_mib) == ("stop", OURS_MIB, OURS_MIB)
    assert gained.took_s == 1.0
    stops = [a for a in daemon.manager.status(daemon.now_s).actions if a.what == "stop"]
    assert stops[-1].freed_mib == OURS_MIB


def test_what_does_not_show_within_five_seconds_is_told_as_well():
    daemon = serving()
    daemon.read(1900, 1)
    daemon.tell("on_gpu_gone", None, "")  # and yet the driver goes on showing it
    daemon.read(1900, 6)
    gained = daemon.seen(MemoryFreed)[0]
    assert gained.freed_mib == 0.0
    assert 5.0 <= gained.took_s <= 6.0


# On the way.


def test_in_warning_the_cache_is_given_back_where_that_pays():
    daemon = serving()
    daemon.tell("on_gpu_answer", 6.0, figures(cache_mib=200.0))
    daemon.read(1300, 3)
    assert daemon.seen(Order) == [Order("trim")]
    daemon.tell("on_order_done", "trim", is_done=True, figures=figures())
    daemon.read(1100, 1)
    daemon.read(1300, 30)
    assert daemon.seen(Order) == [Order("trim")]


def test_a_trim_that_nobody_confirms_is_asked_for_again_and_blocks_nothing():
    daemon = serving()
    daemon.tell("on_gpu_answer", 6.0, figures(cache_mib=200.0))
    daemon.read(1300, 25)
    assert daemon.seen(Order) == [Order("trim")]
    daemon.read(1300, 20)
    assert daemon.seen(Order) == 2 * [Order("trim")]
    daemon.tell("on_order_done", "trim", is_done=True, figures=figures())
    daemon.read(1100, 1)
    assert [gained.action for gained in daemon.seen(MemoryFreed)] == ["trim"]


def test_a_lost_trim_keeps_no_better_model_away():
    daemon = serving(tiers=(LARGE, SMALL))
    daemon.ready(tier=1, figures=figures(allocated_mib=400.0, cache_mib=200.0))
    daemon.read(800, 2)
    daemon.tell("on_validated", is_good=True)
    daemon.read(2700, 3)
    assert daemon.seen(Order) == [Order("trim")]
    daemon.tell("on_gpu_answer", 6.0, figures(allocated_mib=400.0))
    daemon.read(800, 200)
    assert [stop.reason for stop in daemon.seen(StopGpu)][:1] == ["1b fits again"]


def test_a_small_cache_is_left_alone():
    daemon = serving()
    daemon.tell("on_gpu_answer", 6.0, figures(cache_mib=50.0))
    daemon.read(1300, 30)
    assert not daemon.seen(Order)


def test_an_order_that_was_not_done_is_given_again_as_long_as_its_reason_holds():
    daemon = serving()
    daemon.read(1500, 3)
    assert {order.what for order in daemon.seen(Order)} == {"greedy", "half-buffer"}
    daemon.tell("on_order_done", "greedy", is_done=True, figures=None)
    daemon.tell("on_order_done", "half-buffer", is_done=False, figures=None)
    daemon.log.clear()
    daemon.read(1500, 4)
    assert not daemon.seen(Order)
    daemon.read(1500, 3)
    assert daemon.seen(Order) == [Order("half-buffer")]
    daemon.tell("on_order_done", "half-buffer", is_done=True, figures=None)
    daemon.log.clear()
    daemon.read(800, 40)
    assert {order.what for order in daemon.seen(Order)} == {"beam", "full-buffer"}


def test_an_order_that_a_worker_refuses_three_times_is_kept_for_the_next_worker():
    daemon = serving()

    def critical(seconds):
        daemon.log.clear()
        for _ in range(seconds):
            known = len(daemon.log)
            daemon.read(1480, 1)
            for _, effect in daemon.log[known:]:
                if isinstance(effect, Order):
                    daemon.tell("on_order_done", effect.what, is_done=False, figures=None)
        return sorted(order.what for order in daemon.seen(Order))

    assert critical(2000) == 3 * ["greedy"] + 3 * ["half-buffer"]
    daemon.gone("crash")
    daemon.read(800, 60)
    daemon.ready()
    assert critical(10) == 2 * ["greedy"] + 2 * ["half-buffer"]


def test_at_critical_what_does_not_fit_goes_in_pieces_and_what_cannot_elsewhere():
    daemon = serving()
    daemon.read(1470, 3)
    room_mib = TOTAL_MIB - 1470 - OURS_MIB - 0.05 * TOTAL_MIB
    whole = daemon.manager.admit(daemon.now_s, 3.0, deaths_on_gpu=0)
    assert (whole.placement, whole.piece_s) == ("gpu", 0.0)
    pieces = daemon.manager.admit(daemon.now_s, 20.0, deaths_on_gpu=0)
    assert pieces.placement == "gpu"
    assert pieces.piece_s == pytest.approx((room_mib - 216.0) / 12.0)
    daemon.read(1550, 3)
    refused = daemon.manager.admit(daemon.now_s, 20.0, deaths_on_gpu=0)
    assert refused.placement == "cpu"
    assert daemon.manager.needs_cpu
    daemon.do()
    assert daemon.manager.mode == "cpu-engine"


def test_a_request_that_killed_two_workers_never_goes_to_the_card_again():
    daemon = serving()
    assert daemon.manager.admit(daemon.now_s, 3.0, deaths_on_gpu=1).placement == "gpu"
    assert daemon.manager.admit(daemon.now_s, 3.0, deaths_on_gpu=2).placement == "cpu"


def test_at_critical_a_smaller_model_is_loaded_once_and_never_in_an_utterance():
    daemon = serving(tiers=(LARGE, SMALL))
    daemon.do(is_busy=True)
    daemon.read(1500, 30)
    assert not daemon.seen(StopGpu)
    daemon.do()
    daemon.read(1500, 4)
    assert not daemon.seen(StopGpu)  # our own work may be what filled it
    daemon.read(1500, 1)
    assert "180m" in daemon.seen(StopGpu)[0].reason
    daemon.gone()
    daemon.read(1500, 2)
    assert daemon.seen(LoadGpu)[0].tier == 1
    daemon.ready(1)
    daemon.read(2700, 60)
    assert len(daemon.seen(StopGpu)) == 1


def test_the_better_model_comes_back_when_it_fits_and_all_is_quiet():
    daemon = serving(tiers=(LARGE, SMALL))
    daemon.read(1500, 7)
    daemon.gone()
    daemon.read(1500, 2)
    daemon.ready(1)
    daemon.read(1500, 1)
    daemon.tell("on_validated", is_good=True)
    daemon.log.clear()
    daemon.read(800, 80)
    assert not daemon.seen(StopGpu)
    daemon.do(is_busy=True)
    daemon.read(800, 60)
    assert not daemon.seen(StopGpu)
    daemon.do()
    daemon.read(800, 11)
    assert "1b fits again" in daemon.seen(StopGpu)[0].reason
    daemon.gone()
    daemon.read(800, 2)
    assert daemon.seen(LoadGpu)[0].tier == 0


@pytest.mark.parametrize("held", [{"split_mib": 700.0}, {"retries": 2}])
def test_a_fragmented_worker_is_replaced_in_a_quiet_moment(held):
    daemon = serving()
    daemon.do(is_busy=True)
    daemon.tell("on_gpu_answer", 6.0, figures(**held))
    daemon.read(600, 30)
    assert not daemon.seen(StopGpu)
    daemon.do()
    daemon.read(600, 11)
    assert len(daemon.seen(StopGpu)) == 1
    daemon.gone()
    daemon.read(600, 2)
    assert daemon.seen(LoadGpu)
    daemon.ready()
    daemon.tell("on_gpu_answer", 6.0, figures(**held))
    daemon.read(600, 100)
    assert len(daemon.seen(StopGpu)) == 1  # not again and again
