"""What the memory manager does about a card that fills, empties, sleeps and fails."""

import pytest
from msgspec.structs import replace

from swictation.config.settings import Settings
from swictation.types import AllocatorFigures, Tier, VramSnapshot
from swictation.vram.admission import Admission
from swictation.vram.breaker import Breaker
from swictation.vram.effects import (
    Gained,
    LevelChanged,
    LoadGpu,
    Order,
    PlaceAsr,
    PlaceDetector,
    StopGpu,
    Validate,
)
from swictation.vram.manager import AdaptiveMemoryManager

pytestmark = pytest.mark.unit

TOTAL_MIB = 4096.0
OURS_MIB = 2130.0
LARGE, SMALL = Tier("1b", 1700.0), Tier("180m", 400.0)


class Daemon:
    """Tells the manager what happens, and keeps what it asks for with its time."""

    def __init__(self, **vram):
        plain = Settings()
        asr = {"cpu_engine": vram.pop("cpu_engine", "whisper")}
        vad = {key: vram.pop(key) for key in ("placement", "cpu_above") if key in vram}
        self.tiers = vram.pop("tiers", (LARGE,))
        self.settings = replace(
            plain,
            vram=replace(plain.vram, **vram),
            asr=replace(plain.asr, **asr),
            vad=replace(plain.vad, **vad),
        )
        self.breaker = Breaker()
        self.manager = AdaptiveMemoryManager(
            self.settings, self.breaker, Admission(200.0, 12.0), is_wanted=True
        )
        self.now_s = 0.0
        self.ours_mib = 0.0
        self.log = []

    def took(self, effects):
        self.log += [(self.now_s, effect) for effect in effects]
        return effects

    def read(self, others_mib, seconds=1, every_s=1.0):
        """A reading each `every_s` for so long."""
        for _ in range(round(seconds / every_s)):
            self.now_s += every_s
            free_mib = max(0.0, TOTAL_MIB - others_mib - self.ours_mib)
            self.took(
                self.manager.on_snapshot(
                    VramSnapshot(self.now_s, TOTAL_MIB, free_mib, self.ours_mib)
                )
            )

    def trouble(self, trouble, seconds=1):
        for _ in range(seconds):
            self.now_s += 1.0
            self.took(self.manager.on_snapshot(VramSnapshot(self.now_s, trouble=trouble)))

    def do(self, is_listening=True, is_busy=False, backlog_s=0.0):
        return self.took(
            self.manager.on_activity(
                self.now_s, is_listening=is_listening, is_busy=is_busy, backlog_s=backlog_s
            )
        )

    def tell(self, what, *args, **kwargs):
        return self.took(getattr(self.manager, what)(self.now_s, *args, **kwargs))

    def tick(self, seconds):
        self.now_s += seconds
        return self.took(self.manager.tick(self.now_s))

    def ready(self, tier=0, figures=None):
        self.ours_mib = 430.0 + self.tiers[tier].resident_mib
        self.tell("on_gpu_loading")
        return self.tell("on_gpu_ready", self.tiers, tier, figures)

    def gone(self, kind=None):
        self.ours_mib = 0.0
        return self.tell("on_gpu_gone", kind, "")

    def seen(self, kind):
        return [effect for _, effect in self.log if isinstance(effect, kind)]

    def moved_detector(self):
        self.tell("on_detector", self.seen(PlaceDetector)[-1].seat, "", is_fault=False)


def serving(**kwargs):
    """A daemon that dictates, with a worker that is trusted."""
    daemon = Daemon(**kwargs)
    daemon.do()
    daemon.read(800)
    assert daemon.seen(LoadGpu)
    daemon.ready()
    daemon.read(800)
    assert daemon.seen(Validate)
    daemon.tell("on_validated", is_good=True)
    if daemon.seen(PlaceDetector):
        daemon.moved_detector()
    assert daemon.manager.asr_seat == "gpu"
    daemon.log.clear()
    return daemon


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
    assert daemon.manager.admit(daemon.now_s, 3.0, deaths_on_gpu=0).seat == "cpu"
    assert daemon.manager.needs_cpu
    assert daemon.manager.mode == ""  # the first load is no trouble
    daemon.tell("on_validated", is_good=True)
    assert daemon.seen(PlaceAsr)[-1].seat == "gpu"
    assert daemon.manager.admit(daemon.now_s, 3.0, deaths_on_gpu=0).seat == "gpu"


def test_a_wrong_answer_to_the_known_sound_ends_the_worker():
    daemon = Daemon()
    daemon.do()
    daemon.read(800)
    daemon.ready()
    daemon.read(800)
    daemon.tell("on_validated", is_good=False)
    assert daemon.seen(StopGpu)
    assert not daemon.seen(PlaceAsr)


def test_a_load_that_nobody_begins_is_asked_for_again_after_a_pause():
    daemon = Daemon()
    daemon.do()
    daemon.read(800, 60)
    assert 2 <= len(daemon.seen(LoadGpu)) <= 5


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
    assert daemon.manager.asr_seat == "cpu"
    assert daemon.manager.mode == "cpu-engine"


def test_vad_only_keeps_the_sound_where_it_was_chosen():
    daemon = serving(on_critical="vad-only")
    daemon.read(1900, 1)
    assert daemon.manager.asr_seat is None
    assert daemon.manager.mode == "vad-only"
    assert daemon.manager.admit(daemon.now_s, 3.0, deaths_on_gpu=0).seat is None
    assert not daemon.manager.needs_cpu


@pytest.mark.parametrize("cpu", [{"cpu_engine": ""}, {}])
def test_without_a_cpu_engine_the_sound_is_kept_as_well(cpu):
    daemon = serving(**cpu)
    daemon.tell("on_cpu", "failed")
    daemon.read(1900, 1)
    assert daemon.manager.asr_seat is None
    assert "CPU engine is missing or has failed" in daemon.manager.mode_reason


def test_a_cpu_engine_a_minute_behind_is_told_and_left_when_it_has_caught_up():
    daemon = serving()
    daemon.read(1900, 1)
    daemon.do(backlog_s=61.0)
    assert daemon.manager.mode == "vad-only"
    assert daemon.manager.admit(daemon.now_s, 3.0, deaths_on_gpu=0).seat == "cpu"
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


def evict(daemon):
    """Drive the worker out and let it come back; the seconds of NORMAL that this took."""
    daemon.log.clear()
    daemon.read(1900, 1)
    daemon.gone()
    daemon.read(800, 2000)
    normal_s = next(at_s for at_s, e in daemon.log if getattr(e, "level", "") == "NORMAL")
    loaded_s = next(at_s for at_s, e in daemon.log if isinstance(e, LoadGpu))
    # 2000 s without a start: it has been given up meanwhile.
    while daemon.manager.status(daemon.now_s).worker != "asked":
        daemon.read(800, 1)
    daemon.ready()
    return loaded_s - normal_s


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
    assert not daemon.seen(Gained)
    assert daemon.manager.is_near
    daemon.ours_mib = 0.0
    daemon.read(1900, 0.25, every_s=0.25)
    gained = daemon.seen(Gained)[0]
    assert (gained.action, gained.estimate_mib, gained.freed_mib) == ("stop", OURS_MIB, OURS_MIB)
    assert gained.took_s == 1.0
    stops = [a for a in daemon.manager.status(daemon.now_s).actions if a.what == "stop"]
    assert stops[-1].freed_mib == OURS_MIB


def test_what_does_not_show_within_five_seconds_is_told_as_well():
    daemon = serving()
    daemon.read(1900, 1)
    daemon.tell("on_gpu_gone", None, "")  # and yet the driver goes on showing it
    daemon.read(1900, 6)
    gained = daemon.seen(Gained)[0]
    assert gained.freed_mib == 0.0
    assert 5.0 <= gained.took_s <= 6.0


# On the way.


def figures(allocated_mib=1700.0, cache_mib=0.0, split_mib=0.0, retries=0):
    reserved_mib = allocated_mib + cache_mib + split_mib
    return AllocatorFigures(allocated_mib, reserved_mib, split_mib, reserved_mib, retries)


def test_in_warning_the_cache_is_given_back_where_that_pays():
    daemon = serving()
    daemon.tell("on_gpu_answer", 6.0, figures(cache_mib=200.0))
    daemon.read(1300, 3)
    assert daemon.seen(Order) == [Order("trim")]
    daemon.tell("on_order_done", "trim", is_done=True, figures=figures())
    daemon.read(1100, 1)
    daemon.read(1300, 30)
    assert daemon.seen(Order) == [Order("trim")]


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


def test_at_critical_what_does_not_fit_goes_in_pieces_and_what_cannot_elsewhere():
    daemon = serving()
    daemon.read(1470, 3)
    room_mib = TOTAL_MIB - 1470 - OURS_MIB - 0.05 * TOTAL_MIB
    whole = daemon.manager.admit(daemon.now_s, 3.0, deaths_on_gpu=0)
    assert (whole.seat, whole.piece_s) == ("gpu", 0.0)
    pieces = daemon.manager.admit(daemon.now_s, 20.0, deaths_on_gpu=0)
    assert pieces.seat == "gpu"
    assert pieces.piece_s == pytest.approx((room_mib - 216.0) / 12.0)
    daemon.read(1550, 3)
    refused = daemon.manager.admit(daemon.now_s, 20.0, deaths_on_gpu=0)
    assert refused.seat == "cpu"
    assert daemon.manager.needs_cpu
    daemon.do()
    assert daemon.manager.mode == "cpu-engine"


def test_a_request_that_killed_two_workers_never_goes_to_the_card_again():
    daemon = serving()
    assert daemon.manager.admit(daemon.now_s, 3.0, deaths_on_gpu=1).seat == "gpu"
    assert daemon.manager.admit(daemon.now_s, 3.0, deaths_on_gpu=2).seat == "cpu"


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


# Faults.


def test_no_success_is_reported_after_a_fault_until_recovery_has_been_validated():
    daemon = serving()
    daemon.gone("fatal")
    assert daemon.manager.asr_seat == "cpu"
    daemon.read(800, 1)
    assert daemon.seen(LoadGpu)
    daemon.ready()
    for _ in range(2):
        assert daemon.manager.asr_seat == "cpu"
        daemon.log.clear()
        daemon.read(800, 1)
        assert daemon.manager.admit(daemon.now_s, 3.0, deaths_on_gpu=0).seat == "cpu"
        daemon.tell("on_validated", is_good=True)
    assert daemon.manager.asr_seat == "gpu"
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
    daemon.gone("crash")
    daemon.read(800, 1)
    daemon.ready()
    daemon.do(is_busy=True)
    for _ in range(2):
        daemon.read(800, 1)
        daemon.tell("on_validated", is_good=True)
    assert daemon.manager.asr_seat == "cpu"
    daemon.do(is_busy=False)
    assert daemon.manager.asr_seat == "gpu"


def test_far_behind_it_is_taken_at_once():
    daemon = serving()
    daemon.gone("crash")
    daemon.read(800, 1)
    daemon.ready()
    daemon.do(is_busy=True, backlog_s=20.0)
    for _ in range(2):
        daemon.read(800, 1)
        daemon.tell("on_validated", is_good=True)
    assert daemon.manager.asr_seat == "gpu"


def test_a_worker_that_says_something_fatal_is_ended():
    daemon = serving()
    daemon.do(is_busy=True)
    daemon.tell("on_gpu_failed", "fatal")
    assert daemon.seen(StopGpu)
    assert daemon.manager.asr_seat == "cpu"


def test_three_ooms_in_a_minute_lead_to_the_cpu_and_validations_back():
    daemon = serving()
    for _ in range(3):
        assert daemon.manager.asr_seat == "gpu"
        daemon.tell("on_gpu_failed", "oom")
    assert daemon.manager.asr_seat == "cpu"
    assert not daemon.seen(StopGpu)
    daemon.read(800, 4)
    assert not daemon.seen(Validate)
    daemon.read(800, 2)
    assert len(daemon.seen(Validate)) == 1
    daemon.tell("on_validated", is_good=True)
    assert len(daemon.seen(Validate)) == 2
    assert daemon.manager.asr_seat == "cpu"
    daemon.tell("on_validated", is_good=True)
    assert daemon.manager.asr_seat == "gpu"


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
    assert daemon.manager.asr_seat == "cpu"  # a wait would never end
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
    assert daemon.manager.asr_seat == "cpu"


def test_other_troubles_lead_to_the_cpu_at_once_and_end_the_worker_after_ten_seconds():
    daemon = serving()
    daemon.do(is_busy=True)
    daemon.trouble("unknown")
    assert daemon.manager.asr_seat == "cpu"
    assert daemon.seen(PlaceDetector)[-1].seat == "cpu"
    daemon.trouble("unknown", 8)
    assert not daemon.seen(StopGpu)
    daemon.trouble("unknown", 1)
    assert daemon.seen(StopGpu)


def test_an_old_reading_is_as_good_as_none_and_the_manager_asks_to_be_woken_for_it():
    daemon = serving()
    assert daemon.manager.next_tick_s <= daemon.now_s + 3.1
    daemon.tick(3.0)
    assert daemon.manager.asr_seat == "gpu"
    assert daemon.manager.admit(daemon.now_s + 0.5, 3.0, deaths_on_gpu=0).seat == "cpu"
    daemon.tick(0.1)
    assert daemon.manager.asr_seat == "cpu"
    daemon.tick(7.0)
    assert daemon.seen(StopGpu)


def test_after_a_trouble_the_card_is_believed_when_it_was_readable_for_a_while():
    daemon = serving()
    daemon.trouble("unknown", 3)
    daemon.read(800, 5)
    assert daemon.manager.asr_seat == "cpu"
    daemon.read(800, 1)
    assert daemon.manager.asr_seat == "gpu"


@pytest.mark.parametrize(
    "figures",
    [(0.0, 0.0), (4096.0, 5000.0), (4096.0, -1.0), (float("nan"), 1.0), (4096.0, float("nan"))],
)
def test_impossible_figures_are_no_reading(figures):
    daemon = serving()
    daemon.now_s += 1.0
    daemon.took(daemon.manager.on_snapshot(VramSnapshot(daemon.now_s, *figures, 0.0)))
    assert daemon.manager.asr_seat == "cpu"


def test_after_sleep_nothing_counts_that_was_known():
    daemon = serving()
    daemon.gone()  # the daemon ends it before the machine sleeps
    daemon.now_s += 30000.0
    daemon.log.clear()
    daemon.tell("resumed")
    assert not daemon.seen(LoadGpu)
    daemon.read(800, 1)
    assert daemon.seen(LoadGpu)


# The detector.


def test_the_detector_follows_the_level_with_a_dwell():
    daemon = serving()
    daemon.read(800, 30)
    daemon.read(1300, 3)
    assert daemon.seen(PlaceDetector)[-1].seat == "cpu"
    daemon.moved_detector()
    daemon.log.clear()
    daemon.read(800, 29)
    assert not daemon.seen(PlaceDetector)
    daemon.read(800, 5)
    assert daemon.seen(PlaceDetector)[-1].seat == "gpu"


def test_placement_cpu_keeps_it_there_and_gpu_only_until_critical():
    daemon = serving(placement="cpu")
    daemon.read(800, 100)
    assert not daemon.seen(PlaceDetector)
    daemon = serving(placement="gpu")
    daemon.read(1300, 100)
    assert not daemon.seen(PlaceDetector)
    daemon.read(1500, 3)
    assert daemon.seen(PlaceDetector)[-1].seat == "cpu"


def test_cpu_above_has_the_ladders_gap():
    daemon = serving(cpu_above=0.85)
    daemon.read(800, 40)
    daemon.read(1300, 40)  # 83.7 %
    assert not daemon.seen(PlaceDetector)
    daemon.read(1400, 1)  # 86.2 %
    assert daemon.seen(PlaceDetector)[-1].seat == "cpu"
    daemon.moved_detector()
    daemon.log.clear()
    daemon.read(1200, 60)  # 81.3 %
    assert not daemon.seen(PlaceDetector)
    daemon.read(1000, 1)
    assert daemon.seen(PlaceDetector)[-1].seat == "gpu"


def test_a_fault_of_the_detector_doubles_the_dwell():
    daemon = serving()
    daemon.tell("on_detector", "cpu", "it died", is_fault=True)
    daemon.read(800, 59)
    assert not daemon.seen(PlaceDetector)
    daemon.read(800, 2)
    assert daemon.seen(PlaceDetector)[-1].seat == "gpu"
    assert daemon.manager.status(daemon.now_s).vad_placement.effective == "cpu"


def test_a_move_that_nobody_confirms_is_asked_for_again():
    daemon = serving()
    daemon.read(1900, 1)
    assert len(daemon.seen(PlaceDetector)) == 1
    daemon.read(1900, 13)
    assert len(daemon.seen(PlaceDetector)) == 2


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
    assert (manager.need, manager.mode, manager.asr_seat) == ("none", "", "cpu")
    assert manager.admit(3.0, 5.0, deaths_on_gpu=0).seat == "cpu"
